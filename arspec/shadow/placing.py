"""Does a tensor keep the order? That is: is there a way to read its axes as positions, so that no slice holds more than
its position may hold?

What a slice holds is found by values: for several questions (a change of all that comes from some rank on) it is known
which elements move, and which positions may not move. A tensor keeps the order where its axes, or two sets of them
(such as queries and keys), can be read as positions such that nothing moves where it may not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from math import prod

import torch
from torch import Tensor

SPLITS = 64  # an axis that holds positions and something else is split where the rest is at most this
NEVER = -1  # a slot that lies behind all positions: it may hold anything


@dataclass(frozen=True)
class Grid:
    """Positions in a layout: `sizes` of its axes, and `forbidden` [questions, positions]: which may not move. `pairs`:
    whether an element may belong to two positions, as a score does."""

    sizes: tuple[int, ...]
    forbidden: Tensor
    pairs: bool = True


@dataclass(frozen=True)
class Reading:
    """One way to read a tensor: it is seen in the shape `view`, and `where` [questions, *view] (or of size 1) is where
    nothing may move. `step`: how many positions a slot stands for, where it is more than one. `longer`: whether there
    are more slots than positions, as after padding."""

    view: tuple[int, ...]
    where: Tensor
    axes: tuple[int, ...]
    pairs: bool
    step: int = 1
    longer: bool = False


class Order:
    """What may not move, in each of several layouts of the positions."""

    def __init__(self, grids: Sequence[Grid]) -> None:
        self.grids = list(grids)
        self._known: dict[tuple[int, ...], list[Reading]] = {}

    def singles(self, shape: tuple[int, ...]) -> list[Reading]:
        """The ways to read some axes of a tensor of this shape as positions."""
        if shape not in self._known:
            self._known[shape] = [reading for grid in self.grids for reading in _readings(shape, grid)]
        return self._known[shape]

    def single(self, moved: Tensor) -> Reading | None:
        """A reading of one position an element under which the tensor keeps the order. moved: [questions, *shape]."""
        for reading in self.singles(tuple(moved.shape[1:])):
            seen = moved.reshape(len(moved), *reading.view)
            if not bool((seen & reading.where).any()) and (reading.step == 1 or _coarse(seen, reading)):
                return reading
        return None

    def pair(self, moved: Tensor) -> tuple[Reading, Reading] | None:
        """Readings of two positions an element, of which the later one counts."""
        readings = [r for r in self.singles(tuple(moved.shape[1:])) if r.pairs]
        for one in readings:
            bad = moved.reshape(len(moved), *one.view) & one.where
            for other in readings:
                if other.axes[-1] == one.axes[-1] or other.view != one.view:
                    continue
                if not bool((bad & other.where).any()):
                    return one, other
        return None

    def keeps(self, moved: Tensor) -> bool:
        """Whether there is a way to read it that keeps the order."""
        return self.single(moved) is not None or self.pair(moved) is not None

    def reading(self, moved: Tensor) -> Reading | None:
        """The reading of one position an element, or that of the first of two."""
        single = self.single(moved)
        if single is not None:
            return single
        pair = self.pair(moved)
        return None if pair is None else pair[0]

    def padded(self, moved: Tensor) -> bool:
        """Whether it keeps the order only as something longer, whose slots lie we do not know where."""
        reading = self.single(moved)
        return reading is not None and reading.longer


def _coarse(moved: Tensor, reading: Reading) -> bool:
    """Whether a slot that stands for several positions holds all of them alike: slots differ, and no other axis tells
    the positions of a slot apart."""
    (axis,) = reading.axes
    moved = moved[1:] if len(moved) > 1 else moved  # the first question changes one variable: its slots are not nested
    slots = _spread(moved, (axis,))
    if not bool((slots != slots[:, :1]).any()):
        return False
    for other, size in enumerate(reading.view):
        if other == axis or size % reading.step:
            continue
        if other > axis and size == reading.step:
            return False  # slots and this axis spell the positions one by one
        rest = size // reading.step
        for parts, place in (((reading.step, rest), 0), ((rest, reading.step), 1)):
            split = _spread(moved, (axis, other)).reshape(len(moved), -1, size) if other > axis else _spread(
                moved, (other, axis)).transpose(1, 2).reshape(len(moved), -1, size)  # fmt: skip
            inner = split.reshape(len(moved), split.shape[1], *parts).any(3 - place)
            if bool((inner[..., 1:] != inner[..., :-1]).any()) and not bool((inner[..., :-1] & ~inner[..., 1:]).any()):
                return False
    return True


def _spread(moved: Tensor, axes: tuple[int, ...]) -> Tensor:
    """[questions, *axes]: whether anything moves, over all other axes."""
    others = [1 + k for k in range(moved.dim() - 1) if k not in axes]
    return moved.any(others[0]) if len(others) == 1 else moved.amax(others) if others else moved


def _readings(shape: tuple[int, ...], grid: Grid) -> Iterator[Reading]:
    whole = grid.sizes
    for view in _views(shape, prod(whole), whole):
        whole_axes = view == shape
        wide = [axis for axis, size in enumerate(view) if size > 1]
        for count in range(1, min(3, len(wide)) + 1):
            for axes in permutations(wide, count):
                sizes = tuple(view[axis] for axis in axes)
                if count == len(whole) > 1:
                    slots = _slots(sizes, whole)
                    if slots is not None:
                        yield _laid(view, axes, grid, slots)
                flat = _slots((prod(sizes),), (prod(whole),))
                if flat is not None and (count == 1 or prod(sizes) >= prod(whole)):
                    laid = _laid(view, axes, grid, flat)
                    if laid.step == 1 or whole_axes:
                        yield laid
                if count == 2:
                    windows = _windows(sizes, prod(whole))
                    if windows is not None:
                        yield _laid(view, axes, grid, windows)


def _views(shape: tuple[int, ...], positions: int, sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The shape itself, and with an axis split in two where one part may hold positions (groups of channels)."""
    yield shape
    wanted = {positions, sizes[0]} if len(sizes) > 1 else {positions}
    if len(sizes) == 1:
        wanted |= {-(-positions // size) for size in shape if size >= 2 and 2 * size <= positions}
    for axis, size in enumerate(shape):
        for part in wanted:
            if part > 1 and size % part == 0 and 1 < size // part <= SPLITS:
                yield (*shape[:axis], part, size // part, *shape[axis + 1 :])
                yield (*shape[:axis], size // part, part, *shape[axis + 1 :])


@lru_cache(maxsize=4096)
def _slots(sizes: tuple[int, ...], grid: tuple[int, ...]) -> tuple[tuple[int, ...], ...] | None:
    """For each slot, in row-major order, the positions that it stands for; none where it lies behind them all. None
    where so many slots cannot stand for such a grid."""
    each: list[list[tuple[int, ...]]] = []
    for size, whole in zip(sizes, grid, strict=True):
        if size == whole:
            each.append([(i,) for i in range(size)])
        elif size > whole:
            if size > whole + max(8, whole // 2):
                return None
            each.append([(i,) if i < whole else () for i in range(size)])
        elif size >= 2 and 2 * size <= whole + 1:
            step = -(-whole // size)
            each.append([tuple(range(i * step, min((i + 1) * step, whole))) for i in range(size)])
        elif 4 * size >= 3 * whole:
            each.append([(i,) for i in range(size)])
        else:
            return None
    slots: list[tuple[int, ...]] = [(0,)]
    for places, whole in zip(each, grid, strict=True):
        slots = [
            tuple(a * whole + b for a in slot for b in place) if slot and place else ()
            for slot in slots
            for place in places
        ]
    return tuple(slots)


@lru_cache(maxsize=4096)
def _windows(sizes: tuple[int, ...], positions: int) -> tuple[tuple[int, ...], ...] | None:
    """Chunks with what comes before them, [chunks, lookback and chunk]: the last chunk of each row is its own."""
    chunks, width = sizes
    step = -(-positions // chunks)
    if chunks < 2 or step < 2 or width % step or width // step not in (2, 3):
        return None
    first = width - step
    return tuple(
        (n * step + j - first,) if n * step + j - first < positions else () for n in range(chunks) for j in range(width)
    )


def _laid(view: tuple[int, ...], axes: tuple[int, ...], grid: Grid, slots: tuple[tuple[int, ...], ...]) -> Reading:
    """A slot that stands for several positions may hold what the last of them may; one before all holds nothing."""
    forbidden = grid.forbidden
    free, nothing = torch.zeros(len(forbidden), dtype=torch.bool), torch.ones(len(forbidden), dtype=torch.bool)
    columns = [free if not slot else nothing if slot[0] < 0 else forbidden[:, list(slot)].all(1) for slot in slots]
    flat = torch.stack(columns, 1).reshape(len(forbidden), *(view[axis] for axis in axes))
    order = sorted(range(len(axes)), key=lambda k: axes[k])
    flat = flat.permute(0, *(1 + k for k in order))
    shape = [len(forbidden)] + [view[axis] if axis in axes else 1 for axis in range(len(view))]
    step = max(map(len, slots))
    pairs = grid.pairs and step == 1 and len(slots) >= forbidden.shape[1]
    return Reading(
        view, flat.reshape(shape), axes, pairs, step if len(axes) == 1 else 1, len(slots) > forbidden.shape[1]
    )
