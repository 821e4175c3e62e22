"""Trained models: folders that hold one, with its card, and repositories of such folders."""
