"""Which sites attention reads under a mask, found without comparing all pairs where the mask is a window.

The bounds of a mask (`arspec.layers.bounds`) leave a few runs of sites for each site. What the bounds do not say is
worked out for these alone. So a window of w of S sites takes S * w numbers at the most, and two for each site where
the mask is nothing but bounds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from arspec.layers.bounds import Box, boxes_of
from arspec.layers.dense import between, numbers_between, one_comparison
from arspec.layers.geometry import some_pairs
from arspec.masks import Mask, holds, parts
from arspec.reads import Matrix, Ranked, Whole
from arspec.runs import WIDE, Runs, in_columns, runs_of_table, without_overlap
from arspec.types import Cells, Ints, Member, Type

MAX_RUNS = 1 << 23  # runs of one mask's boxes; beyond, all pairs are compared
AT_ONCE = 1 << 20  # pairs whose mask is worked out at once


@lru_cache(maxsize=256)
def reading(this: Type, that: Type, mask: Mask | None, member: Member) -> Ranked | Matrix | Runs | Whole:
    """The relation of a layer in which every site may read every site of the input, as far as the mask allows."""
    found = _bounded(this, that, mask, member)
    if found is None:
        return between(this, that, mask, member)
    hull, exact = found
    if exact:
        return hull
    assert mask is not None
    return _kept(this, that, mask, member, hull)


def numbers_read(this: Type, that: Type, mask: Mask | None, member: Member) -> int:
    """How many numbers it takes to work out `reading`. Raises Fault where one layer may not have so many."""
    found = _bounded(this, that, mask, member)
    if found is None:
        return numbers_between(this, that, mask)
    assert mask is not None
    hull, exact = found
    bounds = 4 * hull.start.size + this.sites * parts(mask.predicate)
    return bounds if exact else bounds + this.sites * int(hull.counts.max()) * (4 + parts(mask.predicate))


@lru_cache(maxsize=256)
def _bounded(this: Type, that: Type, mask: Mask | None, member: Member) -> tuple[Runs, bool] | None:
    """The runs in which a mask can hold, and whether it holds in all of them; None where they are no use."""
    if mask is None or one_comparison(this, that, mask) is not None:
        return None
    boxes = boxes_of(this, that, mask, member)
    if boxes is None:
        return None
    columns = [_columns(box, that, this.sites) for box in boxes]
    if this.sites * sum(columns) > MAX_RUNS:
        return None
    each = [_runs(box, that, this.sites, count) for box, count in zip(boxes, columns, strict=True)]
    hull = without_overlap(that.sites, *(np.concatenate(side, 1) for side in zip(*each, strict=True)))
    exact = all(box.exact for box in boxes)
    few = int(hull.counts.max(initial=0)) * WIDE <= that.sites
    return (hull, exact) if exact or few else None


# -- boxes as runs -----------------------------------------------------------------------------------------------------


def _index(box: Box, that: Type, axis: int) -> tuple[Any, Any]:
    """The places along an axis of the grid whose coordinates lie in a box, from the first to the last."""
    low, high = box.axes[axis]
    if isinstance(that.frame, Cells):
        origin, stride = that.frame.origin[axis], that.frame.stride[axis]
        low, high = -((origin - low) // stride), (high - origin) // stride
    return np.clip(low, 0, that.grid[axis]), np.clip(high, -1, that.grid[axis] - 1)


def _rows(box: Box, that: Type) -> tuple[Any, Any] | None:
    """Of a box on a grid of two axes that does not take whole rows, the first and the last row; else None."""
    if len(that.grid) != 2:
        return None
    low, high = _index(box, that, 1)
    if np.all(low == 0) and np.all(high == that.grid[1] - 1):
        return None
    width, (first, last) = that.grid[1], _index(box, that, 0)
    lowest = np.minimum.reduce([np.min(a) for a, _ in box.places]) if box.places else 0
    highest = np.maximum.reduce([np.maximum(b, -1) for _, b in box.places])
    return np.maximum(first, max(lowest, 0) // width), np.minimum(last, highest // width)


def _columns(box: Box, that: Type, sites: int) -> int:
    """How many runs a box takes for each site: one for each group, and for each row that it does not take whole."""
    rows = _rows(box, that)
    return that.groups * (1 if rows is None else max(1, int(np.max(rows[1] - rows[0])) + 1))


def _runs(box: Box, that: Type, sites: int, count: int) -> tuple[Ints, Ints]:
    """The runs of a box, [S_out, count] of each their starts and their stops."""
    if len(that.grid) == 2:
        rows, width = _rows(box, that), that.grid[1]
        if rows is None:
            first, last = _index(box, that, 0)
            inside = [(first * width, last * width + width - 1)]
        else:
            low, high = _index(box, that, 1)
            each = (rows[0] + k for k in range(count // that.groups))
            inside = [
                (row * width + low, np.where((low <= high) & (row <= rows[1]), row * width + high, -1)) for row in each
            ]
    else:
        inside = [_index(box, that, 0)] if that.grid else [(0, 0)]
    starts, stops = list[Ints](), list[Ints]()
    for group, (first, last) in enumerate(box.places):
        for low, high in inside:
            start, stop = np.maximum(low, np.maximum(first, 0)), np.minimum(high, last) + 1
            starts.append(np.broadcast_to(group * that.positions + start, sites))
            stops.append(np.broadcast_to(group * that.positions + stop, sites))
    start, stop = np.stack(starts, 1), np.stack(stops, 1)
    empty = stop <= start
    return np.where(empty, 0, start), np.where(empty, 0, stop)


# -- what bounds do not say --------------------------------------------------------------------------------------------


def _kept(this: Type, that: Type, mask: Mask, member: Member, hull: Runs) -> Runs:
    """Of the sites that the runs name those that the mask lets through."""
    step = max(1, AT_ONCE // max(1, int(hull.counts.max(initial=0))))
    found = list[tuple[Ints, Ints, Ints]]()
    for first in range(0, this.sites, step):
        sites = np.arange(first, min(first + step, this.sites))
        table = hull.table(sites)
        pairs = some_pairs(this, that, sites[:, None], np.maximum(table, 0), member)
        kept = np.broadcast_to(holds(mask.predicate, pairs), table.shape) & (table >= 0)
        row, start, stop = runs_of_table(table, kept)
        found.append((sites[row], start, stop))
    rows, start, stop = (np.concatenate(one) for one in zip(*found, strict=True))
    return in_columns(rows, start, stop, this.sites, that.sites)
