"""Known-at: for every site of every node, the highest rank among the variables that it depends on; -1 for none.

This is the proof: a spec is causal when every head site for a variable is known before that variable's rank. It is
linear in the number of sites and exact for the masks and offsets in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from arspec.analysis.memo import Memo
from arspec.language.further import Further
from arspec.language.graph import Graph
from arspec.layers.base import Node
from arspec.progress import still_wanted
from arspec.reads import Reads, Scan
from arspec.types import Ints, Member, Type


@dataclass(eq=False)
class Relations:
    """The relations of every live node under one member of the family. `like`: those of a graph that shares nodes with
    this one, under the same member; what has been found for such a node is found for both."""

    graph: Graph
    member: Member
    training: bool = False
    like: Relations | None = None

    def __post_init__(self) -> None:
        self._reads: dict[Node, list[Reads]] = {} if self.like is None else self.like._reads
        # those of nodes of one layer on inputs of the same types, by the layer's identity,
        # which such a node keeps alive
        self._formed: dict[tuple[int | Type, ...], tuple[Node, list[Reads]]] = (
            {} if self.like is None else self.like._formed
        )
        self._scans: dict[Node, Scan | None] = {} if self.like is None else self.like._scans
        self._known: dict[tuple[Node | int, ...], tuple[tuple[Ints, ...], Ints]] = (
            {} if self.like is None else self.like._known
        )
        self.like = None  # what it was made of is not kept alive

    def reads(self, node: Node) -> list[Reads]:
        """The relation of a node to each of its inputs, found once."""
        if node not in self._reads:
            key = (id(node.layer), *node.ins)
            if key not in self._formed:
                self._formed[key] = node, node.layer.reads(node, self.member, self.training)
            self._reads[node] = self._formed[key][1]
        return self._reads[node]

    def scan(self, node: Node) -> Scan | None:
        """The relation of a node to its own sites, found once; None where its layer does not scan."""
        if node not in self._scans:
            self._scans[node] = node.layer.scan(node, self.member)
        return self._scans[node]

    def known(self, node: Node, inputs: tuple[Ints, ...], memo: Memo | None) -> Ints:
        """[S]: when the sites of a node are known, whose inputs are known at `inputs`."""
        if memo is None:
            return _known_at(self.reads(node), self.scan(node), inputs, node.out.sites)
        key = (node, *map(id, inputs))
        kept = self._known.get(key)
        if kept is None:
            reads, scan = self.reads(node), self.scan(node)
            found = partial(_known_at, reads, scan, inputs, node.out.sites)
            kept = inputs, memo.result((*reads, scan, node.out.sites), inputs, found)  # `inputs`: their ids stay theirs
            self._known[key] = kept
        return kept[1]


def known_at(
    relations: Relations,
    without: frozenset[Node] = frozenset(),
    time: Ints | None = None,
    memo: Memo | None = None,
) -> dict[Node, Ints]:
    """[S] for every source and live node. `without`: nodes as if they read nothing. `time` [V]: when each variable is
    drawn, in place of its rank; masks still go by ranks. What is given is known before all. `memo` keeps
    what is found for graphs that share relations."""
    graph = relations.graph
    order = relations.member.order
    drawn = np.where(order.modelled, order.rank, -1) if order.given and time is None else order.rank
    drawn = drawn if time is None else time
    known: dict[Node, Ints] = {graph.data: drawn if memo is None else memo.once(drawn)}

    def never(node: Node) -> Ints:
        nothing = np.full(node.out.sites, -1)
        return nothing if memo is None else memo.once(nothing)

    for node in graph.conditions.values():
        known[node] = never(node)
    for node in graph.live:
        still_wanted()
        if node in without:
            known[node] = never(node)
        else:
            known[node] = relations.known(node, tuple([known[source] for source in node.inputs]), memo)
    return known


def known_by_heads(
    relations: Relations, memo: Memo | None = None, known: dict[Node, Ints] | None = None
) -> dict[Node, Ints]:
    """The same for what further heads depend on as well. known: that of the first head, where it has been found."""
    found = {**(known_at(relations, memo=memo) if known is None else known)}
    for one in relations.graph.further:
        found |= known_at(of_further(relations, one), memo=memo)
    return found


def _known_at(reads: list[Reads], scan: Scan | None, inputs: tuple[Ints, ...], sites: int) -> Ints:
    parts = [read.known_at(known) for read, known in zip(reads, inputs, strict=True)]
    value = np.full(sites, -1) if not parts else parts[0] if len(parts) == 1 else np.maximum.reduce(parts)
    return value if scan is None else scan.known_at(value)


def leaking(relations: Relations, known: dict[Node, Ints]) -> Ints:
    """The variables whose head site is known only at their own rank or later; what is given is none of them."""
    order = relations.member.order
    return np.flatnonzero((known[relations.graph.head_node] >= order.rank) & order.modelled)


def late_further(relations: Relations, one: Further, known: dict[Node, Ints]) -> tuple[Ints, Ints]:
    """The variables at whose places a further head sees what it must not, and the rank that bounds each."""
    sites, limits = one.sites(relations.member), one.limits(relations.member)
    late = known[one.node][sites] >= limits
    return sites[late], limits[late]


def of_further(relations: Relations, one: Further) -> Relations:
    """The relations of the graph whose head is a further one, sharing what was found."""
    return Relations(relations.graph.headed(one), relations.member, relations.training, relations)
