"""How far a sample has come: which sites of every node the sampler has computed before a step, computes in it, reads
for that from its caches, has still to compute, or never needs. From the lifetimes of the sampler's plan; no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

import numpy as np

from arspec.analysis.known_at import Relations
from arspec.diagnostics import InputError
from arspec.language.graph import Graph
from arspec.language.load import Spec
from arspec.layers.base import Node
from arspec.sampler.plan.lifetimes import Lifetimes, lifetimes
from arspec.types import Cells, Ints, Member, coordinates

PROBED = 16  # sites by which it is told whether a node reads other places than its own
TOGETHER = 4096  # sites whose reads are listed at once


class Stage(IntEnum):
    """A site at a step."""

    NEVER = 0
    LATER = 1
    DONE = 2
    CACHED = 3
    READ = 4
    NOW = 5


COLOURS: dict[Stage, str] = {
    Stage.NEVER: "#8f8f8a", Stage.LATER: "#f2f2f0", Stage.DONE: "#d9cbe8",
    Stage.CACHED: "#a9cfe6", Stage.READ: "#2b6c99", Stage.NOW: "#e69f00",
}  # fmt: skip
MEANINGS: dict[Stage, str] = {
    Stage.NEVER: "never needed", Stage.LATER: "not yet computed", Stage.DONE: "computed before, not kept",
    Stage.CACHED: "cached", Stage.READ: "cached, read at this step", Stage.NOW: "computed at this step",
}  # fmt: skip


@dataclass(eq=False)
class Row:
    """A node, and those behind it that work in place on what it has just computed: they are computed with it, site by
    site, so that one picture holds for all."""

    node: Node
    stage: Ints  # [S] of Stage
    nodes: list[Node] = field(default_factory=list)
    alike: int = 1  # rows of the same line of the spec that are at the same stage everywhere

    def count(self, *stages: Stage) -> int:
        """How many sites are at one of these stages."""
        return int(np.isin(self.stage, stages).sum())

    def summary(self) -> list[str]:
        """What is computed now, what is there, and what is missing: ['1 now', '40 cached, 12 read', '20 to come']."""
        kept, read = self.count(Stage.CACHED, Stage.READ), self.count(Stage.READ)
        done, never = self.count(Stage.DONE), self.count(Stage.NEVER)
        there = [f"{kept:,} cached"] if kept or not done else []
        there += [f"{read:,} read"] if read else []
        there += [f"{done:,} not kept"] if done else []
        missing = f"{self.count(Stage.LATER):,} to come" + (f", {never:,} never" if never else "")
        return [f"{self.count(Stage.NOW):,} now", ", ".join(there), missing]


@dataclass(frozen=True)
class Link:
    """A site computed at the step reads another: (row, site) above, (row, site) below, and whether that one is computed
    at the same step."""

    row: int
    site: int
    below: int
    read: int
    now: bool


@dataclass(eq=False)
class Progress:
    """The rows from the data (first) to the head (last) at one step, and who reads whom."""

    spec: Spec
    member: Member
    life: Lifetimes
    step: int
    rows: list[Row]
    links: list[Link]

    @property
    def drawn(self) -> Ints:
        """The variables that are drawn at the end of the step."""
        return np.flatnonzero(self.life.first[self.life.data] == self.step)

    @property
    def computed(self) -> int:
        """Sites of all nodes, shown or not, that are computed at the step."""
        return self.life.computed_at(self.step)

    @property
    def total(self) -> int:
        """Sites that a whole sample computes, without those that depend on no data."""
        return self.life.computed


def progress_of(spec: Spec, step: int, member: int = 0) -> Progress:
    """The state of the sampler of one member of the family at a step, counted from 0: before the variables of this rank
    are drawn. Raises InputError where there is no such member or step, and for a spec that leaks."""
    if not 0 <= member < len(spec.members):
        raise InputError("AR816", f"there is no member {member}; the family has {len(spec.members)}", "count from 0")
    chosen = spec.members[member]
    if not 0 <= step < chosen.order.drawn:
        raise InputError("AR808", f"there is no step {step}: {spec.name} is sampled in {chosen.order.drawn:,} steps",
                         f"give a step from 0 to {chosen.order.drawn - 1}")  # fmt: skip
    try:
        rows = _rows_of(spec.graph(), member)
    except ValueError:
        raise InputError(
            "AR701",
            f"{spec.name} leaks under the order '{chosen.order.name}', so it has no schedule",
            "arspec verify shows the leak, and so does arspec render without --schedule",
        ) from None
    return rows.progress(spec, step)


def stages(life: Lifetimes, node: Node, step: int) -> Ints:
    """[S] of Stage: where each site of a node is at a step, apart from whether it is read."""
    if node not in life.first:
        return np.full(node.out.sites, int(Stage.NEVER))
    first, last = life.first[node], life.last[node]
    return np.select(
        [first >= life.steps, first > step, first == step, last >= step],
        [int(Stage.NEVER), int(Stage.LATER), int(Stage.NOW), int(Stage.CACHED)], int(Stage.DONE),
    ).astype(np.int64)  # fmt: skip


@lru_cache(maxsize=2)  # steps are asked for one after another
def _rows_of(graph: Graph, member: int) -> _Rows:
    return _Rows(graph, graph.members[member])


class _Rows:
    """What the rows of all steps have in common: the plan, and which nodes read no places but their own."""

    def __init__(self, graph: Graph, member: Member) -> None:
        self.graph, self.member, self.life = graph, member, lifetimes(graph, member)
        self.relations = Relations(graph, member)
        self._moving: dict[Node, bool] = {}

    def progress(self, spec: Spec, step: int) -> Progress:
        data = self.graph.data
        rows = [Row(data, stages(self.life, data, step), [data])]
        of: dict[Node, int] = {data: 0}
        free = {*self.life.free, *self.graph.conditions.values()}
        for node in self.graph.live:
            if node in free:
                continue
            stage = stages(self.life, node, step)
            below = [of[i] for i in node.inputs if i in of]
            at = next((k for k in sorted(below, reverse=True) if self._follows(node, rows[k])), None)
            if at is None:
                at = len(rows)
                rows.append(Row(node, stage.copy()))
            of[node] = at
            rows[at].nodes.append(node)
            rows[at].stage = np.maximum(rows[at].stage, stage)  # a place is kept where any of what lies there is
        links = self._links(rows, of, step)
        for link in links:
            stage = rows[link.below].stage
            if stage[link.read] in (Stage.CACHED, Stage.DONE):
                stage[link.read] = Stage.READ
        return Progress(spec, self.member, self.life, step, rows, links)

    def _follows(self, node: Node, row: Row) -> bool:
        """Whether a node belongs in the row below it: it works in place and is at the same stage everywhere. The head
        has a row of its own."""
        if node is self.graph.head_node or row.node is self.graph.data or row.node.out.grid != node.out.grid:
            return False
        if row.node.out.groups != node.out.groups or not self._together(node, row.node):
            return False
        return not self._moves(node)

    def _together(self, node: Node, other: Node) -> bool:
        """Whether two nodes are computed at the same steps, site by site."""
        never = np.full(node.out.sites, self.life.steps)
        return np.array_equal(self.life.first.get(node, never), self.life.first.get(other, never))

    def _moves(self, node: Node) -> bool:
        """Whether some site reads a place that is not its own."""
        if node not in self._moving:
            self._moving[node] = self._found_to_move(node)
        return self._moving[node]

    def _found_to_move(self, node: Node) -> bool:
        if self.relations.scan(node) is not None:
            return True
        sites = np.unique(np.linspace(0, node.out.sites - 1, min(PROBED, node.out.sites)).astype(np.int64))
        here = self._places(node, sites)
        for read, source in zip(self.relations.reads(node), node.inputs, strict=True):
            if isinstance(source.out.frame, Cells):
                table = read.table(sites)
                if not table.shape[1]:  # it reads nothing
                    continue
                there = self._places(source, np.where(table >= 0, table, 0).ravel()).reshape(*table.shape, -1)
                if there.shape[-1] != here.shape[-1] or ((there != here[:, None]).any(-1) & (table >= 0)).any():
                    return True
        return False

    @staticmethod
    def _places(node: Node, sites: Ints) -> Ints:
        """[n, dimensions]: the cells of the data that the sites stand for."""
        return np.stack(coordinates(node.out), -1)[sites % node.out.positions]

    def _links(self, rows: list[Row], of: dict[Node, int], step: int) -> list[Link]:
        """What the sites of the step read, apart from what a node of a row reads in place of another of it."""
        found: dict[Link, None] = {}
        for node, row in of.items():
            if node is self.graph.data or node not in self.life.first:
                continue
            sites = np.flatnonzero(self.life.first[node] == step)
            reads = list(zip(self.relations.reads(node), node.inputs, strict=True))
            scan = self.relations.scan(node)
            pairs = [(read, of[source]) for read, source in reads if source in of and of[source] != row]
            for read, below in [*pairs, *([(scan.own, row)] if scan is not None else [])]:
                for start in range(0, len(sites), TOGETHER):
                    some = sites[start : start + TOGETHER]
                    table = read.table(some)
                    which, _ = np.nonzero(table >= 0)
                    now = (rows[below].stage == Stage.NOW).tolist()
                    for site, other in zip(some[which].tolist(), table[table >= 0].tolist(), strict=True):
                        found[Link(row, site, below, other, now[other])] = None
        return list(found)


def alike(rows: list[Row], kept: int) -> list[Row]:
    """The rows without those of the same line of the spec that are at the same stage everywhere, such as the
    repetitions of a block; the first stands for all. The first row and the last `kept` stay as they are."""
    first: dict[tuple[object, ...], Row] = {}
    shown: list[Row] = []
    for k, row in enumerate(rows):
        if k == 0 or k >= len(rows) - kept:
            shown.append(row)
            continue
        key = (row.node.place, row.node.out.grid, row.stage.tobytes())
        if key in first:
            first[key].alike += 1
        else:
            first[key] = row
            shown.append(row)
    return shown
