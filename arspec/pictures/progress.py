"""How far a sample has come: which sites of every node the sampler has computed before a step, computes in it, reads
for that from its caches, has still to compute, or never needs. From the sampler's own schedule; no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from arspec.analysis.known_at import Relations
from arspec.diagnostics import InputError
from arspec.language.load import Spec
from arspec.layers.base import Node
from arspec.sampler.plan.passes import schedule
from arspec.sampler.plan.schedule import Schedule
from arspec.types import Cells, Ints, coordinates

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
        there = f"{kept:,} cached" + (f", {read:,} read" if read else "")
        missing = f"{self.count(Stage.LATER):,} to come" + (f", {never:,} never" if never else "")
        return [f"{self.count(Stage.NOW):,} now", f"{done:,} done, not kept" if done else there, missing]


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
    plan: Schedule
    step: int
    rows: list[Row]
    links: list[Link]

    @property
    def drawn(self) -> Ints:
        """The variables that are drawn at the end of the step."""
        return self.plan.head_sites[self.plan.head_bounds[self.step] : self.plan.head_bounds[self.step + 1]]

    @property
    def computed(self) -> int:
        """Sites of all nodes, shown or not, that are computed at the step."""
        return sum(int(part.bounds[self.step + 1] - part.bounds[self.step]) for part in self.plan.parts)

    @property
    def total(self) -> int:
        """Sites that a whole sample computes, without those that depend on no data."""
        return sum(len(part.sites) for part in self.plan.parts)


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
        plan = schedule(spec.graph(), chosen)
    except ValueError:
        raise InputError(
            "AR701",
            f"{spec.name} leaks under the order '{chosen.order.name}', so it has no schedule",
            "arspec verify shows the leak, and so does arspec render without --schedule",
        ) from None
    return _Rows(spec, plan, step).progress()


class _Rows:
    def __init__(self, spec: Spec, plan: Schedule, step: int) -> None:
        self.spec, self.plan, self.step = spec, plan, step
        self.graph = spec.graph()
        self.relations = Relations(self.graph, plan.member)
        self.now: dict[Node, Ints] = {}  # the sites of each node that the step computes
        self.stage: dict[Node, Ints] = {}
        self.cached: set[Node] = {part.node for part in plan.parts if part.cached}
        for part in plan.parts:
            stage = self.stage.setdefault(part.node, np.full(part.node.out.sites, int(Stage.NEVER)))
            lo, hi = part.bounds[step], part.bounds[step + 1]
            stage[part.sites[:lo]] = Stage.DONE
            stage[part.sites[lo:hi]] = Stage.NOW
            stage[part.sites[hi:]] = Stage.LATER
            before = self.now.get(part.node, np.empty(0, np.int64))
            self.now[part.node] = np.concatenate([before, part.sites[lo:hi]])

    def progress(self) -> Progress:
        data, time = self.graph.data, self.plan.member.order.time
        drawn = np.select([time < self.step, time == self.step], [Stage.CACHED, Stage.NOW], Stage.LATER)
        rows = [Row(data, drawn.astype(np.int64), [data])]
        of: dict[Node, int] = {data: 0}
        free = {*self.plan.free, *self.graph.conditions.values()}
        for node in self.graph.live:
            if node in free:
                continue
            stage = self.stage.get(node, np.full(node.out.sites, int(Stage.NEVER)))
            below = [of[i] for i in node.inputs if i in of]
            at = next((k for k in sorted(below, reverse=True) if self._follows(node, stage, rows[k])), None)
            if at is None:
                at = len(rows)
                rows.append(Row(node, stage.copy()))
            of[node] = at
            rows[at].nodes.append(node)
        for row in rows:
            if any(node in self.cached for node in row.nodes):
                row.stage[row.stage == Stage.DONE] = Stage.CACHED
        links = self._links(rows, of)
        for link in links:
            stage = rows[link.below].stage
            if stage[link.read] in (Stage.CACHED, Stage.DONE):
                stage[link.read] = Stage.READ
        return Progress(self.spec, self.plan, self.step, rows, links)

    def _follows(self, node: Node, stage: Ints, row: Row) -> bool:
        """Whether a node belongs in the row below it: it works in place and is at the same stage everywhere. The head
        has a row of its own."""
        if node is self.graph.head_node or row.node is self.graph.data or row.node.out.grid != node.out.grid:
            return False
        if row.node.out.groups != node.out.groups or not np.array_equal(stage, row.stage):
            return False
        return not self._moves(node)

    def _moves(self, node: Node) -> bool:
        """Whether some site reads a place that is not its own."""
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

    def _links(self, rows: list[Row], of: dict[Node, int]) -> list[Link]:
        """What the sites of the step read, apart from what a node of a row reads in place of another of it."""
        found: dict[Link, None] = {}
        for node, row in of.items():
            sites = self.now.get(node)
            if sites is None or not len(sites):
                continue
            reads = list(zip(self.relations.reads(node), node.inputs, strict=True))
            scan = self.relations.scan(node)
            pairs = [(read, of[source]) for read, source in reads if source in of and of[source] != row]
            for read, below in [*pairs, *([(scan.own, row)] if scan is not None else [])]:
                for start in range(0, len(sites), TOGETHER):
                    some = sites[start : start + TOGETHER]
                    table = read.table(some)
                    which, _ = np.nonzero(table >= 0)
                    for site, other in zip(some[which].tolist(), table[table >= 0].tolist(), strict=True):
                        now = rows[below].stage[other] == Stage.NOW
                        found[Link(row, site, below, other, bool(now))] = None
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
