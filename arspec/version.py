"""The version of arspec, stated here alone: pyproject.toml and `arspec --version` take it from here."""

VERSION = "0.1.0"
