"""What holds of a spec under one order of its family: relations, known-at, contexts, the schedule, leaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arspec.analysis.contexts import Seen
from arspec.analysis.known_at import Relations, known_by_heads
from arspec.analysis.member import MemberReport
from arspec.exploring.facts import ContextFacts, LeakFacts, MemberFacts, MemberNode, ScheduleFacts, Strict
from arspec.exploring.of_spec import Described
from arspec.layers.base import Node
from arspec.pictures.strictness import Strictness, crosses, strictness
from arspec.reads import Reads
from arspec.runs import Listing, listing, listing_of_rows
from arspec.sampler.plan.lifetimes import Lifetimes, lifetimes
from arspec.types import Ints, Member

ROWS = 512  # of contexts that are unfolded at a time
WORDS: dict[Strictness, Strict] = {
    Strictness.FREE: "free", Strictness.STRICT: "strict", Strictness.INCLUSIVE: "inclusive", Strictness.AHEAD: "ahead",
}  # fmt: skip


@dataclass(eq=False)
class Under:
    """One member of the family."""

    described: Described
    member: Member
    report: MemberReport
    contexts: bool = True

    def __post_init__(self) -> None:
        graph, store = self.described.graph, self.described.store
        self.graph, self.store = graph, store
        self.relations = Relations(graph, self.member)
        self.known = known_by_heads(self.relations)
        self.strictness = {node: strictness(node, at, self.member) for node, at in self.known.items()}
        self._arrays: dict[int, tuple[Ints, int]] = {}  # by identity, as many nodes have the very same
        self._listed: dict[tuple[int, int, int], int] = {}
        self._kept: list[Reads] = []  # so that their ids stay theirs
        self.life: Lifetimes | None = None if len(self.report.leaking) else lifetimes(graph, self.member)

    def facts(self) -> MemberFacts:
        """All that holds under this order."""
        order = self.member.order
        place = np.argsort(order.rank, kind="stable")
        return {
            "name": order.name,
            "rank": self.store.array(order.rank),
            "place": self.store.array(place),
            "time": self.store.array(order.time),
            "steps": order.drawn,
            "proven": not (len(self.report.leaking) or len(self.report.training) or self.report.further),
            "leaking": self.store.array(
                self.report.leaking if len(self.report.leaking) else self.report.training
            ),
            "leaks": self._leaks(),
            "nodes": [self._node(node) for node in self.described.nodes],
            "contexts": self._contexts() if self.contexts else None,
            "schedule": self._schedule(),
        }  # fmt: skip

    def _node(self, node: Node) -> MemberNode:
        known = self.known.get(node)
        if known is None:
            return {"reads": [], "scan": None, "known": None, "strict": "none", "boundary": False, "first": None,
                    "last": None, "context": None}  # fmt: skip
        source = node in self.graph.sources
        reads = [] if source else self.relations.reads(node)
        scan = None if source else self.relations.scan(node)
        below = [self.strictness[i] for i in node.inputs]
        first, last = (None, None) if self.life is None else (self.life.first.get(node), self.life.last.get(node))
        if self.life is not None and (node in self.life.free or (source and node is not self.graph.data)):
            first, last = np.full(node.out.sites, -1), np.full(node.out.sites, self.life.steps)
        return {
            "reads": [self._relation(r, node, i) for r, i in zip(reads, node.inputs, strict=True)],
            "scan": None if scan is None else self._relation(scan.own, node, node),
            "known": self._array(known),
            "strict": WORDS[self.strictness[node]],
            "boundary": crosses(self.strictness[node], below),
            "first": None if first is None else self._array(first),
            "last": None if last is None else self._array(last),
            "context": None,
        }

    def _array(self, values: Ints) -> int:
        if id(values) not in self._arrays:
            self._arrays[id(values)] = values, self.store.array(values)
        return self._arrays[id(values)][1]

    def _relation(self, read: Reads, node: Node, source: Node) -> int:
        key = id(read), node.out.sites, source.out.sites
        if key not in self._listed:
            self._kept.append(read)
            self._listed[key] = self.store.relation(listing(read, node.out.sites, source.out.sites))
        return self._listed[key]

    def _leaks(self) -> list[LeakFacts]:
        code = "AR701" if len(self.report.leaking) else "AR702"
        found = [self.described.leak(code, w, self.member) for w in self.report.witnesses]
        ways = [(leak.witness, leak.further.name) for leak in self.report.further if leak.witness is not None]
        return [*found, *(self.described.leak("AR454", w, self.member, name) for w, name in ways)]

    def _contexts(self) -> ContextFacts | None:
        seen = self.report.seen
        if seen is None:
            return None
        by_place = np.argsort(seen.places[seen.rows], kind="stable")
        deep = self.report.deep
        return {
            "rows": self.store.array(seen.rows[by_place]),
            "relation": self.store.relation(_unfolded(seen, by_place)),
            "deep": None if deep is None else self.store.relation(_unfolded(deep, by_place)),
            "legal": self.store.array(seen.legal[by_place]),
            "within": self.store.array(seen.within[by_place]),
        }

    def _schedule(self) -> ScheduleFacts | None:
        if self.life is None:
            return None
        kept = {n: self.life.last[n] > f for n, f in self.life.first.items()}
        return {
            "steps": self.life.steps,
            "calls": self.life.calls,
            "sites": self.life.computed,
            "cached": self.life.rows["rows"],
            "every": sum(n.out.sites for n, any_kept in kept.items() if any_kept.any()),
        }


def _unfolded(seen: Seen, rows: Ints) -> Listing:
    """Some rows of what is seen as runs of places, a few at a time to keep the tables small."""
    parts: list[Listing] = []
    for start in range(0, len(rows), ROWS):
        some = rows[start : start + ROWS]
        parts.append(listing_of_rows(Seen(seen.rank, seen.rows[some], seen.bits[some]).by_place()))
    nothing = np.empty(0, np.int64)
    return Listing(len(seen.rank), *(
        np.concatenate([nothing, *(getattr(part, name) for part in parts)]) for name in ("counts", "starts", "stops")
    ))  # fmt: skip
