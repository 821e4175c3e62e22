"""Witnesses: the shortest path of sites by which a variable reaches a head site that must not see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from arspec.analysis.known_at import Relations
from arspec.layers.base import Node
from arspec.types import Cells, Ints, Type

CHUNK = 256  # sites whose reads are listed at once


@dataclass(frozen=True, eq=False)
class Step:
    """One site on the way: the node, the site's number, and what it stands for."""

    node: Node
    site: int

    @property
    def group(self) -> int:
        """The channel group of the step's site."""
        return self.site // self.node.out.positions

    @property
    def cell(self) -> tuple[int, ...]:
        """The position on the node's own grid."""
        return tuple(int(i) for i in np.unravel_index(self.site % self.node.out.positions, self.node.out.grid))

    def __str__(self) -> str:
        return f"{self.node.name}[{site_name(self.node.out, self.site)}]"


@dataclass(frozen=True, eq=False)
class Witness:
    """Variable `seen` is generated no earlier than `variable`, and reaches its head site along `path`, from the data to
    the head."""

    variable: int
    seen: int
    path: tuple[Step, ...]

    def json(self) -> dict[str, Any]:
        """The witness as `--json` prints it: the variable, the one that it sees, and the path of sites."""
        return {
            "variable": self.variable,
            "seen": self.seen,
            "path": [
                {"node": s.node.name, "group": s.group, "cell": list(s.cell), "place": str(s.node.place)}
                for s in self.path
            ],
        }


def site_name(kind: Type, site: int) -> str:
    """'row 3, column 4' with the group behind where there are several: 'row 3, column 4, g'; of data in several parts
    with the part before it: 'luma, row 3, column 4'."""
    group, position = divmod(site, kind.positions)
    for name, part in kind.parts:
        if group < part.groups:
            return f"{name}, {site_name(part, group * kind.positions + position)}"
        group -= part.groups
    cell = np.unravel_index(position, kind.grid) if kind.grid else ()
    text = ", ".join(f"{name} {int(i)}" for name, i in zip(axes(kind), cell, strict=True))
    return f"{text}, {_group_name(kind, group)}" if kind.groups > 1 else text


def axes(kind: Type) -> tuple[str, ...]:
    """A word for each dimension of a grid: row and column, or step; of hidden units, unit."""
    return {2: ("row", "column"), 1: ("step",) if isinstance(kind.frame, Cells) else ("unit",)}.get(len(kind.grid), ())


def group_names(kind: Type) -> list[str]:
    """A name for each channel group, of data in several parts with the part before it; '' where there is but one."""
    if kind.parts:
        return [", ".join(filter(None, (name, own))) for name, part in kind.parts for own in group_names(part)]
    return [_group_name(kind, group) for group in range(kind.groups)] if kind.groups > 1 else [""]


def _group_name(kind: Type, group: int) -> str:
    return "rgb"[group] if kind.groups == 3 else f"channel {group}"


def witness(relations: Relations, known: dict[Node, Ints], variable: int, limit: int | None = None) -> Witness | None:
    """The shortest path from a variable that is generated no earlier than `variable` to the head's site for it; None
    where nothing leaks into it. Only sites that are known too late are searched. limit: the first rank that must not be
    seen, where it is not the variable's."""
    limits = None if limit is None else [limit]
    return witnesses(relations, known, [variable], limits)[0]


def witnesses(
    relations: Relations, known: dict[Node, Ints], variables: Sequence[int], limits: Sequence[int] | None = None
) -> list[Witness | None]:
    """`witness` of each of the variables. They are sought together, a step of all paths at a time."""
    graph, rank = relations.graph, relations.member.order.rank
    latest = np.array(rank[[*variables]] if limits is None else limits, np.int64)
    found: list[Witness | None] = [None] * len(variables)
    frontier = [_Reached(k, graph.head_node, int(v)) for k, v in enumerate(variables)]
    came: dict[_Reached, _Reached | None] = dict.fromkeys(frontier)
    while frontier:
        following: list[_Reached] = []
        reads = _late_reads(relations, known, frontier, latest)
        for at in frontier:
            if found[at.search] is not None:
                continue
            if at.node is graph.data:
                found[at.search] = Witness(int(variables[at.search]), at.site, _path(at, came))
            for key in reads[at]:
                if key not in came:
                    came[key] = at
                    following.append(key)
        frontier = [at for at in following if found[at.search] is None]
    return found


class _Reached(NamedTuple):
    """A site that a search has come to."""

    search: int
    node: Node
    site: int


def _path(at: _Reached | None, came: Mapping[_Reached, _Reached | None]) -> tuple[Step, ...]:
    path: list[Step] = []
    while at is not None:
        path.append(Step(at.node, at.site))
        at = came[at]
    return tuple(path)


def _late_reads(
    relations: Relations, known: dict[Node, Ints], frontier: list[_Reached], latest: Ints
) -> dict[_Reached, list[_Reached]]:
    """The sites that each of these reads, of those that are known at the rank `latest` of its search or later."""
    by_node: dict[Node, list[_Reached]] = {}
    for at in frontier:
        by_node.setdefault(at.node, []).append(at)
    found: dict[_Reached, list[_Reached]] = {at: [] for at in frontier}
    for node, all_of in by_node.items():
        sources = list(zip(relations.reads(node), node.inputs, strict=True))
        scan = relations.scan(node)
        if scan is not None:
            sources.append((scan.own, node))
        for start in range(0, len(all_of), CHUNK):
            some = all_of[start : start + CHUNK]
            own = np.array([at.site for at in some])
            limits = latest[[at.search for at in some]]
            for read, source in sources:
                rows, sites = read.late(own, known[source], limits)
                for row, site in zip(rows.tolist(), sites.tolist(), strict=True):
                    found[some[row]].append(_Reached(some[row].search, source, site))
    return found
