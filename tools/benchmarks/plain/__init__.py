"""Plain torch, written by hand and without arspec, as the field writes these networks: what arspec is measured against.

Each takes its weights from a compiled spec (`copy`), so that it can be held to the same numbers before it is timed.
"""
