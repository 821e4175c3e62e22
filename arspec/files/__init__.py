"""Files: those that others wrote are opened with care, and our own are written whole or not at all."""
