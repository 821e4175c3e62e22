"""The tiles of a weight that its mask leaves: where units lie in the order of their ranks, half of a weight is hidden, and
products of tiles leave most of that out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arspec.types import Bools

TILE = (
    1 << 17
)  # numbers of a weight for each of the strips that it is cut into; below, a product takes as long in pieces
MOST = 8  # strips
WORTH = 0.8  # of the weight, at the most, is multiplied where it is cut


@dataclass(frozen=True)
class Tile:
    """Rows of a weight and the columns that they read; `mixed`: the mask hides some of it."""

    rows: slice
    columns: slice
    mixed: bool


@dataclass(frozen=True)
class Tiles:
    """A weight in tiles: what is `read`, strip by strip, and what is `hidden` in front of it and behind it."""

    read: tuple[Tile, ...]
    hidden: tuple[Tile, ...]


def tiles(mask: Bools) -> Tiles | None:
    """A mask [R, C] as tiles: strips of rows, and of each what it reads, in one or two pieces: first what all its rows
    read, then the rest. Every row is in a tile, if one without columns. None where that would save little."""
    (rows, columns), found, hidden = mask.shape, list[Tile](), list[Tile]()
    strips = min(MOST, round(mask.size / TILE))
    for k in range(strips):
        strip = slice(rows * k // strips, rows * (k + 1) // strips)
        read = np.flatnonzero(np.logical_or.reduce(mask[strip], axis=0))
        first, behind = (int(read[0]), int(read[-1]) + 1) if len(read) else (0, 0)
        always = np.logical_and.reduce(mask[strip, first:behind], axis=0)
        at_start, at_end = _run(always), _run(always[::-1])
        if at_start >= at_end:
            edges = ((first, first + at_start, False), (first + at_start, behind, True))
        else:
            edges = ((behind - at_end, behind, False), (first, behind - at_end, True))
        own = [Tile(strip, slice(start, stop), mixed) for start, stop, mixed in edges if stop > start]
        found += own or [Tile(strip, slice(0, 0), False)]
        hidden += [Tile(strip, s, False) for s in (slice(0, first), slice(behind, columns)) if s.start < s.stop]
    area = sum((t.rows.stop - t.rows.start) * (t.columns.stop - t.columns.start) for t in found)
    return Tiles(tuple(found), tuple(hidden)) if found and area <= WORTH * mask.size else None


def _run(always: Bools) -> int:
    """How many are true before the first that is not."""
    return int(np.argmin(np.append(always, False)))
