"""The schedule of the sampler: which sites of which node become known at which step. numpy only.

Before the variables of rank t are drawn, everything that they need is computed, and what else is quicker computed with it
(`arspec.runtime.timing`). Over all steps, every site that some head site depends on is computed once, and no other. For
each (node, group) there is one array of sites in the order in which they are computed, and one table of what they read; a
step is a slice of both.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field

import numpy as np

from arspec.analysis.contexts import depends_on
from arspec.analysis.known_at import Relations, known_at
from arspec.graph import Graph
from arspec.layers.base import Node
from arspec.reads import Matrix, Ranked
from arspec.runtime.timing import ahead, steps_of
from arspec.types import Bools, Ints, Member


@dataclass(eq=False)
class Input:
    """How a part reads one input: what the same step has just computed of a group (`direct`), site by site; the whole
    cache, by a `relation` that is a matrix; or by the table [n, M], in which site S stands for zero."""

    source: Node
    table: Ints | None
    columns: Ints
    relation: Ranked | Matrix | None = None
    direct: int | None = None

    @property
    def whole(self) -> bool:
        return self.relation is not None


@dataclass(eq=False)
class Part:
    """The sites of one group of one node, in the order in which they are computed. Step t computes those from
    `bounds[t]` to `bounds[t + 1]`, a scan in the slices of `waves[t]`, which lead from wave to wave.

    A linear layer may be in two parts: one that sums up `ahead` what some of its window's places hold, as a node of its
    own, and one that takes the rest, and that sum as its last input."""

    node: Node
    group: int
    sites: Ints
    bounds: Ints
    inputs: list[Input] = field(default_factory=list)
    cached: bool = False  # whether anything but the same step's same sites reads it
    places: Bools | None = None  # the columns of its input's table that it takes; None: all of them
    ahead: Part | None = None  # what has summed up the others
    sums_for: Node | None = None  # the node whose sum it is, where it is one

    @property
    def layer_of(self) -> Node:
        """The node whose layer and weights it computes with."""
        return self.sums_for or self.node


@dataclass(eq=False)
class Schedule:
    """Parts in the order in which a step goes through them."""

    graph: Graph
    member: Member
    steps: int
    parts: list[Part]
    waves: dict[Node, dict[int, list[tuple[int, int, int]]]]  # scan -> step -> (group, from, to), in order
    free: list[Node]  # nodes that no variable influences: computed once, all sites at once
    head_sites: Ints  # [V], by rank
    head_bounds: Ints  # [steps + 1]

    @property
    def calls(self) -> int:
        """How often a layer is called in all: each part once for every step in which any of its sites is computed."""
        return sum(int((np.diff(part.bounds) > 0).sum()) for part in self.parts)

    def sites_of(self, node: Node) -> Ints:
        """All sites of a node that are computed."""
        if node in self.free:
            return np.arange(node.out.sites)
        return np.concatenate([np.empty(0, np.int64), *(p.sites for p in self.parts if p.node is node)])


def schedule(graph: Graph, member: Member, time: Ints | None = None, sums: bool = False) -> Schedule:
    """The schedule of one member of the family. `time` [V]: the step at which each variable is drawn, in place of its
    rank (levels); each comes after all that it depends on. sums: windows are summed up ahead where that pays."""
    relations = Relations(graph, member)
    rank = member.order.rank if time is None else time
    known = known_at(relations, time=rank)
    if (known[graph.head_node] >= rank).any():
        raise ValueError("the spec leaks under this order: it has no sampler")
    needed = depends_on(relations, np.arange(len(rank)))
    steps = int(rank.max()) + 1
    free = free_nodes(graph, known)
    parts: list[Part] = []
    waves: dict[Node, dict[int, list[tuple[int, int, int]]]] = {}
    when = steps_of(relations, rank, known, needed, free)
    there = {**when, graph.data: rank + 1}
    for node, step in when.items():
        scan = relations.scan(node)
        wave = scan.wave if scan is not None else np.zeros(node.out.sites, np.int64)
        mine = [_part(node, g, step, wave, needed[node], steps) for g in range(node.out.groups)]
        mine_ahead = _ahead(mine, relations, there, needed[node]) if sums else []
        parts += [p for p in (*mine_ahead, *mine) if len(p.sites)]
        if scan is not None:
            waves[node] = _waves(mine, step, wave)
    by_key = {(p.node, p.group): p for p in parts}
    for part in parts:
        _connect(part, by_key, relations, free)
    _mark_cached(parts, by_key, graph, waves)
    head_sites = np.argsort(rank, kind="stable")
    head_bounds = np.searchsorted(rank[head_sites], np.arange(steps + 1))
    return Schedule(graph, member, steps, parts, waves, free, head_sites, head_bounds)


def free_nodes(graph: Graph, known: dict[Node, Ints]) -> list[Node]:
    """The nodes that no variable influences: conditions and what is computed from these alone."""
    found: list[Node] = []
    for node in graph.live:
        alone = all(i in found or i in graph.conditions.values() for i in node.inputs)
        if alone and (known[node] == -1).all():
            found.append(node)
    return found


def _part(node: Node, group: int, step: Ints, wave: Ints, needed: Bools, steps: int) -> Part:
    first = group * node.out.positions
    sites = first + np.flatnonzero(needed[first : first + node.out.positions])
    sites = sites[np.lexsort((sites, wave[sites], step[sites]))]
    return Part(node, group, sites, np.searchsorted(step[sites], np.arange(steps + 1)))


def _ahead(mine: list[Part], relations: Relations, there: Mapping[Node, Ints], needed: Bools) -> list[Part]:
    """The sums that are made ahead for the parts of one node, where any are; what is left to the parts is noted in them."""
    node = mine[0].node
    if not node.layer.linear or node.inputs[0] not in there:
        return []
    read, source, sums = relations.reads(node)[0], node.inputs[0], copy(node)
    sums.name += " ahead"
    found: list[Part] = []
    for part in mine:
        table, steps = read.table(part.sites), len(part.bounds) - 1
        inside, own = table >= 0, np.repeat(np.arange(steps), np.diff(part.bounds))
        ever = np.flatnonzero(inside.any(0))
        when = np.where(inside, there[source][table], 0)[:, ever]
        chosen = ahead(when, own, source.out.channels * node.out.channels)
        if chosen is None:
            continue
        early, taken = chosen
        step = np.zeros(node.out.sites, np.int64)
        step[part.sites] = taken
        part.ahead = _part(sums, part.group, step, np.zeros_like(step), needed, steps)
        part.ahead.sums_for = node
        part.ahead.places = np.isin(np.arange(table.shape[1]), ever[early])
        part.places = ~part.ahead.places
        found.append(part.ahead)
    return found


def _waves(mine: list[Part], step: Ints, wave: Ints) -> dict[int, list[tuple[int, int, int]]]:
    found: dict[int, list[tuple[int, int, int, int]]] = {}
    for part in mine:
        k, w = step[part.sites], wave[part.sites]
        edges = np.flatnonzero(np.diff(k) | np.diff(w)) + 1 if len(k) else np.empty(0, np.int64)
        cuts = [0, *edges.tolist(), len(k)]
        for lo, hi in itertools.pairwise(cuts):
            if lo < hi:
                found.setdefault(int(k[lo]), []).append((int(w[lo]), part.group, lo, hi))
    return {t: [(g, lo, hi) for _, g, lo, hi in sorted(runs)] for t, runs in found.items()}


def _connect(part: Part, by_key: dict[tuple[Node, int], Part], relations: Relations, free: list[Node]) -> None:
    node = part.layer_of
    scan = relations.scan(node)
    for read, source in zip(relations.reads(node), node.inputs, strict=True):
        if isinstance(read, (Ranked, Matrix)):
            part.inputs.append(Input(source, None, np.empty(0, np.int64), read))
            continue
        table = read.table(part.sites)
        taken = (table >= 0).any(0) if part.places is None else (table >= 0).any(0) & part.places
        columns = np.flatnonzero(taken) if len(part.sites) else np.empty(0, np.int64)
        kept = table[:, columns]
        # a scan goes through a step's sites wave by wave; a sum's table is what priming goes by
        if scan is None and relations.scan(source) is None and part.sums_for is None:
            group = _just_computed(part, kept, source, by_key)
            if group is not None:
                part.inputs.append(Input(source, None, columns, direct=group))
                continue
        part.inputs.append(Input(source, np.where(kept < 0, source.out.sites, kept), columns))
    if scan is not None:
        table = node.layer.constants(node, relations.member)["table"][part.sites]
        part.inputs.append(Input(node, table, np.arange(table.shape[1])))
    if part.ahead is not None:
        part.inputs.append(Input(part.ahead.node, part.sites[:, None], np.zeros(1, np.int64)))


def _just_computed(part: Part, table: Ints, source: Node, by_key: dict[tuple[Node, int], Part]) -> int | None:
    """The group of the source of which each step computes just the sites that the part reads in that step, in order."""
    if table.shape[1] != 1 or not len(table):
        return None
    below = by_key.get((source, int(table[0, 0]) // source.out.positions))
    alike = below is not None and np.array_equal(table[:, 0], below.sites) and np.array_equal(part.bounds, below.bounds)
    return below.group if below is not None and alike else None


def _mark_cached(
    parts: list[Part], by_key: dict[tuple[Node, int], Part], graph: Graph, waves: Mapping[Node, object]
) -> None:
    for part in parts:
        if part.node is graph.head_node or part.node in waves:
            part.cached = True
        for given in part.inputs:
            if given.direct is None and (given.table is None or given.table.shape[1]):
                for g in range(given.source.out.groups):
                    if (given.source, g) in by_key:
                        by_key[given.source, g].cached = True
