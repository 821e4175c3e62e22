"""Readers of a person's own files, one file here for each medium."""
