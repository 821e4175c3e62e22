"""Known-at: for every site of every node, the highest rank among the variables that it depends on; -1 for none.

This is the proof: a spec is causal when every head site for a variable is known before that variable's rank. It is
linear in the number of sites and exact for the masks and offsets in use.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arspec.graph import Graph
from arspec.layers.base import Node
from arspec.reads import Reads, Scan
from arspec.types import Ints, Member


@dataclass(eq=False)
class Relations:
    """The relations of every live node under one member of the family."""

    graph: Graph
    member: Member
    training: bool = False

    def __post_init__(self) -> None:
        self._reads: dict[Node, list[Reads]] = {}
        self._scans: dict[Node, Scan | None] = {}

    def reads(self, node: Node) -> list[Reads]:
        if node not in self._reads:
            self._reads[node] = node.layer.reads(node, self.member, self.training)
        return self._reads[node]

    def scan(self, node: Node) -> Scan | None:
        if node not in self._scans:
            self._scans[node] = node.layer.scan(node, self.member)
        return self._scans[node]


def known_at(
    relations: Relations, without: frozenset[Node] = frozenset(), time: Ints | None = None
) -> dict[Node, Ints]:
    """[S] for every source and live node. `without`: nodes as if they read nothing. `time` [V]: when each variable is
    drawn, in place of its rank; masks still go by ranks."""
    graph = relations.graph
    known: dict[Node, Ints] = {graph.data: relations.member.order.rank if time is None else time}
    for node in graph.conditions.values():
        known[node] = np.full(node.out.sites, -1)
    for node in graph.live:
        if node in without:
            known[node] = np.full(node.out.sites, -1)
            continue
        parts = [r.known_at(known[i]) for r, i in zip(relations.reads(node), node.inputs, strict=True)]
        value = np.maximum.reduce(parts) if parts else np.full(node.out.sites, -1)
        scan = relations.scan(node)
        known[node] = value if scan is None else scan.known_at(value)
    return known


def leaking(relations: Relations, known: dict[Node, Ints]) -> Ints:
    """The variables whose head site is known only at their own rank or later."""
    return np.flatnonzero(known[relations.graph.head_node] >= relations.member.order.rank)
