"""Operators that read or write where other numbers say."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from arspec.exporting.onnx.building import Building, Value
from arspec.exporting.onnx.operators.pointwise import Gives, Write, as_value
from arspec.exporting.onnx.operators.shapes import reshape
from arspec.exporting.onnx.tracing import Untraceable


def _index_select(b: Building, gives: Gives, x: Value, dim: int, index: Value) -> str:
    return b.node("Gather", [b.name(x), b.name(index)], axis=dim % max(x.rank, 1))


def _embedding(b: Building, gives: Gives, weight: Value, index: Value, *_: Any) -> str:
    return b.node("Gather", [b.name(weight), b.name(b.cast(index, torch.int64))], axis=0)


def _gather(b: Building, gives: Gives, x: Value, dim: int, index: Value, **_: Any) -> str:
    return b.node("GatherElements", [b.name(x), b.name(index)], axis=dim % max(x.rank, 1))


def _indexed(b: Building, gives: Gives, x: Value, indices: list[Value | None]) -> str:
    """x[..., i, j, ...]: one index by Gather, several that stand side by side by GatherND."""
    places = _places(indices)
    if len(places) == 1:
        (dim,) = places
        index = indices[dim]
        assert index is not None
        return b.node("Gather", [b.name(x), b.name(index)], axis=dim)
    together, shape = _together(b, indices)
    found = b.node("GatherND", [b.name(_first(b, x, places)), together])
    return _behind(b, found, places[0], len(shape), x.rank - len(places))


def _first(b: Building, x: Value, places: list[int]) -> Value:
    """x with some of its dimensions before all others."""
    return _moved(b, x, [*places, *(k for k in range(x.rank) if k not in places)])


def _behind(b: Building, name: str, before: int, wide: int, rest: int) -> str:
    """The tensor with its first `wide` dimensions behind `before` of the others, of which there are `rest`."""
    order = [*range(wide, wide + before), *range(wide), *range(wide + before, wide + rest)]
    return name if before == 0 else b.node("Transpose", [name], perm=order)


def _moved(b: Building, x: Value, order: list[int]) -> Value:
    if order == [*range(x.rank)]:
        return x
    return Value(tuple(x.shape[k] for k in order), x.dtype, b.node("Transpose", [b.name(x)], perm=order))


def _places(indices: list[Value | None]) -> list[int]:
    """The dimensions that are indexed, which stand side by side."""
    if any(index is not None and index.dtype == torch.bool for index in indices):
        raise Untraceable("it takes as many numbers as are true")
    places = [k for k, index in enumerate(indices) if index is not None]
    if places != [*range(places[0], places[0] + len(places))]:
        raise Untraceable("it indexes dimensions that are apart")
    return places


def _together(b: Building, indices: list[Value | None]) -> tuple[str, list[Any]]:
    """The indices of several dimensions side by side, [..., count], and the shape that they have without that."""
    own = [b.cast(index, torch.int64) for index in indices if index is not None]
    wide = max(index.rank for index in own)
    shape: list[Any] = [1] * wide
    for index in own:
        for k, size in enumerate(index.shape, wide - index.rank):
            shape[k] = size if size != 1 else shape[k]
    parts = [b.node("Unsqueeze", [b.node("Expand", [b.name(index), b.numbers(shape)]), b.numbers([wide])])
             for index in own]  # fmt: skip
    return b.node("Concat", parts, axis=wide), shape


def _put(b: Building, gives: Gives, x: Value, indices: list[Value | None], values: Value, add: bool = False) -> str:
    """x with the values written, or added, where the indices say."""
    places = _places(indices)
    together, shape = _together(b, indices)
    first, wide = places[0], len(shape)
    inner = (*x.shape[:first], *shape, *x.shape[first + len(places) :])
    rows = Value(inner, x.dtype, b.node("Expand", [b.name(b.cast(values, x.dtype)), b.numbers(inner)]))
    rows = _first(b, rows, [*range(first, first + wide)])
    inputs = [b.name(_first(b, x, places)), together, b.name(rows)]
    found = b.node("ScatterND", inputs, **({"reduction": "add"} if add else {}))
    return _behind(b, found, first, len(places), x.rank - len(places))


def _index_added(b: Building, gives: Gives, x: Value, dim: int, index: Value, source: Value, *, alpha: Any = 1) -> str:
    if alpha != 1:
        source = Value(source.shape, x.dtype, b.node("Mul", [b.name(source), b.name(b.scalar(alpha, x.dtype))]))
    return _put(b, gives, x, [*[None] * (dim % x.rank), index], source, True)


def _scattered(b: Building, gives: Gives, x: Value, dim: int, index: Value, source: Any, **_: Any) -> str:
    """x with the numbers of `source`, or one number, where the index says."""
    whole = x.dtype == torch.bool
    taken = torch.int64 if whole else x.dtype
    own = as_value(b, source, taken)
    if not isinstance(source, Value):
        own = Value(index.shape, taken, b.node("Expand", [b.name(own), b.numbers(index.shape)]))
    inputs = [b.name(b.cast(x, taken)), b.name(index), b.name(own)]
    found = b.node("ScatterElements", inputs, axis=dim % max(x.rank, 1))
    return b.name(b.cast(Value(x.shape, taken, found), x.dtype))


def _added(b: Building, gives: Gives, x: Value, dim: int, index: Value, source: Value) -> str:
    return b.node("ScatterElements", [b.name(x), b.name(index), b.name(source)], axis=dim % x.rank, reduction="add")


def _sorted(b: Building, gives: Gives, x: Value, *args: Any, **keys: Any) -> list[str]:
    """The numbers in their order and where they came from. TopK takes equal ones by their places, as a stable sort."""
    names = (
        ("stable", "dim", "descending")
        if args and (args[0] is None or isinstance(args[0], bool))
        else ("dim", "descending")
    )
    given = {**dict(zip(names, args, strict=False)), **keys}
    dim, descending = int(given.get("dim", -1)) % x.rank, bool(given.get("descending", False))
    size = x.shape[dim]
    return b.several("TopK", [b.name(x), b.numbers([size])], 2, axis=dim, largest=int(descending), sorted=1)


def _highest(
    b: Building, gives: Gives, x: Value, count: int, dim: int = -1, largest: bool = True, ordered: bool = True
) -> list[str]:
    return b.several(
        "TopK", [b.name(x), b.numbers([count])], 2, axis=dim % x.rank, largest=int(largest), sorted=int(ordered)
    )


def _searched(
    b: Building, gives: Gives, edges: Value, x: Value, *, right: bool = False, side: Any = None, **_: Any
) -> str:
    """How many edges [..., E] are below each number [..., M] (at most it, where `right`)."""
    right = right or side == "right"
    if edges.rank == 1 and x.rank != 1:
        edges = Value((*[1] * (x.rank - 1), edges.shape[0]), edges.dtype,
                      reshape(b, edges, (*[1] * (x.rank - 1), edges.shape[0])))  # fmt: skip
    one = b.node("Unsqueeze", [b.name(edges), b.numbers([edges.rank - 1])])
    other = b.node("Unsqueeze", [b.name(b.cast(x, edges.dtype)), b.numbers([x.rank])])
    below = b.node("LessOrEqual" if right else "Less", [one, other])
    number = b.name(b.cast(Value((*x.shape, edges.shape[-1]), torch.bool, below), torch.int64))
    return b.node("ReduceSum", [number, b.array(np.asarray([-1], np.int64))], keepdims=0)


def _one_of(b: Building, gives: Gives, x: Value, *_: Any) -> str:
    raise Untraceable("it takes as many numbers as are true")


INDEXING: dict[str, Write] = {
    "index_select": _index_select, "embedding": _embedding, "gather": _gather, "index": _indexed, "index_put": _put,
    "scatter": _scattered, "scatter_add": _added, "sort": _sorted, "topk": _highest, "searchsorted": _searched,
    "index_add": _index_added, "nonzero": _one_of, "masked_select": _one_of,
}  # fmt: skip
"""By the name of an operator, what writes it."""
