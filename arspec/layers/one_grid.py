"""Inputs that are joined site by site lie on one grid; where they do not, what brings them there."""

from __future__ import annotations

from collections.abc import Sequence

from arspec.layers.base import Fault, Node
from arspec.layers.geometry import PADDING_SIDES
from arspec.types import Cells, Free, Type

ONE_WAY = "a class or a vector is for all data, a map for images, a series for sequences"


def same_grid(node: Node, inputs: list[Type], names: str = "its inputs", first: int = 0) -> None:
    """Raises Fault where the inputs of a node, from the number `first` on, differ in grid or groups."""
    one = inputs[0]
    for k, other in enumerate(inputs):
        if other.grid == one.grid and other.groups == one.groups:
            continue
        a, b = node.inputs[first].name, node.inputs[first + k].name
        shown = f"'{a}' gives {one} and '{b}' gives {other}"
        if other.grid != one.grid:
            raise Fault("AR401", f"{names} must lie on one grid; {shown}", bringing_together(a, one, b, other))
        raise Fault("AR406", f"{names} must be in the same channel groups; {shown}",
                    "put a convolution between: conv with `groups`")  # fmt: skip


def bringing_together(a: str, first: Type, b: str, other: Type) -> str:
    """What may be done about two nodes on different grids."""
    if not first.grid or not other.grid:
        whole, rest = (a, b) if not first.grid else (b, a)
        return f"'{whole}' speaks for the whole example: it enters by {{layer: condition, from: {rest}, by: {whole}}}"
    if len(first.grid) != len(other.grid):
        return f"rows and columns never meet steps: {ONE_WAY}"
    up, grown = (b, factor(other, first.grid)), (a, factor(first, other.grid))
    for name, times in (up, grown):
        if times is not None:
            return f"bring '{name}' to the other's grid: {{layer: upsample, from: {name}, factor: {times}}}"
    for name, sides in ((b, cut(other.grid, first.grid)), (a, cut(first.grid, other.grid))):
        if sides is not None:
            return f"cut what '{name}' has too much: {{layer: crop, from: {name}, {sides}}}"
    return "bring both to one grid by `crop`, `pad` or `upsample`, or take one of them at another place"


def to_grid(name: str, given: Type, grid: Sequence[int]) -> str:
    """What brings a condition to the grid of what it is added to."""
    if len(given.grid) != len(grid):
        return f"rows and columns never meet steps: {ONE_WAY}"
    if (times := factor(given, grid)) is not None:
        return f"bring it there first: {{layer: upsample, from: {name}, factor: {times}}}"
    if (less := _fits(given.grid, grid)) is not None:
        return f"bring it there first by a convolution with `stride: {less}`"
    if (sides := cut(given.grid, grid)) is not None:
        return f"bring it there first: {{layer: crop, from: {name}, {sides}}}"
    return "bring it there first, by `upsample`, `crop` and `pad`; or declare it of a size that divides the data's"


def factor(given: Type, grid: Sequence[int]) -> str | None:
    """How many times each position of a grid is repeated to give another, as a spec writes it.

    None where that may not be: each cell of the data has one position at the most."""
    times = _times(given.grid, grid)
    if times is None:
        return None
    if isinstance(given.frame, Cells) and any(s % t for s, t in zip(given.frame.stride, times, strict=True)):
        return None
    return _said(times) if isinstance(given.frame, (Cells, Free)) else None


def cut(given: Sequence[int], grid: Sequence[int]) -> str | None:
    """The keys of a `crop` that cuts a grid to a smaller one at its ends."""
    if len(given) != len(grid) or any(a < b for a, b in zip(given, grid, strict=True)):
        return None
    ends = PADDING_SIDES[len(grid)][1::2]
    return ", ".join(f"{end}: {a - b}" for end, a, b in zip(ends, given, grid, strict=True) if a > b) or None


def _fits(given: Sequence[int], grid: Sequence[int]) -> str | None:
    times = _times(grid, given)
    return None if times is None else _said(times)


def _times(small: Sequence[int], large: Sequence[int]) -> list[int] | None:
    if len(small) != len(large) or any(b % a for a, b in zip(small, large, strict=True)):
        return None
    return [b // a for a, b in zip(small, large, strict=True)]


def _said(numbers: list[int]) -> str:
    return str(numbers[0]) if len(set(numbers)) == 1 else str(numbers)
