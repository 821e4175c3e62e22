"""Operators that lay numbers out anew, and those that make them of nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from arspec.exporting.onnx.building import Building, Value
from arspec.exporting.onnx.operators.pointwise import Gives, Write, as_value
from arspec.exporting.onnx.tracing import Dim, Size, Untraceable

FAR = (1 << 63) - 1  # an end that stands for the end of a dimension


def reshape(b: Building, x: Value, shape: tuple[Size, ...]) -> str:
    """The same numbers in another shape; there may be none at all."""
    return b.node("Reshape", [b.name(x), b.numbers(shape)], allowzero=1)


def _view(b: Building, gives: Gives, x: Value, *_: Any, **__: Any) -> str:
    return reshape(b, x, gives[0].shape)


def _permuted(b: Building, gives: Gives, x: Value, dims: list[int]) -> str:
    return b.node("Transpose", [b.name(x)], perm=[d % x.rank for d in dims])


def _transposed(b: Building, gives: Gives, x: Value, one: int, other: int) -> str:
    order = [*range(x.rank)]
    order[one], order[other] = order[other], order[one]
    return b.node("Transpose", [b.name(x)], perm=order)


def _turned(b: Building, gives: Gives, x: Value) -> str:
    return _transposed(b, gives, x, 0, -1)


def _expanded(b: Building, gives: Gives, x: Value, *_: Any, **__: Any) -> str:
    found = b.node("Expand", [b.name(_whole(b, x)), b.numbers(gives[0].shape)])
    return _back(b, x, found)


def _whole(b: Building, x: Value) -> Value:
    """Truth values as whole numbers, for the few nodes that do not take these."""
    return b.cast(x, torch.int64) if x.dtype == torch.bool else x


def _back(b: Building, x: Value, found: str) -> str:
    return b.name(b.cast(Value(x.shape, torch.int64, found), torch.bool)) if x.dtype == torch.bool else found


def _repeated(b: Building, gives: Gives, x: Value, times: list[Any]) -> str:
    lead = len(times) - x.rank
    if lead:
        x = Value((*[1] * lead, *x.shape), x.dtype, reshape(b, x, (*[1] * lead, *x.shape)))
    return b.node("Tile", [b.name(x), b.numbers(times)])


def _joined(b: Building, gives: Gives, xs: list[Value], dim: int = 0) -> str:
    rank = len(gives[0].shape)
    kept = [x for x in xs if x.rank == rank]  # torch leaves out what has no numbers and one dimension
    return b.node("Concat", [b.name(b.cast(x, gives[0].dtype)) for x in kept], axis=dim % rank)


def sliced(b: Building, x: Value, dim: int, first: Any, last: Any, step: int = 1) -> str:
    """A slice of one dimension."""
    last = FAR if last is None or (isinstance(last, int) and last > FAR // 2) else last
    bounds = [b.numbers([0 if first is None else first]), b.numbers([last])]
    return b.node("Slice", [b.name(x), *bounds, b.numbers([dim % x.rank]), b.numbers([step])])


def _slice(
    b: Building, gives: Gives, x: Value, dim: int = 0, first: Any = None, last: Any = None, step: int = 1
) -> str:
    return sliced(b, x, dim, first, last, step)


def _selected(b: Building, gives: Gives, x: Value, dim: int, index: Any) -> str:
    return b.node("Gather", [b.name(x), b.name(b.scalar(index, torch.int64))], axis=dim % x.rank)


def _split(b: Building, gives: Gives, x: Value, sizes: Any, dim: int = 0) -> list[str]:
    dim %= x.rank
    widths = [variable.shape[dim] for variable in gives]
    if len(widths) == 1:
        return [b.node("Identity", [b.name(x)])]
    return b.several("Split", [b.name(x), b.numbers(widths)], len(widths), axis=dim)


def _unbound(b: Building, gives: Gives, x: Value, dim: int = 0) -> list[str]:
    return [_selected(b, gives, x, dim, k) for k in range(len(gives))]


def _flipped(b: Building, gives: Gives, x: Value, dims: list[int]) -> str:
    return flipped(b, x, dims)


def flipped(b: Building, x: Value, dims: list[int]) -> str:
    """The numbers in the opposite order along these dimensions."""
    count = len(dims)
    axes = b.numbers([d % x.rank for d in dims])
    return b.node(
        "Slice", [b.name(x), b.numbers([-1] * count), b.numbers([-FAR] * count), axes, b.numbers([-1] * count)]
    )


def _padded(b: Building, gives: Gives, x: Value, pad: list[int], value: Any = 0) -> str:
    return padded(b, x, pad, value)


def padded(b: Building, x: Value, pad: list[int], value: Any = 0) -> str:
    """x with so many numbers before and after those of the last dimension, the one before it, ...; fewer than none cut
    some off."""
    before, after = [0] * x.rank, [0] * x.rank
    for k in range(len(pad) // 2):
        before[x.rank - 1 - k], after[x.rank - 1 - k] = pad[2 * k], pad[2 * k + 1]
    if not any(isinstance(n, Dim) for n in pad) and min(pad, default=0) < 0:  # what is less than nothing is cut off
        axes = [k for k in range(x.rank) if before[k] < 0 or after[k] < 0]
        starts, ends = [max(0, -before[k]) for k in axes], [min(after[k], 0) or FAR for k in axes]
        cut = b.node("Slice", [b.name(x), b.numbers(starts), b.numbers(ends), b.numbers(axes)])
        x = Value(x.shape, x.dtype, cut)
        before, after = [max(0, n) for n in before], [max(0, n) for n in after]
    whole = _whole(b, x)
    found = b.node("Pad", [b.name(whole), b.numbers([*before, *after]), b.name(b.scalar(value, whole.dtype))])
    return _back(b, x, found)


def _scattered_slice(
    b: Building, gives: Gives, x: Value, y: Value, dim: int = 0, first: Any = None, last: Any = None, step: int = 1
) -> str:
    """x with a slice of one dimension taken from y."""
    dim %= x.rank
    size, first = x.shape[dim], first or 0
    if step != 1 or isinstance(first, Dim) or isinstance(size, Dim):
        return _every_other(b, x, y, dim, first, step)
    last = size if last is None or last > size else last
    first, last = first % size if first < 0 else first, last % size if last < 0 else last
    parts = [sliced(b, x, dim, 0, first)] if first else []
    parts.append(b.name(b.cast(y, x.dtype)))
    parts += [sliced(b, x, dim, last, None)] if last < size else []
    return b.node("Concat", parts, axis=dim)


def _every_other(b: Building, x: Value, y: Value, dim: int, first: Any, step: int) -> str:
    count = y.shape[dim]
    if isinstance(count, Dim) or isinstance(first, Dim):
        raise Untraceable("it writes to a part of a tensor that is as long as the batch")
    return placed(b, x, np.arange(count) * step + first, y, dim)


def placed(b: Building, x: Value, at: Any, y: Value, dim: int) -> str:
    """x with the indices `at` of one dimension taken from y. at: numbers, or the name of a tensor of them."""
    index = at if isinstance(at, str) else b.array(np.asarray(at, np.int64))
    wide = b.node("Reshape", [index, b.numbers([-1 if k == dim else 1 for k in range(x.rank)])])
    wide = b.node("Expand", [wide, b.node("Shape", [b.name(y)])])
    return b.node("ScatterElements", [b.name(x), wide, b.name(b.cast(y, x.dtype))], axis=dim)


def _scattered_select(b: Building, gives: Gives, x: Value, y: Value, dim: int, index: int) -> str:
    dim %= x.rank
    shape = (*x.shape[:dim], 1, *x.shape[dim + 1 :])
    return placed(b, x, [index], Value(shape, x.dtype, reshape(b, y, shape)), dim)


# -- of nothing ------------------------------------------------------------------------------------------------------


def _filled(value: Any = None) -> Write:
    def write(b: Building, gives: Gives, *args: Any, **_: Any) -> str:
        own = value if value is not None else args[1]
        number = as_value(b, own, torch.int64 if gives[0].dtype == torch.bool else gives[0].dtype)
        found = b.node("Expand", [b.name(number), b.numbers(gives[0].shape)])
        return b.name(b.cast(Value(gives[0].shape, number.dtype, found), gives[0].dtype))

    return write


def _filled_anew(b: Building, gives: Gives, x: Value, size: Any, value: Any, **_: Any) -> str:
    return _filled(value)(b, gives)


def _number(b: Building, gives: Gives, number: Any, **_: Any) -> Value:
    return b.scalar(number, gives[0].dtype)


def _counted(b: Building, gives: Gives, first: Any, last: Any, step: Any = 1, **_: Any) -> str:
    dtype = gives[0].dtype
    return b.node("Range", [b.name(b.scalar(each, dtype)) for each in (first, last, step)])


def _rolled(b: Building, gives: Gives, x: Value, shifts: list[int], dims: list[int]) -> str:
    found = x
    for shift, dim in zip(shifts, dims, strict=True):
        size = found.shape[dim % x.rank]
        if isinstance(size, Dim) or math.prod([size]) == 0:
            raise Untraceable("it rolls examples")
        cut = (size - shift) % size
        parts = [sliced(b, found, dim, cut, None), sliced(b, found, dim, 0, cut)]
        found = Value(x.shape, x.dtype, b.node("Concat", parts, axis=dim % x.rank))
    return b.name(found)


SHAPES: dict[str, Write] = {
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "unsqueeze", "squeeze"), _view),
    "permute": _permuted, "transpose": _transposed, "t": _turned,
    "expand": _expanded, "repeat": _repeated, "cat": _joined, "slice": _slice, "select": _selected,
    "split_with_sizes": _split, "split": _split, "unbind": _unbound, "flip": _flipped, "constant_pad_nd": _padded,
    "slice_scatter": _scattered_slice, "select_scatter": _scattered_select, "roll": _rolled,
    "full": _filled(), "full_like": _filled(), "new_full": _filled_anew,
    **dict.fromkeys(("zeros", "zeros_like", "new_zeros"), _filled(0)),
    **dict.fromkeys(("empty", "empty_like", "new_empty", "empty_permuted"), _filled(0)),
    **dict.fromkeys(("ones", "ones_like", "new_ones"), _filled(1)),
    "scalar_tensor": _number, "arange": _counted,
}  # fmt: skip
"""By the name of an operator, what writes it."""
