"""A page to walk through a spec, an audit or a trained model: one HTML file that holds its facts, and shows them."""
