"""The schedule of the sampler: which sites of which node become known at which step. numpy only.

Before the variables of rank t are drawn, everything that they need is computed, and what else is quicker computed with it
(`arspec.sampler.plan.timing`). Over all steps, every site that some head site depends on is computed once, and no other. For
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
from arspec.language.graph import Graph
from arspec.layers.base import Node
from arspec.reads import Matrix, Ranked
from arspec.sampler.plan.lowered import Lowered, lowered
from arspec.sampler.plan.sums import Joined, Term, joined
from arspec.sampler.plan.timing import WORTH, steps_of
from arspec.types import Bools, Ints, Member


class Leaks(ValueError):
    """Something is drawn before all that it depends on is known."""


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

    A sum (`arspec.sampler.plan.sums`) reads the windows of its terms that have any columns, then what is added to them. It may
    be in two parts: one that sums up `ahead`, as a node of its own, and one that adds the rest."""

    node: Node
    group: int
    sites: Ints
    bounds: Ints
    inputs: list[Input] = field(default_factory=list)
    cached: bool = False  # whether anything but the same step's same sites reads it
    terms: list[Term] = field(default_factory=list)  # the linear layers that it computes with; else its node's layer
    addends: list[Node] = field(default_factory=list)
    ahead: Part | None = None  # what has summed up the others
    is_ahead: bool = False
    stands_for: list[Node] = field(default_factory=list)  # nodes that are computed with it
    counts: Ints | None = None  # of what is gathered by a matrix: how many places of its table each site reads

    @property
    def linear(self) -> bool:
        return bool(self.terms)

    @property
    def windows(self) -> list[Term]:
        """The terms that have inputs; one of them, where nothing is read at all."""
        return [term for term in self.terms if len(term.columns)] or self.terms[:1]


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
    lowered: Lowered  # what the graph stands for

    @property
    def calls(self) -> int:
        """How often a layer is called in all: each part once for every step in which any of its sites is computed."""
        return sum(int((np.diff(part.bounds) > 0).sum()) for part in self.parts)


def schedule(
    graph: Graph, member: Member, time: Ints | None = None, sums: bool = False, worth: int = WORTH,
    gather: bool = False,
) -> Schedule:  # fmt: skip
    """The schedule of one member of the family. `time` [V]: the step at which each variable is drawn, in place of its
    rank (levels); each comes after all that it depends on. sums: what is added up is computed as one, and ahead where that pays: where the sum
    spares `worth` numbers of a weight. gather: layers that read by a matrix read what its rows name, and not the whole."""
    relations = Relations(graph, member)
    rank = member.order.rank if time is None else time
    known = known_at(relations, time=rank)
    if (known[graph.head_node] >= rank).any():
        raise Leaks("the spec leaks under this order: it has no sampler")
    lower = lowered(relations, known, worth) if sums else Lowered(graph)
    if lower.graph is not graph:
        graph, relations = lower.graph, Relations(lower.graph, member)
        known = known_at(relations, time=rank)
    needed = depends_on(relations, np.arange(len(rank)))
    steps = int(rank.max()) + 1
    free = free_nodes(graph, known)
    parts: list[Part] = []
    waves: dict[Node, dict[int, list[tuple[int, int, int]]]] = {}
    when = steps_of(relations, rank, known, needed, free)
    there = {**when, graph.data: rank + 1}
    waves_of = {node: _wave(node, relations) for node in when}
    mine = {
        node: [_part(node, g, step, waves_of[node], needed[node], steps) for g in range(node.out.groups)]
        for node, step in when.items()
    }
    places = {node: [_own(part) for part in own] for node, own in mine.items()}
    found = joined(relations, when, there if sums else None, places, worth)
    inside = {other for one in found.values() for other in one.stands_for}
    for node, own in mine.items():
        if node in inside:
            continue
        if node in found:
            parts += _ahead(own, found[node], needed[node])
        parts += own
        if relations.scan(node) is not None:
            waves[node] = _waves(own, when[node], waves_of[node])
    parts = [part for part in parts if len(part.sites)]
    by_key = {(p.node, p.group): p for p in parts}
    for part in parts:
        _connect(part, by_key, relations, gather)
    _mark_cached(parts, by_key, graph, waves)
    head_sites = np.argsort(rank, kind="stable")
    head_bounds = np.searchsorted(rank[head_sites], np.arange(steps + 1))
    return Schedule(graph, member, steps, parts, waves, free, head_sites, head_bounds, lower)


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


def _wave(node: Node, relations: Relations) -> Ints:
    scan = relations.scan(node)
    return scan.wave if scan is not None else np.zeros(node.out.sites, np.int64)


def _own(part: Part) -> tuple[Ints, Ints]:
    """The sites of a part, and the step of each."""
    return part.sites, np.repeat(np.arange(len(part.bounds) - 1), np.diff(part.bounds))


def _ahead(mine: list[Part], one: Joined, needed: Bools) -> list[Part]:
    """The parts that sum up ahead for the parts of a node, where any do; what is left to the parts is noted in them."""
    node, found = mine[0].node, list[Part]()
    first = copy(node)
    first.name += " ahead"
    for part, chosen in zip(mine, one.groups, strict=True):
        part.terms, part.addends, part.stands_for = chosen.late.terms, chosen.late.addends, one.stands_for
        if chosen.early is None or chosen.taken is None:
            continue
        step = np.zeros(node.out.sites, np.int64)
        step[part.sites] = chosen.taken
        part.ahead = _part(first, part.group, step, np.zeros_like(step), needed, len(part.bounds) - 1)
        part.ahead.terms, part.ahead.addends, part.ahead.is_ahead = chosen.early.terms, chosen.early.addends, True
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


def _connect(part: Part, by_key: dict[tuple[Node, int], Part], relations: Relations, gather: bool) -> None:
    node = part.node
    if part.linear:
        for term in part.windows:
            table = relations.reads(term.node)[0].table(part.sites)[:, term.columns]
            part.inputs.append(_input(part, term.node.inputs[0], table, term.columns, by_key, relations))
        addends = part.addends if part.ahead is None else [*part.addends, part.ahead.node]
        own = part.sites[:, None]
        part.inputs += [_input(part, source, own, np.zeros(1, np.int64), by_key, relations) for source in addends]
        return
    scan = relations.scan(node)
    for read, source in zip(relations.reads(node), node.inputs, strict=True):
        by_matrix = isinstance(read, (Ranked, Matrix))
        if by_matrix and not (gather and node.layer.gathers):
            part.inputs.append(Input(source, None, np.empty(0, np.int64), read))
            continue
        table = read.table(part.sites)
        if by_matrix:
            part.counts = (table >= 0).sum(1)
        columns = np.flatnonzero((table >= 0).any(0)) if len(part.sites) else np.empty(0, np.int64)
        part.inputs.append(_input(part, source, table[:, columns], columns, by_key, relations))
    if scan is not None:
        table = node.layer.constants(node, relations.member)["table"][part.sites]
        part.inputs.append(Input(node, table, np.arange(table.shape[1])))


def _input(
    part: Part, source: Node, table: Ints, columns: Ints, by_key: dict[tuple[Node, int], Part], relations: Relations
) -> Input:  # fmt: skip
    # scans go through a step's sites wave by wave
    plain = relations.scan(part.node) is None and relations.scan(source) is None
    group = _just_computed(part, table, source, by_key) if plain else None
    # where a step finds what it has just computed nobody asks for the table, but to prime a sum
    asked = group is None or part.is_ahead
    return Input(source, np.where(table < 0, source.out.sites, table) if asked else None, columns, direct=group)


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
