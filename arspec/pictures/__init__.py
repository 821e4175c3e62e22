"""Pictures of a spec: its graph as a diagram, and its order, masks and contexts as fields. Static: no torch."""
