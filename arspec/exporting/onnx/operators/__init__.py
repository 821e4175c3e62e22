"""torch's core operators as nodes of ONNX. A function takes the graph, what the operator gives, and its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arspec.exporting.onnx.operators.indexing import INDEXING
from arspec.exporting.onnx.operators.pointwise import POINTWISE
from arspec.exporting.onnx.operators.products import PRODUCTS
from arspec.exporting.onnx.operators.reductions import REDUCTIONS
from arspec.exporting.onnx.operators.shapes import SHAPES

OPERATORS: dict[str, Callable[..., Any]] = {**POINTWISE, **REDUCTIONS, **PRODUCTS, **SHAPES, **INDEXING}
"""By the name of a core operator, what writes it."""
