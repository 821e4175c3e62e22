"""The command line. Each command is a module with `add_arguments` and `run`;
only the one that is called is imported."""
