"""A model as graphs of ONNX: the forward pass, one step of the sampler with its state, and a driver that draws."""

from __future__ import annotations

from arspec.exporting.onnx.export import ExportedOnnx, export_onnx

__all__ = ["ExportedOnnx", "export_onnx"]
