"""Witnesses: the shortest path of sites by which a variable reaches a head site that must not see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from arspec.analysis.known_at import Relations
from arspec.layers.base import Node
from arspec.types import Cells, Ints, Type


@dataclass(frozen=True, eq=False)
class Step:
    """One site on the way: the node, the site's number, and what it stands for."""

    node: Node
    site: int

    @property
    def group(self) -> int:
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
    names = {2: ("row", "column"), 1: ("step",) if isinstance(kind.frame, Cells) else ("unit",)}.get(len(kind.grid), ())
    text = ", ".join(f"{name} {int(i)}" for name, i in zip(names, cell, strict=True))
    if kind.groups > 1:
        text += f", {'rgb'[group] if kind.groups == 3 else f'channel {group}'}"
    return text


def witness(relations: Relations, known: dict[Node, Ints], variable: int) -> Witness | None:
    """The shortest path from a variable that is generated no earlier than `variable` to the head's site for it; None
    where nothing leaks into it. Only sites that are known too late are searched."""
    graph, rank = relations.graph, relations.member.order.rank
    limit = rank[variable]
    start = (graph.head_node, variable)
    came: dict[tuple[Node, int], tuple[Node, int] | None] = {start: None}
    frontier = [start]
    while frontier:
        following: list[tuple[Node, int]] = []
        for node, site in frontier:
            if node is graph.data:
                path: list[Step] = []
                at: tuple[Node, int] | None = (node, site)
                while at is not None:
                    path.append(Step(*at))
                    at = came[at]
                return Witness(variable, site, tuple(path))
            for source, sites in _reads_of(relations, node, site):
                for s in sites[known[source][sites] >= limit]:
                    key = (source, int(s))
                    if key not in came:
                        came[key] = (node, site)
                        following.append(key)
        frontier = following
    return None


def _reads_of(relations: Relations, node: Node, site: int) -> list[tuple[Node, Ints]]:
    found: list[tuple[Node, Ints]] = []
    one = np.array([site])
    for read, source in zip(relations.reads(node), node.inputs, strict=True):
        sites = read.table(one)[0]
        found.append((source, sites[sites >= 0]))
    scan = relations.scan(node)
    if scan is not None:
        sites = scan.own.table(one)[0]
        found.append((node, sites[sites >= 0]))
    return found
