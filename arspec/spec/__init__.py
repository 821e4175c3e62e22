"""The spec: text to marked tree, sections, expressions, expansion."""
