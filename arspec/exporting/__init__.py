"""A model as others take it: one readable file of plain torch, with its weights beside it."""

from __future__ import annotations

from arspec.exporting.torch_file import Exported, export_torch

__all__ = ["Exported", "export_torch"]
