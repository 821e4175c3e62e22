"""The tables of the families, as YAML."""
