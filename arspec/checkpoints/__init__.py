"""Checkpoints of others: folders of weights as runs of ours, and back. One table a family, which is data."""
