"""The sampler's program: the schedule with every site replaced by its place in a cache. numpy only.

Liveness: the cache of a node is a ring over its sites in the order in which they are computed, just long enough that no
site is written over before it was last read. WaveNet's queues, PixelCNN++'s rows and the full cache of attention are all
this. What stands outside the grid has the first rows of each cache; the ring comes behind them.

A step is one row of whole numbers, cut into sections: for every gather the rows of the cache that it reads, for every
result the rows that it is written to. Rows of equal cuts make a class of steps. On sequences the rows repeat, each number
moved on by a fixed amount (`arspec.sampler.plan.periods`), so that they are not held for every step.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from arspec.layers.base import Node
from arspec.reads import Matrix, Ranked
from arspec.sampler.plan.schedule import Input, Part, Schedule
from arspec.types import Ints

Blocks = npt.NDArray[np.int32]
ENDLESS = 1 << 62  # the ring of what is never written over


@dataclass(eq=False)
class Entries:
    """Places in a cache, as numbers in the order of computation: row = base + index mod ring."""

    index: Ints
    base: Ints
    ring: Ints

    def rows(self) -> Ints:
        return self.base + self.index % self.ring

    def cut(self, lo: int, hi: int) -> Entries:
        return Entries(self.index[lo:hi], self.base[lo:hi], self.ring[lo:hi])


@dataclass(eq=False)
class Section:
    """A part of every step's row. Step t has the entries from `bounds[t]` to `bounds[t + 1]`."""

    entries: Entries
    bounds: Ints


@dataclass(eq=False)
class Read:
    """How an operation takes an input: what another one has `made` in this step (its number, and which of its parts),
    the rows of `source` that a section names, or all that is known of `source`, by a relation. `hoisted`: what the layer
    made of an input that no variable influences, from its rows for every site (by the section), or for all sites alike.
    `hoist`: the layer makes something of the input at each step."""

    source: Node
    channels: int
    columns: int = 0
    section: int | None = None
    made: tuple[int, int] | None = None
    hoisted: Input | None = None
    relation: Ranked | Matrix | None = None
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
        return self.parts[0].linear

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
    orders: dict[Node, list[tuple[Ints, Ints]]]  # by group: the sites in the order in which they come, and the bounds
    head: int  # the section of the head's rows that the step draws from
    head_made: tuple[int, int] | None  # where each step computes just what it draws from: operation and part
    data: int  # the section of the data's rows that what is drawn is written to
    whole: set[Node]  # nodes that are read whole: their caches hold every site, in the order of the sites
    by_group: dict[tuple[Node, int], int] = field(default_factory=dict)  # of scans: the operation of a group
    # what machines assemble of it (`arspec.sampler.run.assembly`): the layout of registers, the classes of steps
    layout: Any = field(default=None, init=False)
    cuts: dict[object, Any] = field(default_factory=dict, init=False)

    @property
    def steps(self) -> int:
        return self.schedule.steps

    @property
    def as_rows(self) -> set[int]:
        """Sections of which something else than rows to gather or to write is made: the head's, which are drawn from when
        the step is over, the places of layers, what was hoisted, and scans, which are gone through wave by wave."""
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
        """[steps]: of what an operation reads whole the sites up to the last that any is known of, and whether all of the
        sites that it computes read all of these; never for layers that do not ask."""
        part, reads = operation.parts[0], [read for read in operation.reads if read.relation is not None]
        filled: list[int] = np.max([self.filled(read.source) for read in reads], 0).tolist()
        if not part.node.layer.opens:
            return filled, [False] * self.steps
        sites = [part.sites[lo:hi] for lo, hi in itertools.pairwise(part.bounds.tolist())]
        relations = [read.relation for read in reads if read.relation is not None]
        return filled, [all(r.reads_all(own, filled[t]) for r in relations) for t, own in enumerate(sites)]

    def kept(self, node: Node) -> Kept:
        """The cache of a node that is read whole; where no step computes any of it, all sites behind a row of zeros."""
        sites = node.out.sites
        return self.caches.get(node) or Kept(1, [1] * node.out.groups, [sites] * node.out.groups, 1 + sites)

    def filled(self, node: Node) -> Ints:
        """[steps]: of a node that is read whole, the sites up to the last one that is known after each step: all of what
        no variable influences, and one, which every mask hides, of what is never needed."""
        if node in self.schedule.free or node in self.schedule.graph.conditions.values():
            return np.full(self.steps, node.out.sites)
        found = np.ones(self.steps, np.int64)
        if node not in self.orders:
            return found
        for sites, bounds in self.orders[node]:
            highest = np.concatenate([[0], np.maximum.accumulate(sites + 1)])
            found = np.maximum(found, highest[bounds[1:]])
        return found


def program(schedule: Schedule, endless: bool = False) -> Program:
    """The program of a schedule. endless: for more steps than it has, so that nothing is kept for every site."""
    return _Builder(schedule, endless).build()


class _Builder:
    def __init__(self, schedule: Schedule, endless: bool) -> None:
        self.endless = endless
        self.schedule, self.graph = schedule, schedule.graph
        graph, steps = schedule.graph, schedule.steps
        # the data are a part as well: what is drawn in step t is there from step t + 1 on
        drawn = np.concatenate([[0], schedule.head_bounds[:-1]])
        self.orders = {graph.data: [(schedule.head_sites, drawn)]}
        for node in dict.fromkeys(part.node for part in schedule.parts):
            mine = {p.group: p for p in schedule.parts if p.node is node}
            self.orders[node] = [
                (mine[g].sites, mine[g].bounds) if g in mine else (np.empty(0, np.int64), np.zeros(steps + 1, np.int64))
                for g in range(node.out.groups)
            ]
        # what is read whole lies in the order of its sites, so that keys and values stand side by side
        self.whole = {i.source for p in schedule.parts for i in p.inputs if i.whole}
        self.group_of: dict[Node, Ints] = {}
        self.index_of: dict[Node, Ints] = {}
        for node, orders in self.orders.items():
            self.group_of[node] = np.zeros(node.out.sites, np.int64)
            self.index_of[node] = np.full(node.out.sites, -1, np.int64)
            for g, (sites, _) in enumerate(orders):
                self.group_of[node][sites] = g
                self.index_of[node][sites] = sites if node in self.whole else np.arange(len(sites))
        self.sections: list[Section] = []
        self.known: dict[tuple[bytes, ...], int] = {}
        self.caches: dict[Node, Kept] = {}

    def build(self) -> Program:
        schedule, graph = self.schedule, self.graph
        head_input = Input(graph.head_node, schedule.head_sites[:, None], np.zeros(1, np.int64))
        self._size_caches(head_input)
        operations: list[Operation] = []
        at: dict[tuple[Node, int], tuple[int, int]] = {}
        linear: dict[tuple[object, ...], int] = {}
        by_group: dict[tuple[Node, int], int] = {}
        for part in schedule.parts:
            reads = [self._read(part, given, at) for given in part.inputs]
            out = self._section(part.node, part.sites[:, None], part.bounds) if part.cached else None
            key = self._siblings(part, reads)
            if key is not None and key in linear:
                number = linear[key]
                operations[number].parts.append(part)
                operations[number].outs.append(out)
            else:
                number = len(operations)
                places = self._places(part) if part.node.layer.placed else None
                operations.append(Operation([part], reads, [out], places))
                if key is not None:
                    linear[key] = number
            at[part.node, part.group] = number, len(operations[number].parts) - 1
            if part.node in schedule.waves:
                by_group[part.node, part.group] = number
        head = self._section(graph.head_node, schedule.head_sites[:, None], schedule.head_bounds)
        own = [p for p in schedule.parts if p.node is graph.head_node]
        just = len(own) == 1 and np.array_equal(own[0].sites, schedule.head_sites)
        just = just and np.array_equal(own[0].bounds, schedule.head_bounds)
        made = at[graph.head_node, own[0].group] if just else None
        data = self._section(graph.data, schedule.head_sites[:, None], schedule.head_bounds)
        return Program(
            schedule, operations, self.sections, self.caches, self.orders, head, made, data, self.whole, by_group
        )

    # -- caches ------------------------------------------------------------------------------------------------------

    def _size_caches(self, head: Input) -> None:
        """The ring of every part: at each step in which a site is read, what has been computed since it."""
        schedule = self.schedule
        needed: dict[Node, list[int]] = {node: [0] * len(orders) for node, orders in self.orders.items()}
        reading = [(given, part.bounds) for part in schedule.parts for given in part.inputs if given.direct is None]
        for given, bounds in [*reading, (head, schedule.head_bounds)]:
            source = given.source
            if source not in self.orders or source in self.whole:
                continue
            assert given.table is not None
            step = np.repeat(np.repeat(np.arange(schedule.steps), np.diff(bounds)), given.table.shape[1])
            sites = given.table.ravel()
            inside = sites < source.out.sites
            sites, step = sites[inside], step[inside]
            index, group = self.index_of[source][sites], self.group_of[source][sites]
            for g, (_, written) in enumerate(self.orders[source]):
                mine = (group == g) & (index >= 0)
                if mine.any():
                    span = int((written[step[mine] + 1] - index[mine]).max())
                    needed[source][g] = max(needed[source][g], span)
        # in an order that is the same in every process, or compiled steps would never be found again
        kept = dict.fromkeys([*(part.node for part in schedule.parts if part.cached), self.graph.data])
        for node in kept:
            outside = self.outside(node)
            if node in self.whole:
                sites = node.out.sites
                self.caches[node] = Kept(
                    outside, [outside] * len(needed[node]), [sites] * len(needed[node]), outside + sites
                )
                continue
            rings = [  # what one step writes has places of its own; of the data, what the last one draws as well
                max(n, int(np.diff(self.schedule.head_bounds if node is self.graph.data else written).max()))
                if len(sites)
                else 0
                for n, (sites, written) in zip(needed[node], self.orders[node], strict=True)
            ]
            begins = (outside + np.concatenate([[0], np.cumsum(rings)])).tolist()
            self.caches[node] = Kept(outside, begins[:-1], rings, begins[-1])

    def outside(self, node: Node) -> int:
        """Rows of what stands outside the grid: the highest that a table names."""
        if node not in self.schedule.waves:
            return 1
        tables = [i.table for p in self.schedule.parts if p.node is node for i in p.inputs if i.source is node]
        highest = max((int(t.max(initial=0)) for t in tables if t is not None), default=0)
        return max(1, highest - node.out.sites + 1)

    # -- sections ----------------------------------------------------------------------------------------------------

    def _entries(self, source: Node, sites: Ints) -> Entries:
        flat = sites.ravel()
        out = np.zeros(len(flat), np.int64)
        inside = flat < source.out.sites
        if source not in self.orders:  # all of it is there from the start, behind one row of zeros
            return Entries(np.where(inside, flat, 0), np.where(inside, 1, 0), np.where(inside, ENDLESS, 1))
        kept = self.caches.get(source)
        if kept is None:  # nothing of it is ever read
            return Entries(out, out, out + 1)
        found = np.where(inside, flat, 0)
        index, group = self.index_of[source][found], self.group_of[source][found]
        inside &= index >= 0
        base, ring = np.asarray(kept.begins)[group], np.maximum(np.asarray(kept.rings)[group], 1)
        beyond = np.where(flat >= source.out.sites, flat - source.out.sites, 0)
        return Entries(np.where(inside, index, 0), np.where(inside, base, beyond), np.where(inside, ring, 1))

    def _section(self, source: Node, table: Ints, bounds: Ints) -> int:
        return self._add(Section(self._entries(source, table), bounds * table.shape[1]))

    def _add(self, section: Section) -> int:
        """The number of a section; of an equal one where there is one."""
        entries = section.entries
        key = (entries.index.tobytes(), entries.base.tobytes(), entries.ring.tobytes(), section.bounds.tobytes())
        if key not in self.known:
            self.known[key] = len(self.sections)
            self.sections.append(section)
        return self.known[key]

    def _numbers(self, numbers: Ints, bounds: Ints, ring: int = ENDLESS) -> int:
        zero = np.zeros(len(numbers), np.int64)
        return self._add(Section(Entries(numbers, zero, zero + ring), bounds))

    def _places(self, part: Part) -> int:
        """The section of what a layer that is placed wants to know of its sites. In an endless program what it has for them
        is the same everywhere, so that those to come count as those that there are."""
        if part.counts is not None:
            return self._numbers(part.counts, part.bounds)
        return self._numbers(part.sites, part.bounds, part.node.out.sites if self.endless else ENDLESS)

    # -- operations --------------------------------------------------------------------------------------------------

    def _read(self, part: Part, given: Input, at: dict[tuple[Node, int], tuple[int, int]]) -> Read:
        node, source = part.node, given.source
        channels = node.layer.cached(node) if source is node else source.out.channels
        if given.relation is not None:
            return Read(source, channels, relation=given.relation)
        port = part.inputs.index(given)
        hoists = not part.linear and port < len(node.inputs) and node.layer.hoists(node, port)
        if given.direct is not None:
            return Read(source, channels, 1, made=at[source, given.direct], hoist=hoists)
        assert given.table is not None
        columns = given.table.shape[1]
        if source not in self.orders and hoists:
            alike = bool((given.table == given.table[:1]).all())
            if alike or not self.endless:
                section = None if alike else self._numbers(np.arange(len(part.sites)), part.bounds)
                return Read(source, channels, columns, section, hoisted=given)
        return Read(source, channels, columns, self._section(source, given.table, part.bounds), hoist=hoists)

    def _siblings(self, part: Part, reads: list[Read]) -> tuple[object, ...] | None:
        """What parts that can be computed as one have in common: layers that are linear in one and the same read."""
        if not part.linear or len(reads) != 1:
            return None
        read = reads[0]
        where = read.section if read.section is not None else read.made
        return (
            None
            if where is None or read.hoisted is not None
            else (read.source, where, read.columns, part.bounds.tobytes())
        )


@dataclass(eq=False)
class Rows:
    """The rows of some steps one behind the other: row t begins at `begins[t]`, and `sizes[t]` are those of its sections."""

    entries: Entries
    begins: Ints  # [steps + 1]
    sizes: Ints  # [steps, Q]


def rows_of(program: Program, blocks: Blocks | None = None) -> Rows:
    """The rows of all steps; of sections that are blocks (`blocks_of`) nothing."""
    sections = program.sections
    sizes = np.stack([np.diff(s.bounds) for s in sections], 1)
    rest = sizes if blocks is None else np.where(blocks < 0, sizes, 0)
    begins = np.concatenate([[0], np.cumsum(rest.sum(1))])
    inner = begins[:-1, None] + np.cumsum(rest, 1) - rest
    flat = Entries(*(np.empty(begins[-1], np.int64) for _ in range(3)))
    for q, section in enumerate(sections):
        kept = np.repeat(rest[:, q] > 0, sizes[:, q])
        start = np.repeat(inner[:, q] - np.cumsum(rest[:, q]) + rest[:, q], rest[:, q])
        where, entries = start + np.arange(len(start)), section.entries
        flat.index[where], flat.base[where] = entries.index[kept], entries.base[kept]
        flat.ring[where] = entries.ring[kept]
    return Rows(flat, begins, rest)


def blocks_of(program: Program) -> Blocks:
    """[steps, Q]: of each section whose rows at a step follow one another the first of them, else -1. Such rows are a
    block of the cache, which is read as it lies. Never where rows are taken as they are, or share by share."""
    found, as_rows = np.full((program.steps, len(program.sections)), -1, np.int32), program.as_rows
    for q, section in enumerate(program.sections):
        rows = section.entries.rows()
        if q in as_rows or not len(rows):
            continue
        breaks = np.concatenate([[0], np.cumsum(np.diff(rows) != 1)])  # up to each row
        first, last = np.minimum(section.bounds[:-1], len(rows) - 1), np.maximum(section.bounds[1:] - 1, 0)
        unbroken = (np.diff(section.bounds) > 0) & (breaks[first] == breaks[last])
        found[:, q] = np.where(unbroken, rows[first], -1)
    return found
