"""The parallel module of a spec: its weights, and all sites at once."""
