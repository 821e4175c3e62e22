"""A model as others take it: a readable file of plain torch with its weights, or graphs of ONNX with a driver."""

from __future__ import annotations

from arspec.exporting.onnx import ExportedOnnx, export_onnx
from arspec.exporting.torch_file import Exported, export_torch

__all__ = ["Exported", "ExportedOnnx", "export_onnx", "export_torch"]
