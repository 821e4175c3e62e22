"""Contexts: for a site, the exact set of variables that it depends on.

Forwards, for all head sites at once, with bitsets: 64 variables a word, bit number = place of the variable in the
order, so that the legal past of a variable is a run of bits from the first on. Quadratic in the variables, so it is
done up to MAX_EXACT of them unless all are asked for. Backwards, for sampled variables, linear: every site carries a
word, bit k of which says that the head's site of the k-th sampled variable depends on it,
so that 64 go back through the graph at once.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import numpy as np

from arspec.analysis.known_at import Relations
from arspec.analysis.memo import Memo
from arspec.diagnostics import InputError
from arspec.language.further import Further
from arspec.layers.base import Node
from arspec.orders import Order
from arspec.progress import still_wanted, track
from arspec.reads import Marks, Reads, Scan, Words
from arspec.types import Bools, Ints

MAX_EXACT = 1 << 14  # variables; beyond, rows are computed for sampled variables
MAX_ALL = 1 << 15  # variables whose contexts are computed on demand: 128 MB for each node that is still read
SAMPLED = 64  # rows, beyond
TOGETHER = 64  # rows that go back at once: the bits of a word


def head_contexts(relations: Relations, memo: Memo | None = None) -> Words:
    """[V, W]: the context of the head's site for every variable."""
    graph, order = relations.graph, relations.member.order
    memo = memo or Memo()
    words = -(-order.variables // 64)
    contexts: dict[Node, Words] = {graph.data: memo.once(_own_bits(order.rank, words))}
    for node in graph.conditions.values():
        contexts[node] = memo.once(np.zeros((node.out.sites, words), np.uint64))
    readers = Counter(source for node in graph.live for source in set(node.inputs))
    for node in track(graph.live, "finding contexts", "nodes"):
        still_wanted()
        reads, scan = tuple(relations.reads(node)), relations.scan(node)
        inputs = tuple(contexts[source] for source in node.inputs)
        joined = partial(_joined, reads, scan, inputs, (node.out.sites, words))
        contexts[node] = memo.result((*reads, scan, node.out.sites), inputs, joined)
        for source in set(node.inputs):  # drop what no later node reads, to keep memory low
            readers[source] -= 1
            if readers[source] == 0 and source is not graph.head_node:
                del contexts[source]
    return contexts[graph.head_node]


def _own_bits(rank: Ints, words: int) -> Words:
    """[V, W]: every variable's own bit."""
    place = _places(rank)
    bits = np.zeros((len(rank), words), np.uint64)
    bits[np.arange(len(rank)), place // 64] = np.uint64(1) << (place % 64).astype(np.uint64)
    return bits


def _joined(reads: tuple[Reads, ...], scan: Scan | None, inputs: tuple[Words, ...], shape: tuple[int, int]) -> Words:
    value: Words | None = None
    for read, context in zip(reads, inputs, strict=True):
        if not _empty(context):
            part = read.context(context)
            value = part if value is None else value | part
    if value is None:
        value = np.zeros(shape, np.uint64)
    return value if scan is None else scan.context(value)


def _empty(context: Words) -> bool:
    return not context[0].any() and not context.any()


def _places(rank: Ints) -> Ints:
    """[V]: the place of every variable in the order, equal ranks by their site."""
    place = np.empty(len(rank), np.int64)
    place[np.argsort(rank, kind="stable")] = np.arange(len(rank))
    return place


def depends_on(relations: Relations, head_sites: Ints, others: Mapping[Node, Ints] | None = None) -> dict[Node, Bools]:
    """[S] for every source and live node: the sites that these head sites depend on, themselves included; and those
    that sites of `others` do."""
    graph = relations.graph
    found = {node: np.zeros(node.out.sites, bool) for node in [*graph.sources, *graph.live]}
    found[graph.head_node][head_sites] = True
    for node, sites in (others or {}).items():
        found[node][sites] = True
    for node in reversed(graph.live):
        if found[node].any():
            found[node] = _back(relations, node, found[node], found)
    return found


def _back(relations: Relations, node: Node, marks: Marks, into: dict[Node, Marks]) -> Marks:
    """Carries the marks [S] of a node to its inputs, and gives them with what they mean for its own sites (a scan)."""
    scan = relations.scan(node)
    if scan is not None:
        marks = scan.back(marks)
    for read, source in zip(relations.reads(node), node.inputs, strict=True):
        part = read.back(marks)
        into[source] = into[source] | part if source in into else part
    return marks


def row_contexts(relations: Relations, rows: Ints) -> Words:
    """[rows, W]: the contexts of the head's sites for some variables, walked backwards."""
    graph, places = relations.graph, _places(relations.member.order.rank)
    bits = np.zeros((len(rows), -(-len(places) // 64)), np.uint64)
    for start in track(range(0, len(rows), TOGETHER), "finding contexts", "batches"):
        some = rows[start : start + TOGETHER]
        asked = np.zeros(graph.head_node.out.sites, np.uint64)
        np.bitwise_or.at(asked, some, np.uint64(1) << np.arange(len(some), dtype=np.uint64))
        marks: dict[Node, Words] = {graph.head_node: asked}
        for node in reversed(graph.live):
            still_wanted()
            found = marks.pop(node, None)  # forgotten once it has been carried on
            if found is not None and found.any():
                _back(relations, node, found, marks)
        seen_by = marks.get(graph.data, np.zeros(graph.data.out.sites, np.uint64))
        for k in range(len(some)):
            at = places[np.flatnonzero(seen_by & (np.uint64(1) << np.uint64(k)))]
            np.bitwise_or.at(bits[start + k], at // 64, np.uint64(1) << (at % 64).astype(np.uint64))
    return bits


@dataclass(eq=False)
class Seen:
    """Which variables the head's site of each of the `rows` depends on, [rows, V], as bits by place in the order.
    `legal` are those before its own, or before `limits` (of a further head, which predicts a later one)."""

    rank: Ints
    rows: Ints
    bits: Words
    limits: Ints | None = None  # [rows]: the rank from which on each may see nothing; None: its own

    @cached_property
    def places(self) -> Ints:
        """[V]: the place of each variable in the order, which is the number of its bit."""
        return _places(self.rank)

    @cached_property
    def legal(self) -> Ints:
        """[rows]: how many variables come before each, or before its limit."""
        limits = self.rank[self.rows] if self.limits is None else self.limits
        return np.searchsorted(np.sort(self.rank), limits, "left")

    @cached_property
    def within(self) -> Ints:
        """[rows]: how many of the legal past are seen."""
        words = self.bits.shape[1]
        full = np.arange(words)[None, :] * 64 + 64 <= self.legal[:, None]
        part = np.where(full, ~np.uint64(0), np.uint64(0))
        rest = self.legal % 64
        row = np.arange(len(self.rows))
        at = np.minimum(self.legal // 64, words - 1)
        last = (np.uint64(1) << rest.astype(np.uint64)) - np.uint64(1)
        part[row, at] = np.where(self.legal // 64 < words, last, part[row, at])
        return np.bitwise_count(self.bits & part).sum(1, dtype=np.int64)

    @cached_property
    def _all(self) -> Ints:
        return np.bitwise_count(self.bits).sum(1, dtype=np.int64)

    @property
    def leaks(self) -> int:
        """Pairs (v, u) where v's head site sees u, which is generated with v or after it."""
        return int((self._all - self.within).sum())

    @property
    def pairs(self) -> int:
        """Legal pairs (v, u): u is generated before v."""
        return int(self.legal.sum())

    @property
    def unseen(self) -> int:
        """Legal pairs that the model does not use."""
        return int((self.legal - self.within).sum())

    @property
    def coverage_by_variable(self) -> Ints:
        """[rows]: the share of its legal past that each sees; 1 where there is none."""
        return np.where(self.legal > 0, self.within / np.maximum(self.legal, 1), 1.0)

    def matrix(self) -> Bools:
        """[rows, V], columns by variable number."""
        return self.by_place()[:, self.places]

    def by_place(self) -> Bools:
        """[rows, V], columns by place in the order."""
        raw = self.bits.astype("<u8").view(np.uint8) if sys.byteorder == "big" else self.bits.view(np.uint8)
        bits = np.unpackbits(raw.reshape(len(self.rows), -1), axis=1, bitorder="little")
        return bits[:, : len(self.rank)].astype(bool)


def seen(relations: Relations, rows: Ints | None = None, memo: Memo | None = None) -> Seen:
    """What the head sees, of the variables `rows`, or of those that `chosen_rows` takes by itself. `memo`: shared by
    analyses of like specs."""
    order = relations.member.order
    rows = chosen_rows(order) if rows is None else rows
    most = order.variables <= MAX_ALL and 2 * len(rows) > np.count_nonzero(order.modelled)
    return Seen(order.rank, rows, head_contexts(relations, memo)[rows] if most else row_contexts(relations, rows))


def seen_further(relations: Relations, one: Further, rows: Ints, memo: Memo | None = None) -> Seen:
    """What a further head sees at those of the variables `rows` at which it predicts another one."""
    graph, member = relations.graph.headed(one), relations.member
    sites, limits = one.sites(member), one.limits(member)
    here = np.isin(sites, rows)
    found = seen(Relations(graph, member, relations.training, relations), sites[here], memo)
    return Seen(found.rank, found.rows, found.bits, limits[here])


def chosen_rows(order: Order, contexts: int | Literal["auto", "all"] = "auto") -> Ints:
    """The variables whose contexts are computed: `all`, or a number of them, spread evenly over the order from its
    first to its last. `auto`: all up to MAX_EXACT variables, SAMPLED of more. What is given is never among them.
    InputError for more than memory holds."""
    variables = order.variables
    if contexts == "all" and variables > MAX_ALL:
        raise InputError(
            "AR808",
            f"the contexts of all {variables:,} variables would take {variables**2 / 8e9:,.1f} GB for a node; "
            f"all are computed up to {MAX_ALL:,}",
            f"--contexts {SAMPLED} takes those of {SAMPLED} variables, spread over the order",
        )
    if contexts == "auto":
        contexts = "all" if variables <= MAX_EXACT else SAMPLED
    modelled = np.flatnonzero(order.modelled)
    if contexts == "all" or contexts >= len(modelled):
        return modelled
    by_place = modelled[np.argsort(order.rank[modelled], kind="stable")]
    return by_place[np.linspace(0, len(modelled) - 1, contexts).astype(np.int64)]
