"""Operators over a dimension: sums, means, extremes, softmax and norms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from arspec.exporting.onnx.building import Building, Value
from arspec.exporting.onnx.operators.pointwise import Gives, Write
from arspec.exporting.onnx.tracing import Dim, Untraceable


def axes_of(x: Value, dims: Any) -> list[int]:
    """Dimensions from 0 on; all where none are named."""
    if dims is None or dims == []:
        return [*range(x.rank)]
    return [d % max(x.rank, 1) for d in (dims if isinstance(dims, list) else [dims])]


def _reduced(kind: str) -> Write:
    def write(b: Building, gives: Gives, x: Value, dims: Any = None, keep: bool = False, **_: Any) -> str:
        return reduce(b, kind, b.cast(x, gives[0].dtype), axes_of(x, dims), keep)

    return write


def reduce(b: Building, kind: str, x: Value, axes: list[int], keep: bool) -> str:
    """The node of a reduction. Those of the older form name their axes as an attribute."""
    if kind == "ReduceSum" or kind in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"):
        return b.node(kind, [b.name(x), b.array(np.asarray(axes, np.int64))], keepdims=int(keep))
    raise Untraceable(f"it reduces by {kind}")


def _any(b: Building, gives: Gives, x: Value, dims: Any = None, keep: bool = False) -> str:
    number = b.cast(b.cast(x, torch.bool), torch.int64)
    found = reduce(b, "ReduceMax", number, axes_of(x, dims), keep)
    return b.name(b.cast(Value(gives[0].shape, torch.int64, found), torch.bool))


def _all(b: Building, gives: Gives, x: Value, dims: Any = None, keep: bool = False) -> str:
    number = b.cast(b.cast(x, torch.bool), torch.int64)
    found = reduce(b, "ReduceMin", number, axes_of(x, dims), keep)
    return b.name(b.cast(Value(gives[0].shape, torch.int64, found), torch.bool))


def _extreme(kind: str, which: str) -> Write:
    """`max.dim`: the highest and where it is; without a dimension, the highest alone."""

    def write(b: Building, gives: Gives, x: Value, dim: int | None = None, keep: bool = False) -> Any:
        found = reduce(b, kind, x, axes_of(x, dim), keep)
        if dim is None:
            return found
        return [found, b.node(which, [b.name(x)], axis=dim % x.rank, keepdims=int(keep))]

    return write


def _place(which: str) -> Write:
    def write(b: Building, gives: Gives, x: Value, dim: int | None = None, keep: bool = False) -> str:
        if dim is None:
            raise Untraceable("it looks for the highest of all numbers")
        return b.node(which, [b.name(x)], axis=dim % x.rank, keepdims=int(keep))

    return write


def _cumulative(b: Building, gives: Gives, x: Value, dim: int, **_: Any) -> str:
    axis = b.array(np.asarray(dim % max(x.rank, 1), np.int64))
    return b.node("CumSum", [b.name(b.cast(x, gives[0].dtype)), axis])


def _softmax(kind: str) -> Write:
    def write(b: Building, gives: Gives, x: Value, dim: int, half: bool = False) -> str:
        return b.node(kind, [b.name(b.cast(x, gives[0].dtype))], axis=dim % x.rank)

    return write


def _layer_norm(b: Building, gives: Gives, x: Value, shape: Any, gain: Any, bias: Any, epsilon: float) -> Any:
    """The normalised numbers; the mean and the deviation are for gradients alone."""
    axes = [*range(x.rank - len(shape), x.rank)]
    mean = reduce(b, "ReduceMean", x, axes, True)
    apart = b.node("Sub", [b.name(x), mean])
    squares = Value(x.shape, x.dtype, b.node("Mul", [apart, apart]))
    spread = b.node("Add", [reduce(b, "ReduceMean", squares, axes, True), b.name(b.scalar(epsilon, x.dtype))])
    scale = b.node("Reciprocal", [b.node("Sqrt", [spread])])
    found = b.node("Mul", [apart, scale])
    if gain is not None:
        found = b.node("Mul", [found, b.name(gain)])
    if bias is not None:
        found = b.node("Add", [found, b.name(bias)])
    return [found, mean, scale]


def _group_norm(
    b: Building, gives: Gives, x: Value, gain: Any, bias: Any, batch: Any, channels: int, size: Any, groups: int,
    epsilon: float,
) -> Any:  # fmt: skip
    inner = (x.shape[0], groups, channels // groups, *x.shape[2:])
    apart = Value(inner, x.dtype, b.node("Reshape", [b.name(x), b.numbers(inner)], allowzero=1))
    found, mean, scale = _layer_norm(b, gives, apart, [0] * (len(inner) - 2), None, None, epsilon)
    found = b.node("Reshape", [found, b.numbers(x.shape)], allowzero=1)
    wide = [channels, *[1] * (x.rank - 2)]
    for kind, own in (("Mul", gain), ("Add", bias)):
        if own is not None:
            found = b.node(kind, [found, b.node("Reshape", [b.name(own), b.numbers(wide)])])
    return [found, mean, scale]


def _variance(
    b: Building, gives: Gives, x: Value, dims: Any = None, *, correction: Any = 1, keepdim: bool = False
) -> str:
    axes = axes_of(x, dims)
    sizes = [x.shape[k] for k in axes]
    if any(isinstance(size, Dim) for size in sizes):
        raise Untraceable("it takes the variance over examples")
    count = math.prod(int(size) for size in sizes if not isinstance(size, Dim))
    apart = b.node("Sub", [b.name(x), reduce(b, "ReduceMean", x, axes, True)])
    squares = Value(x.shape, x.dtype, b.node("Mul", [apart, apart]))
    return b.node(
        "Div", [reduce(b, "ReduceSum", squares, axes, keepdim), b.name(b.scalar(count - correction, x.dtype))]
    )


def _vector_norm(
    b: Building, gives: Gives, x: Value, order: Any = 2, dims: Any = None, keep: bool = False, **_: Any
) -> str:
    if order != 2:
        raise Untraceable(f"it takes a norm of the order {order}")
    squares = Value(x.shape, x.dtype, b.node("Mul", [b.name(x), b.name(x)]))
    return b.node("Sqrt", [reduce(b, "ReduceSum", squares, axes_of(x, dims), keep)])


REDUCTIONS: dict[str, Write] = {
    "sum": _reduced("ReduceSum"), "mean": _reduced("ReduceMean"), "amax": _reduced("ReduceMax"),
    "amin": _reduced("ReduceMin"), "prod": _reduced("ReduceProd"), "any": _any, "all": _all,
    "max": _extreme("ReduceMax", "ArgMax"), "min": _extreme("ReduceMin", "ArgMin"),
    "argmax": _place("ArgMax"), "argmin": _place("ArgMin"), "cumsum": _cumulative,
    "_softmax": _softmax("Softmax"), "_log_softmax": _softmax("LogSoftmax"),
    "native_layer_norm": _layer_norm, "native_group_norm": _group_norm, "var": _variance,
    "linalg_vector_norm": _vector_norm,
}  # fmt: skip
"""By the name of an operator, what writes it."""
