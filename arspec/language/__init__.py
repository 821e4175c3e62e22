"""The language of specs: from values with places to a typed graph."""
