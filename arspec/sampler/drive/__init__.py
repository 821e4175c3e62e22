"""Driving a run: what is drawn from it, by which method, and from which noise."""
