"""Where the places of a window lie.

Here is the arithmetic of kernels, strides, dilations and paddings, in one and two dimensions.
Masks are evaluated over it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from arspec.layers.base import Fault
from arspec.masks import Mask, Pairs, Side, holds, parts
from arspec.reads import Tap, Window
from arspec.types import Bools, Ints, Member, Ranks, Type, coordinates, ranks, row_length

MAX_TAPS = 1 << 12  # places of one window
MAX_WINDOW = 1 << 27  # places of a window × positions, × pairs of channel groups where a mask compares them

ENTRY = 8  # operations that one entry of a window's table takes
PLACE = 10_000  # operations that could be done in the time that a place takes to begin with


@dataclass(frozen=True)
class Geometry:
    """A window's form, one entry a dimension.

    `before` and `after` are the padding on the two sides. Of a transposed window, `before` is what is cropped from the
    start of the full output."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    transposed: bool = False

    @property
    def in_place(self) -> bool:
        """Whether every position reads its own alone: a 1×1 convolution."""
        ones = (1,) * len(self.kernel)
        return not self.transposed and (self.kernel, self.stride) == (ones, ones) and not any(self.before + self.after)

    def boxed(self, box: Sequence[tuple[int, int]]) -> Geometry:
        """The window of the places [first, behind the last) of this one along each dimension. What it reads stays where
        it is: `before` and `after` may become negative."""
        kernel = tuple(behind - first for first, behind in box)
        before = tuple(b - d * first for b, d, (first, _) in zip(self.before, self.dilation, box, strict=True))
        rest = zip(self.after, self.kernel, self.dilation, box, strict=True)
        after = self.after if self.transposed else tuple(a - d * (k - behind) for a, k, d, (_, behind) in rest)
        return Geometry(kernel, self.stride, self.dilation, before, after, self.transposed)

    def out_grid(self, grid: tuple[int, ...]) -> tuple[int, ...]:
        """The grid of the output, from that of the input."""
        if self.transposed:
            return tuple(n * s for n, s in zip(grid, self.stride, strict=True))
        rows = zip(grid, self.kernel, self.stride, self.dilation, self.before, self.after, strict=True)
        return tuple((n + b + a - d * (k - 1) - 1) // s + 1 for n, k, s, d, b, a in rows)

    def source(self, axis: int, tap: int, size: int, out_size: int) -> Ints:
        """[out_size]: the position along one axis that the tap reads, -1 where it lies outside."""
        i = np.arange(out_size)
        step, offset = self.stride[axis], self.dilation[axis] * tap
        if self.transposed:
            at, rest = np.divmod(i + self.before[axis] - offset, step)
            return np.where((rest == 0) & (at >= 0) & (at < size), at, -1)
        at = step * i + offset - self.before[axis]
        return np.where((at >= 0) & (at < size), at, -1)


def spread(value: int | Sequence[int], dimensions: int, key: str) -> tuple[int, ...]:
    """One number for every dimension, or one for each."""
    if isinstance(value, int):
        return (value,) * dimensions
    if len(value) != dimensions:
        grid = "1 dimension" if dimensions == 1 else f"{dimensions} dimensions"
        numbers = "1 number" if len(value) == 1 else f"{len(value)} numbers"
        raise Fault("AR407", f"`{key}` has {numbers}, and the grid has {grid}",
                    "give one number" + (f", or {dimensions}" if dimensions > 1 else ""), key)  # fmt: skip
    return tuple(value)


PADDING_SIDES = {1: ("before", "after"), 2: ("top", "bottom", "left", "right")}


def padding(value: Any, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The padding of each dimension, on its two sides: (before, after).

    `same` centres the window and keeps the grid; `valid` has none. `causal` puts all of the padding before: on the
    left, and in two dimensions on top as well. A number, or one a side, is taken as it is.
    Raises Fault for a side that is not there."""
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    dimensions = len(kernel)
    if value == "same":
        before = tuple(r // 2 for r in reach)
        return before, tuple(r - b for r, b in zip(reach, before, strict=True))
    if value == "causal":
        return tuple(reach), (0,) * dimensions
    if value == "valid":
        return (0,) * dimensions, (0,) * dimensions
    if isinstance(value, int):
        return (value,) * dimensions, (value,) * dimensions
    sides = PADDING_SIDES[dimensions]
    unknown = [s for s in value if s not in sides]
    if unknown:
        raise Fault("AR407", f"a grid of {dimensions} dimensions has no side '{unknown[0]}' to pad",
                    f"its sides are {', '.join(sides)}", "padding")  # fmt: skip
    numbers = [value.get(s, 0) for s in sides]
    return tuple(numbers[0::2]), tuple(numbers[1::2])


@lru_cache(maxsize=1024)
def window(
    that: Type, this: Type, form: Geometry, mask: Mask | None, member: Member, own_group: bool = False
) -> Window:
    """The relation of a window of this form between an input `that` and an output `this`.

    own_group: every group reads only itself (shifts, crops, depthwise convolutions); otherwise all groups. The mask
    hides what it does not allow."""
    taps: list[Tap] = []
    along = [[form.source(a, k, that.grid[a], this.grid[a]) for k in range(n)] for a, n in enumerate(form.kernel)]
    for place in itertools.product(*(range(k) for k in form.kernel)):
        source = _positions([along[a][k] for a, k in enumerate(place)], that.grid)
        taps.append(Tap(source, _allowed(this, that, source, place, form, mask, member, own_group)))
    return Window(this.groups, this.positions, that.groups, that.positions, tuple(taps))


def _positions(axes: list[Ints], grid: tuple[int, ...]) -> Ints:
    """The positions that places along the axes make up, row-major; -1 where any of them is."""
    flat = axes[0]
    for at, size in zip(axes[1:], grid[1:], strict=True):
        flat = np.where((flat[:, None] < 0) | (at < 0), -1, flat[:, None] * size + at).ravel()
    return flat


def window_numbers(that: Type, this: Type, form: Geometry, mask: Mask | None) -> int:
    """How many numbers it takes to work out `window`. Raises Fault where one window may not have so many."""
    places = math.prod(form.kernel)
    pairs = this.groups * that.groups if mask is not None else 1
    if places > MAX_TAPS:
        raise Fault("AR413",
                    f"a window of {by(form.kernel)} has {places:,} places, where {MAX_TAPS:,} are the limit (MAX_TAPS)",
                    "take a smaller kernel, with a dilation or a stride", "kernel")  # fmt: skip
    if places * this.positions * pairs > MAX_WINDOW:
        raise Fault("AR413",
                    f"a window of {by(form.kernel)} at {this.positions:,} positions reads more than {MAX_WINDOW:,} "
                    "sites (limit MAX_WINDOW)", "take a smaller kernel, or smaller data", "kernel")  # fmt: skip
    return places * (PLACE + this.positions * (ENTRY + (0 if mask is None else pairs * parts(mask.predicate))))


def _allowed(
    this: Type, that: Type, source: Ints, place: tuple[int, ...], form: Geometry, mask: Mask | None, member: Member,
    own_group: bool,
) -> Bools:  # fmt: skip
    everything = np.eye(this.groups, dtype=bool) if own_group else np.ones((this.groups, that.groups), bool)
    nothing = np.zeros_like(everything)
    if mask is None:
        return everything
    if mask.kernel is not None:
        rows = np.array(mask.kernel)
        if rows.shape != form.kernel:
            raise Fault("AR315", f"the mask is a kernel of {by(rows.shape)}, the layer's is {by(form.kernel)}",
                        "give one row of 0 and 1 for each row of the kernel", "mask")  # fmt: skip
        if not rows[place]:
            return nothing
    inside = source >= 0
    if not inside.any():
        return nothing
    full = np.broadcast_to(
        holds(mask.predicate, pairs(this, that, source, member)), (this.groups, that.groups, this.positions)
    )
    full = full & everything[:, :, None] if own_group else full
    seen = full[:, :, inside]
    if (seen == seen[:, :, :1]).all():
        return seen[:, :, 0].copy()
    return full & inside


def by(shape: tuple[int, ...]) -> str:
    """A shape in words: 3×5."""
    return "×".join(map(str, shape))


def pairs(this: Type, that: Type, source: Ints, member: Member) -> Pairs:
    """Every output site with the input site at its position's `source` [P]: arrays over [G_out, G_in, P]."""
    a, b = ranks(this, member), ranks(that, member)
    return Pairs(
        _side(
            coordinates(this), a, a.first[:, None], a.last[:, None], a.position, (slice(None), None, None),
            row_length(this, member),
        ),
        _side(
            [x[source] for x in coordinates(that)], b, b.first[None, :, source], b.last[None, :, source],
            b.position[source], (None, slice(None), None), row_length(that, member),
        ),
    )  # fmt: skip


def all_pairs(this: Type, that: Type, member: Member) -> Pairs:
    """Every output site with every input site: arrays over [S_out, S_in], for dense layers and attention."""
    return some_pairs(this, that, np.arange(this.sites)[:, None], np.arange(that.sites)[None, :], member)


def some_pairs(this: Type, that: Type, sites: Ints, read: Ints, member: Member) -> Pairs:
    """Output sites with input sites, given by their numbers: arrays that broadcast against each other."""
    sides: list[Side] = []
    for kind, at in ((this, sites), (that, read)):
        r = ranks(kind, member)
        group, position = np.divmod(at, kind.positions)
        sides.append(
            Side(
                [x[position] for x in coordinates(kind)],
                r.first[group, position],
                r.last[group, position],
                r.first_group[group],
                r.last_group[group],
                r.position[position],
                row_length(kind, member),
            )
        )
    return Pairs(*sides)


def _side(
    where: list[Ints], r: Ranks, first: Ints, last: Ints, position: Ints, groups: tuple[Any, ...], row: int
) -> Side:
    return Side(where, first, last, r.first_group[groups], r.last_group[groups], position, row)


@lru_cache(maxsize=512)
def centre(that: Type, this: Type, own_group: bool, member: Member) -> Window:
    """Every site reads its own position: its own group, or all groups."""
    one = (1,) * len(this.grid)
    zero = (0,) * len(this.grid)
    return window(that, this, Geometry(one, one, one, zero, zero), None, member, own_group)
