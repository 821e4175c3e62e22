"""Known-at: for every site of every node, the highest rank among the variables that it depends on; -1 for none.

This is the proof: a spec is causal when every head site for a variable is known before that variable's rank. It is
linear in the number of sites and exact for the masks and offsets in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from arspec.analysis.memo import Memo
from arspec.language.graph import Graph
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
    relations: Relations,
    without: frozenset[Node] = frozenset(),
    time: Ints | None = None,
    memo: Memo | None = None,
) -> dict[Node, Ints]:
    """[S] for every source and live node. `without`: nodes as if they read nothing. `time` [V]: when each variable is
    drawn, in place of its rank; masks still go by ranks. `memo` keeps what is found for graphs that share relations."""
    graph = relations.graph
    drawn = relations.member.order.rank if time is None else time
    known: dict[Node, Ints] = {graph.data: drawn if memo is None else memo.once(drawn)}

    def never(node: Node) -> Ints:
        nothing = np.full(node.out.sites, -1)
        return nothing if memo is None else memo.once(nothing)

    for node in graph.conditions.values():
        known[node] = never(node)
    for node in graph.live:
        if node in without:
            known[node] = never(node)
            continue
        reads, scan, inputs = relations.reads(node), relations.scan(node), tuple(known[i] for i in node.inputs)
        found = partial(_known_at, reads, scan, inputs, node.out.sites)
        known[node] = found() if memo is None else memo.result((*reads, scan, node.out.sites), inputs, found)
    return known


def _known_at(reads: list[Reads], scan: Scan | None, inputs: tuple[Ints, ...], sites: int) -> Ints:
    parts = [read.known_at(known) for read, known in zip(reads, inputs, strict=True)]
    value = np.full(sites, -1) if not parts else parts[0] if len(parts) == 1 else np.maximum.reduce(parts)
    return value if scan is None else scan.known_at(value)


def leaking(relations: Relations, known: dict[Node, Ints]) -> Ints:
    """The variables whose head site is known only at their own rank or later."""
    return np.flatnonzero(known[relations.graph.head_node] >= relations.member.order.rank)
