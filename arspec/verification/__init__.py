"""Verification: the proof, and tests that hold a compiled module to it."""
