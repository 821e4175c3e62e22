"""Blocks: the sites of attention under a window, in blocks that read much the same keys.

A block of b sites of a window of w reads about w + b keys, so that S sites take S * (w + b) scores where all pairs
would be S * S. Which sites make a block, and how many, is found by counting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from arspec.runs import Runs
from arspec.types import Bools, Ints

WORTH = 2  # times fewer scores than all pairs, for blocks to pay
GATHERED = 8  # scores that could be made in the time in which a key is gathered
SMALLEST = 4  # sites of a block
MAX_TABLE = 1 << 24  # sites that are read, over all sites, where these read several runs


@dataclass(frozen=True, eq=False)
class Blocks:
    """queries [N, b]: the sites of each block, the last repeated where there are too few. keys [N, L]: what they read,
    ascending, with any site where a block reads fewer. first [N]: of one run a site the first of each block's keys.
    seen [N, b, L]: of several runs a site which keys each reads."""

    queries: Ints
    keys: Ints
    first: Ints | None
    seen: Bools | None

    @property
    def scores(self) -> int:
        """How many scores are computed."""
        return self.queries.size * self.keys.shape[1]


@lru_cache(maxsize=64)
def blocks_of(relation: Runs) -> Blocks | None:
    """The blocks that take the fewest scores; None where they take more than a WORTH-th of all pairs."""
    if relation.start.shape[1] > 1 and int(relation.counts.sum()) > MAX_TABLE:
        return None
    best: tuple[int, Ints, int] | None = None
    for order, size in _tried(relation):
        count = -(-len(order) // size)
        longest = int(_union_sizes(relation, order, size).max(initial=1))
        cost = count * longest * (size + GATHERED)
        if best is None or cost < best[0]:
            best = cost, order, size
    if best is None:
        return None
    found = _made(relation, *best[1:])
    return found if found.scores * WORTH <= len(relation.start) * relation.in_sites else None


def _tried(relation: Runs) -> Iterator[tuple[Ints, int]]:
    """Orders of the sites, and sizes of blocks: the grid's own order, and where runs lie some places apart (columns,
    dilated windows) the sites so far apart next to each other."""
    sites = len(relation.start)
    orders = [np.arange(sites)]
    if relation.start.shape[1] > 1:
        apart = (relation.start[:, 1] - relation.start[:, 0])[relation.lengths[:, 1] > 0]
        if len(apart):
            orders.append(np.argsort(np.arange(sites) % np.bincount(apart).argmax(), kind="stable"))
    most = max(SMALLEST, 2 * int(relation.counts.max(initial=0)))
    for order in orders:
        size = SMALLEST
        while size <= min(most, sites):
            yield order, size
            size *= 2


def _union_sizes(relation: Runs, order: Ints, size: int) -> Ints:
    """[N]: how many sites each block of an order reads; of one run a site how far these reach."""
    cuts = np.arange(0, len(order), size)
    if relation.start.shape[1] == 1:
        start, stop = _hull(relation, order)
        return np.maximum(np.maximum.reduceat(stop, cuts) - np.minimum.reduceat(start, cuts), 0)
    _, block, _, _ = _pairs(relation, order, size)
    return np.bincount(block, minlength=len(cuts))


def _hull(relation: Runs, order: Ints) -> tuple[Ints, Ints]:
    """Of one run a site where it starts and stops; that of a site that reads nothing lies behind all and before all."""
    some = relation.lengths[order, 0] > 0
    return np.where(some, relation.start[order, 0], relation.in_sites), np.where(some, relation.stop[order, 0], 0)


def _pairs(relation: Runs, order: Ints, size: int) -> tuple[Ints, Ints, Ints, tuple[Ints, Ints]]:
    """The sites that each block reads, each once: the site, its block; of all reads its number among these, and
    (place in the order, column of the table)."""
    table = relation.table(order)
    row, column = np.nonzero(table >= 0)
    key = row // size * relation.in_sites + table[row, column]
    unique, number = np.unique(key, return_inverse=True)
    block, site = np.divmod(unique, relation.in_sites)
    return site, block, number, (row, column)


def _made(relation: Runs, order: Ints, size: int) -> Blocks:
    count = -(-len(order) // size)
    padded = order[np.minimum(np.arange(count * size), len(order) - 1)]
    if relation.start.shape[1] == 1:
        cuts = np.arange(0, len(order), size)
        start, stop = _hull(relation, order)
        first = np.minimum.reduceat(start, cuts)
        longest = int(np.maximum(np.maximum.reduceat(stop, cuts) - first, 1).max())
        keys = np.minimum(first[:, None] + np.arange(longest), relation.in_sites - 1)
        return Blocks(padded.reshape(count, size), keys, first, None)
    site, block, number, (row, _) = _pairs(relation, order, size)
    sizes = np.bincount(block, minlength=count)
    begins = np.cumsum(sizes) - sizes
    longest = max(1, int(sizes.max(initial=1)))
    keys = np.zeros((count, longest), np.int64)
    column = np.arange(len(site)) - begins[block]
    keys[block, column] = site
    seen = np.zeros((count * size, longest), np.bool_)
    seen[row, column[number]] = True
    seen[len(order) :] = seen[len(order) - 1]
    return Blocks(padded.reshape(count, size), keys, None, seen.reshape(count, size, longest))
