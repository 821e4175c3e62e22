"""The tiles of a weight that its mask leaves.

Where units lie in the order of their ranks, half of a weight is hidden. Products of tiles leave most of that out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arspec.types import Bools

TILE = 1 << 17  # numbers of a weight for each of the strips it is cut into; below, a product takes as long in pieces
MOST = 8  # strips
WORTH = 0.8  # of the weight, at the most, is multiplied where it is cut


@dataclass(frozen=True)
class Tile:
    """Rows of a weight and the columns that they read, each as the first and how many; `mixed`:
    the mask hides some of it."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    mixed: bool = False


@dataclass(frozen=True)
class Tiles:
    """A weight in tiles: what is `read`, strip by strip, and what is `hidden` in front of it and behind it."""

    read: tuple[Tile, ...]
    hidden: tuple[Tile, ...]


def tiles(mask: Bools) -> Tiles | None:
    """A mask [R, C] as tiles: strips of rows, each with what it reads, in one piece or two.

    The first piece is what all rows of a strip read, where that is worth a product of its own; the other is the rest.
    Every row is in a tile, if one without columns. None where that would save little."""
    (rows, columns), found, hidden = mask.shape, list[Tile](), list[Tile]()
    strips = min(MOST, round(mask.size / TILE))
    for k in range(strips):
        top, below = rows * k // strips, rows * (k + 1) // strips
        read = np.flatnonzero(np.logical_or.reduce(mask[top:below], axis=0))
        first, behind = (int(read[0]), int(read[-1]) + 1) if len(read) else (0, 0)
        always = np.logical_and.reduce(mask[top:below, first:behind], axis=0)
        at_start, at_end = _run(always), _run(always[::-1])
        longer = max(at_start, at_end)
        if longer < behind - first and longer * (below - top) < TILE:
            edges = ((first, behind, True),)
        elif at_start >= at_end:
            edges = ((first, first + at_start, False), (first + at_start, behind, True))
        else:
            edges = ((behind - at_end, behind, False), (first, behind - at_end, True))
        strip = top, below - top
        own = [Tile(strip, (start, stop - start), mixed) for start, stop, mixed in edges if stop > start]
        found += own or [Tile(strip, (0, 0))]
        hidden += [Tile(strip, (start, n)) for start, n in ((0, first), (behind, columns - behind)) if n]
    area = sum(t.rows[1] * t.columns[1] for t in found)
    return Tiles(tuple(found), tuple(hidden)) if found and area <= WORTH * mask.size else None


def _run(always: Bools) -> int:
    """How many are true before the first that is not."""
    return int(np.argmin(np.append(always, False)))
