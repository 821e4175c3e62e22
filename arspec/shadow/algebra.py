"""What a label is, and how labels join.

A label is a number of 32 bits. The lowest two speak of no variable: `CONSTANT` stands for a number that is the same in
every pass, so that its value is known and a zero may cut; `LOOSE` for one that belongs to this pass alone, such as a
random draw. Labels from 2 on speak of variables. A rule asks an algebra alone, so that every rule serves every algebra.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from arspec.shadow.elements import array, differs, tensor

CONSTANT = 0
LOOSE = 1
DTYPE = torch.int32
AT_ONCE = 1 << 24  # elements that a join over kept places looks at together
PARTS, PART = 64, 1 << 16  # so many parts of at least so many elements are looked at one by one


class Algebra(Protocol):
    """How labels join. Every tensor of labels is int32; joins are idempotent, commutative and associative."""

    def of(self, variables: Tensor) -> Tensor:
        """Labels of elements that hold one variable each, given by number (from 0)."""
        ...

    def join(self, *labels: Tensor) -> Tensor:
        """The union, element by element, after broadcasting."""
        ...

    def reduce(self, labels: Tensor, dims: Sequence[int], keepdim: bool = True) -> Tensor:
        """The union over some axes; no axis: the labels as they are; an empty axis gives `CONSTANT`."""
        ...

    def running(self, labels: Tensor, dim: int) -> Tensor:
        """The union of all up to each place along an axis."""
        ...

    def scatter(self, base: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
        """A copy of `base` with `source` joined in at `index` along `dim`, as `torch.scatter` places it."""
        ...

    def within(self, labels: Tensor, keep: Tensor) -> Tensor:
        """The union over the last axis of what is kept: labels `[..., K]`, keep `[..., J, K]` bool -> `[..., J]`."""
        ...


def without(labels: Tensor, dims: Sequence[int], keepdim: bool) -> Tensor:
    """Constants in the shape that labels have after a reduction over some axes."""
    gone = {dim % labels.dim() for dim in dims}
    shape = [1 if k in gone else size for k, size in enumerate(labels.shape) if keepdim or k not in gone]
    return torch.zeros(shape, dtype=DTYPE)


def compact(labels: Tensor) -> Tensor:
    """The same values without the axes along which they are expanded: those have size 1."""
    if 0 not in labels.stride():
        return labels
    places = (
        slice(0, 1) if step == 0 and size > 1 else slice(None) for size, step in zip(labels.size(), labels.stride())
    )
    return labels[tuple(places)]


def only(labels: Tensor, where: Tensor) -> Tensor:
    """Labels where a bit is set, `CONSTANT` elsewhere, after broadcasting. It is their product, as `CONSTANT` is zero:
    torch's `where` takes twenty times as long on bits that alternate."""
    return labels * where


def some(bits: Tensor) -> bool:
    """Whether a bit is set, or a label is not constant."""
    if bits.numel() == 0:
        return False
    if bits.dtype not in (torch.bool, DTYPE):
        return bool(bits.any())
    held = array(compact(bits))
    return bool(held.any() if bits.dtype == torch.bool else held.max())  # numpy's `any` of numbers is slow


def agreed(where: Tensor, holds: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """Where a test of values holds too, which are of the shape of `where`.

    What `where` is expanded along stays so if the test says the same all along, as of scores of several heads."""
    return _agreed(where, holds, values)


def agreed_of_two(where: Tensor, holds: Callable[[Tensor, Tensor], Tensor], one: Tensor, other: Tensor) -> Tensor:
    """The same for a test of two values."""
    return _agreed(where, holds, one, other)


def _agreed(where: Tensor, holds: Callable[..., Tensor], *values: Tensor) -> Tensor:
    axis = next((k for k in range(where.dim()) if where.stride(k) == 0 and 1 < where.size(k) <= PARTS), None)
    if axis is None or where.numel() < PART * where.size(axis):
        return where & holds(*values)
    parts = (
        _agreed(where.narrow(axis, place, 1), holds, *(value.narrow(axis, place, 1) for value in values))
        for place in range(where.size(axis))
    )
    first = next(parts)
    if not any(some(differs(part, first)) for part in parts):
        return first.expand(where.shape)
    return where & holds(*values)


def broadcast(*shapes: Sequence[int]) -> torch.Size:
    """The shape to which all broadcast; RuntimeError where there is none. torch's own function first loads sympy."""
    out: list[int] = []
    for shape in shapes:
        out = [1] * (len(shape) - len(out)) + out
        for axis, size in enumerate(reversed(shape), 1):
            if size != 1 and out[-axis] not in (1, size):
                raise RuntimeError(f"the shapes {', '.join(str(tuple(shape)) for shape in shapes)} do not broadcast")
            out[-axis] = out[-axis] if size == 1 else size
    return torch.Size(out)


def together(labels: Sequence[Tensor]) -> Sequence[int]:
    """The shape to which all broadcast."""
    shape = labels[0].shape
    if all(part.shape == shape for part in labels[1:]):
        return shape
    return broadcast(*(part.shape for part in labels))


class Ranks:
    """The highest rank among the variables: label = rank + 2. What is lower is taken to be read as well."""

    def of(self, variables: Tensor) -> Tensor:
        """Labels of the ranks."""
        return variables.to(DTYPE) + 2

    def join(self, *labels: Tensor) -> Tensor:
        """The highest, element by element."""
        out = compact(labels[0])
        for other in labels[1:]:
            out = torch.maximum(out, compact(other))
        return out.expand(together(labels))

    def reduce(self, labels: Tensor, dims: Sequence[int], keepdim: bool = True) -> Tensor:
        """The highest over some axes."""
        if not dims or labels.dim() == 0:
            return labels
        gone = {dim % labels.dim() for dim in dims}
        shape = [1 if k in gone else size for k, size in enumerate(labels.shape)]
        if any(labels.shape[dim] == 0 for dim in gone):
            out = torch.full((), CONSTANT, dtype=DTYPE)
        else:
            out = compact(labels).amax(tuple(gone), keepdim=True)
        out = out.expand(shape)
        return out if keepdim else out.squeeze(tuple(gone))

    def running(self, labels: Tensor, dim: int) -> Tensor:
        """The highest so far along an axis."""
        if labels.dim() == 0 or labels.numel() == 0:
            return labels
        lines = np.moveaxis(array(compact(labels)), dim, 0)
        if np.all(lines[1:] >= lines[:-1]):
            return labels
        highest, step = lines.copy(), 1
        while step < len(highest):  # a few passes over all take less time than `accumulate`
            highest[step:] = np.maximum(highest[step:], highest[:-step])
            step *= 2
        return tensor(np.moveaxis(highest, 0, dim)).expand(labels.shape)

    def scatter(self, base: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
        """The highest of what stands there and what comes."""
        return base.clone().scatter_reduce_(dim, index, source.contiguous(), "amax")

    def within(self, labels: Tensor, keep: Tensor) -> Tensor:
        """The highest of what is kept."""
        lead = broadcast(labels.shape[:-1], keep.shape[:-2])
        rows, width = keep.shape[-2:]
        out = torch.zeros((*lead, rows), dtype=DTYPE)
        if out.numel() == 0 or width == 0:
            return out
        step = max(1, AT_ONCE // max(1, out[..., 0].numel() * width))
        for start in range(0, rows, step):
            part = keep[..., start : start + step, :]
            out[..., start : start + step] = only(labels[..., None, :], part).amax(-1)
        return out
