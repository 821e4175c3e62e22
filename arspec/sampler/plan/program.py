"""The sampler's program: the schedule with every site replaced by its place in a cache. numpy only.

A step is one row of whole numbers, cut into sections: for every gather the rows of the cache that it reads, for every
result the rows that it is written to. Rows of equal cuts make a class of steps. On sequences the rows repeat, each
number moved on by a fixed amount (`arspec.sampler.plan.periods`), so that they are not held for every step.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from arspec.layers.base import Node
from arspec.runs import Listed
from arspec.sampler.plan.schedule import Input, Part, Schedule
from arspec.types import Ints

Blocks = npt.NDArray[np.int32]  # [T, Q]: the first row of each section whose rows follow one another, else -1
Orders = dict[Node, list[tuple[Ints, Ints]]]  # by group: the sites in the order in which they come, and the bounds
ENDLESS = 1 << 62  # the ring of what is never written over


@dataclass(eq=False)
class Entries:
    """Places in a cache, as numbers in the order of computation: row = base + index mod ring."""

    index: Ints
    base: Ints
    ring: Ints

    @classmethod
    def of_rows(cls, rows: Ints) -> Entries:
        """Entries that stand for themselves: each is the row of the cache."""
        return cls(rows, np.broadcast_to(np.int64(0), rows.shape), np.broadcast_to(np.int64(ENDLESS), rows.shape))

    def rows(self) -> Ints:
        """[n]: the rows of the cache."""
        if self.ring.strides == (0,) and self.ring.size and self.ring[0] == ENDLESS:
            return self.index
        return self.base + self.index % self.ring

    def cut(self, lo: int, hi: int) -> Entries:
        """The entries from number `lo` to number `hi`."""
        return Entries(self.index[lo:hi], self.base[lo:hi], self.ring[lo:hi])


@dataclass(eq=False)
class Numbers:
    """Where the sites [S] of a node come in the order of computation: the group of each, and its number in it,
    -1 for never."""

    group: Ints
    index: Ints


@dataclass(eq=False)
class Section:
    """A part of every step's row. Step t has the entries from `bounds[t]` to `bounds[t + 1]`."""

    entries: Entries
    bounds: Ints


@dataclass(eq=False)
class Read:
    """How an operation takes an input: what another one has `made` in this step (its number, and which of its parts),
    the rows of `source` that a section names, or all that is known of `source`, by a relation. `hoisted`: what the
    layer made of an input that no variable influences, from its rows for every site (by the section), or for all sites
    alike. `hoist`: the layer makes something of the input at each step."""

    source: Node
    channels: int
    columns: int = 0
    section: int | None = None
    made: tuple[int, int] | None = None
    hoisted: Input | None = None
    relation: Listed | None = None
    hoist: bool = False


@dataclass(eq=False)
class Operation:
    """Parts that are computed together: one, or several that are linear in the same reads. `outs[i]` is the section of
    the rows that part i is written to, None where it is not kept."""

    parts: list[Part]
    reads: list[Read]
    outs: list[int | None]
    places: int | None  # the section of its sites, for layers that want to know them

    @property
    def linear(self) -> bool:
        """Whether the operation is a product of windows and weights."""
        return self.parts[0].linear

    @property
    def hands_on(self) -> bool:
        """Whether it gives what it reads, as it is."""
        return self.parts[0].node.traits.is_identity and self.reads[0].columns == 1 and len(self.parts) == 1

    @property
    def handed_on(self) -> tuple[int, int] | None:
        """The number of the operation, and which of its parts, whose results of the same step are given as they are;
        None where it gives others."""
        return self.reads[0].made if self.hands_on else None

    @property
    def windows(self) -> int:
        """Of a linear one, the reads that it multiplies; what follows is added."""
        return len(self.parts[0].windows)


@dataclass(eq=False)
class Kept:
    """The cache of one node: rows of what stands outside the grid, then one ring for each part; or, where it is read
    whole, all of its sites."""

    outside: int
    begins: list[int]  # by group
    rings: list[int]  # by group; 0 where none of its sites is computed
    size: int


@dataclass(eq=False)
class Program:
    """Operations in the order in which a step goes through them, and the sections of its rows."""

    schedule: Schedule
    operations: list[Operation]
    sections: list[Section]
    caches: dict[Node, Kept]
    orders: Orders
    head: int  # the section of the head's rows that the step draws from
    head_made: tuple[int, int] | None  # where each step computes just what it draws from: operation and part
    data: int  # the section of the data's rows that what is drawn is written to
    whole: set[Node]  # nodes that are read whole: their caches hold every site, in the order of the sites
    by_group: dict[tuple[Node, int], int] = field(default_factory=dict)  # of scans: the operation of a group
    endless: bool = False  # whether its steps go on, as those of a stream do
    # what is generated of it (`arspec.sampler.run.codegen`): the layout of registers, the classes of steps
    layout: Any = field(default=None, init=False)
    cuts: dict[object, Any] = field(default_factory=dict, init=False)

    @property
    def steps(self) -> int:
        """How many steps the program has."""
        return self.schedule.steps

    @property
    def as_rows(self) -> set[int]:
        """Sections of which something else than rows to gather or to write is made: the head's, which are drawn from
        when the step is over, the places of layers, what was hoisted, and scans,
        which are gone through wave by wave."""
        found = {self.head, *(o.places for o in self.operations)}
        for operation in self.operations:
            found |= {read.section for read in operation.reads if read.hoisted is not None}
            if operation.parts[0].node in self.schedule.waves:
                found |= {*(read.section for read in operation.reads), *operation.outs}
        return {section for section in found if section is not None}

    def runs(self, step: int) -> tuple[tuple[int, int, int], ...]:
        """What a step computes of its scans, wave by wave: (operation, from, to), counted within the step."""
        found: list[tuple[int, int, int]] = []
        for node, waves in self.schedule.waves.items():
            for group, lo, hi in waves.get(step, ()):
                number = self.by_group[node, group]
                start = int(self.operations[number].parts[0].bounds[step])
                found.append((number, lo - start, hi - start))
        return tuple(found)

    def known(self, operation: Operation) -> tuple[list[int], list[bool]]:
        """[steps]: of what an operation reads whole the sites up to the last that any is known of, and whether all of
        the sites that it computes read all of these; never for layers that do not ask."""
        part, reads = operation.parts[0], [read for read in operation.reads if read.relation is not None]
        filled: list[int] = np.max([self.filled(read.source) for read in reads], 0).tolist()
        if not part.node.traits.full_context:
            return filled, [False] * self.steps
        sites = [part.sites[lo:hi] for lo, hi in itertools.pairwise(part.bounds.tolist())]
        relations = [read.relation for read in reads if read.relation is not None]
        return filled, [all(r.reads_all(own, filled[t]) for r in relations) for t, own in enumerate(sites)]

    def kept(self, node: Node) -> Kept:
        """The cache of a node that is read whole; where no step computes any of it, all sites behind a row of zeros."""
        sites = node.out.sites
        return self.caches.get(node) or Kept(1, [1] * node.out.groups, [sites] * node.out.groups, 1 + sites)

    def filled(self, node: Node) -> Ints:
        """[steps]: of a node that is read whole, the sites up to the last one that is known after each step: all of
        what no variable influences, and one, which every mask hides, of what is never needed."""
        if node in self.schedule.free or node in self.schedule.graph.conditions.values():
            return np.full(self.steps, node.out.sites)
        found = np.ones(self.steps, np.int64)
        if node not in self.orders:
            return found
        for sites, bounds in self.orders[node]:
            highest = np.concatenate([[0], np.maximum.accumulate(sites + 1)])
            found = np.maximum(found, highest[bounds[1:]])
        return found


@dataclass(eq=False)
class Rows:
    """The rows of some steps one behind the other: row t begins at `begins[t]`,
    and `sizes[t]` are those of its sections."""

    entries: Entries
    begins: Ints  # [steps + 1]
    sizes: Ints  # [steps, Q]
