"""Causal classes of the package transformers as modules for the audit: tiny random ones, and local checkpoints."""

from __future__ import annotations

from arspec.auditing.transformers.building import PREFIX, Causal, causal_classes, load_causal

__all__ = ["PREFIX", "Causal", "causal_classes", "load_causal"]
