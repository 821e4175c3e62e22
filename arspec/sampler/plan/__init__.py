"""Plans: at which step every site is computed, from a graph alone."""
