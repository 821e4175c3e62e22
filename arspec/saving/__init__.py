"""Trained models outside of a run: folders that hold one with its card, and repositories of such folders."""
