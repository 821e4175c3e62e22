"""The sampler: every site once. What is done when, by what, and for whom."""
