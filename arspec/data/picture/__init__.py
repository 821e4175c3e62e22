"""Pictures of files: what the file holds, at its full depth, and how it becomes what a spec models."""
