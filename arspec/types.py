"""The type of a node's output: its grid, its channel groups, and what its positions stand for.

A node's tensor is [B, G * C, *grid]: channel g * C + c is channel c of group g. A site is a (group, position) pair,
numbered g * P + p with P the number of positions, row-major.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from arspec.orders import Order

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# "No rank": the position stands for no variable, so that no comparison of ranks with it holds.
NOWHERE = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Member:
    """One member of a spec's declared family: an order of generation, and the seed of MADE's degrees. `alone`: there is
    no other, so that it is free in which order its units lie."""

    index: int
    order: Order
    degrees_seed: int
    alone: bool = False


@dataclass(frozen=True)
class Cells:
    """Position (i, j) stands for the data's cell (origin + stride * (i, j)): a grid anchored to the data. `part`: of
    data in several parts the groups of the order, from the first to before the last, that it stands for;
    all where None."""

    origin: tuple[int, ...]
    stride: tuple[int, ...]
    part: tuple[int, int] | None = None


@dataclass(frozen=True)
class Units:
    """Hidden units of a dense layer, each with a degree: the highest rank that it may have seen (MADE).

    Degrees are drawn by the member's seed, uniformly between the lowest rank among the units below and the last rank
    but one (Germain et al. 2015, section 4), or dealt out in a cycle. In a family of one the units lie in the order of
    their degrees. What a mask hides is then in one piece, which a product leaves out."""

    count: int
    salt: int
    assign: str | tuple[int, ...]  # "random", "cyclic", or the degrees themselves
    below: Cells | Units


@dataclass(frozen=True)
class Free:
    """Positions that stand for no data: a class, a vector, a map or a series that conditions the model."""


Frame = Cells | Units | Free


@dataclass(frozen=True)
class Type:
    """What a node gives: groups of channels on a grid. `levels` is set where the values are integers of the data.

    `parts`: of data in several parts the name and type of each, in the order of generation. Auxiliary images, say, come
    before the image itself. Together the parts have its groups. `channels` is then the most that any has: a part with
    fewer is filled up with zeros."""

    grid: tuple[int, ...]
    groups: int
    channels: int
    frame: Frame
    levels: int | None = None
    parts: tuple[tuple[str, Type], ...] = ()

    def __hash__(self) -> int:  # asked for at every node, as types are keys of what is worked out once for each
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.grid, self.groups, self.channels, self.frame, self.levels, self.parts))

    def __getstate__(self) -> dict[str, Any]:
        """Without the hash, as that of a text differs from process to process."""
        return {name: value for name, value in self.__dict__.items() if name != "_hash"}

    @property
    def positions(self) -> int:
        """P, the positions of the grid; 1 where there is none."""
        return math.prod(self.grid)

    @property
    def sites(self) -> int:
        """S = G * P."""
        return self.groups * self.positions

    @property
    def width(self) -> int:
        """All channels, over all groups."""
        return self.groups * self.channels

    def __str__(self) -> str:
        channels = f"{self.groups}·{self.channels}" if self.groups > 1 else str(self.channels)
        return "×".join([channels, *map(str, self.grid)])


def channels_of_groups(data: Type) -> list[int]:
    """[G]: how many channels of the data each of its groups has."""
    parts = [part for _, part in data.parts] or [data]
    return [part.channels for part in parts for _ in range(part.groups)]


def coordinates(kind: Type) -> list[Ints]:
    """The data's coordinates (rows, columns or steps) that each position stands for: one array [P] a dimension."""
    index = np.indices(kind.grid).reshape(len(kind.grid), -1)
    if isinstance(kind.frame, Cells):
        return [o + s * i for o, s, i in zip(kind.frame.origin, kind.frame.stride, index, strict=True)]
    return list(index)


def row_length(kind: Type, member: Member) -> int:
    """Places of a row of the grid that the coordinates count in: the data's, or of what stands for no data its own."""
    return (member.order.grid if isinstance(kind.frame, Cells) else kind.grid or (1,))[-1]


@dataclass(frozen=True, eq=False)
class Ranks:
    """The first and the last rank that a site speaks for, [G, P], its channel groups likewise, [G], and the rank of
    its position, [P]. First and last differ only where one group stands for several channels of the data that are
    generated one after another."""

    first: Ints
    last: Ints
    position: Ints
    first_group: Ints
    last_group: Ints


@lru_cache(maxsize=512)
def ranks(kind: Type, member: Member) -> Ranks:
    """The ranks of a node's sites, by which masks compare them. Sites off the data's grid have none (NOWHERE)."""
    order = member.order
    start, stop = (isinstance(kind.frame, Cells) and kind.frame.part) or (0, order.groups)
    own = kind.groups == stop - start  # each group speaks for one of the order's; otherwise each for all of them
    group = start + np.arange(kind.groups) if own else np.full(kind.groups, start)
    last_group = group if own else np.full(kind.groups, stop - 1)
    if isinstance(kind.frame, Units):
        degrees = _degrees(kind.frame, member)[None]
        return Ranks(degrees, degrees, degrees[0], group, last_group)
    if not isinstance(kind.frame, Cells) or len(kind.grid) != len(order.grid):
        nothing = np.full((kind.groups, kind.positions), NOWHERE)
        return Ranks(nothing, nothing, nothing[0], group, last_group)
    table = order.rank.reshape(order.groups, -1)
    where = coordinates(kind)
    inside = np.ones(kind.positions, bool)
    for axis, size in zip(where, order.grid, strict=True):
        inside &= (axis >= 0) & (axis < size)
    flat = np.ravel_multi_index([np.where(inside, a, 0) for a in where], order.grid)
    at = np.where(inside, table[:, flat], NOWHERE)
    # in data of several parts a position's rank is that of its part's first group there: parts come one after another
    position = at[start] if start or stop < order.groups else np.where(inside, order.position_rank[flat], NOWHERE)
    each = (kind.groups, kind.positions)
    first, last = (at[start:stop],) * 2 if own else (np.broadcast_to(at[k], each) for k in (start, stop - 1))
    return Ranks(first, last, position, group, last_group)


def _degrees(units: Units, member: Member) -> Ints:
    if isinstance(units.assign, tuple):
        return np.array(units.assign, np.int64)
    last = member.order.steps - 2  # a unit that had seen the last rank could feed no output
    lowest = int(_degrees(units.below, member).min()) if isinstance(units.below, Units) else 0
    lowest = min(lowest, max(last, 0))
    if units.assign == "cyclic":
        degrees = lowest + np.arange(units.count) % max(last - lowest + 1, 1)
    else:
        random = np.random.Generator(np.random.Philox(key=[member.degrees_seed, units.salt]))
        degrees = random.integers(lowest, max(last, lowest) + 1, units.count)
    return np.sort(degrees) if member.alone else degrees
