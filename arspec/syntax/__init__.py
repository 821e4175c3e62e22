"""Text in, values with their places out: YAML, scalars, expressions, predicates."""
