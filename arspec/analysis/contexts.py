"""Contexts: for a site, the exact set of variables that it depends on.

Forwards, for all head sites at once, with bitsets: 64 variables a word, bit number = place of the variable in the order,
so that the legal past of a variable is a run of bits from the first on. Quadratic in the variables, so it is done up to
MAX_EXACT of them. Backwards, for one variable, linear: which sites of every node its head site depends on.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from arspec.analysis.known_at import Relations
from arspec.layers.base import Node
from arspec.reads import Reads, Scan, Words
from arspec.types import Bools, Ints

MAX_EXACT = 1 << 14  # variables; beyond, rows are computed for sampled variables
SAMPLED = 64  # rows, beyond


class Memo:
    """Contexts that were computed before, by the relations and the very arrays that they were computed from. Equal arrays
    are kept once; so where the repetitions of a block have come to add nothing, all that follow cost nothing, and a deeper
    spec begins where a shallower one ended. The oldest are forgotten beyond `limit` bytes."""

    def __init__(self, limit: int = 1 << 29) -> None:
        self.limit, self.size = limit, 0
        self._results: OrderedDict[tuple[Hashable, ...], tuple[tuple[Words, ...], Words]] = OrderedDict()
        self._arrays: dict[tuple[int, int], Words] = {}

    def result(self, how: tuple[Hashable, ...], inputs: tuple[Words, ...], compute: Callable[[], Words]) -> Words:
        key = (*how, *map(id, inputs))
        if key not in self._results:
            value = self.once(compute())
            self._results[key] = (inputs, value)  # the inputs too, so that their ids stay theirs
            self.size += value.nbytes
            while self.size > self.limit and len(self._results) > 1:
                _, (_, oldest) = self._results.popitem(last=False)
                self.size -= oldest.nbytes
                self._arrays.clear()
        return self._results[key][1]

    def once(self, array: Words) -> Words:
        """The array of these contents."""
        key = (hash(array.tobytes()), array.shape[0])
        kept = self._arrays.setdefault(key, array)
        return kept if np.array_equal(kept, array) else array


def head_contexts(relations: Relations, memo: Memo | None = None) -> Words:
    """[V, W]: the context of the head's site for every variable."""
    graph, order = relations.graph, relations.member.order
    memo = memo or Memo()
    words = -(-order.variables // 64)
    contexts: dict[Node, Words] = {graph.data: memo.once(_own_bits(order.rank, words))}
    for node in graph.conditions.values():
        contexts[node] = memo.once(np.zeros((node.out.sites, words), np.uint64))
    readers = Counter(source for node in graph.live for source in set(node.inputs))
    for node in graph.live:
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


def depends_on(relations: Relations, head_sites: Ints) -> dict[Node, Bools]:
    """[S] for every source and live node: the sites that these head sites depend on, themselves included."""
    graph = relations.graph
    found = {node: np.zeros(node.out.sites, bool) for node in [*graph.sources, *graph.live]}
    found[graph.head_node][head_sites] = True
    for node in reversed(graph.live):
        if not found[node].any():
            continue
        scan = relations.scan(node)
        if scan is not None:
            found[node] = scan.back(found[node])
        for read, source in zip(relations.reads(node), node.inputs, strict=True):
            found[source] |= read.back(found[node])
    return found


@dataclass(eq=False)
class Seen:
    """Which variables the head's site of each of the `rows` depends on, [rows, V], as bits by place in the order."""

    rank: Ints
    rows: Ints
    bits: Words

    @cached_property
    def places(self) -> Ints:
        return _places(self.rank)

    @cached_property
    def legal(self) -> Ints:
        """[rows]: how many variables come before each."""
        return np.searchsorted(np.sort(self.rank), self.rank[self.rows], "left")

    @cached_property
    def _within(self) -> Ints:
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
        return int((self._all - self._within).sum())

    @property
    def pairs(self) -> int:
        """Legal pairs (v, u): u is generated before v."""
        return int(self.legal.sum())

    @property
    def unseen(self) -> int:
        """Legal pairs that the model does not use."""
        return int((self.legal - self._within).sum())

    @property
    def coverage_by_variable(self) -> Ints:
        """[rows]: the share of its legal past that each sees; 1 where there is none."""
        return np.where(self.legal > 0, self._within / np.maximum(self.legal, 1), 1.0)

    def matrix(self) -> Bools:
        """[rows, V], columns by variable number."""
        raw = self.bits.astype("<u8").view(np.uint8) if sys.byteorder == "big" else self.bits.view(np.uint8)
        table = np.unpackbits(raw.reshape(len(self.rows), -1), axis=1, bitorder="little").astype(bool)
        return table[:, self.places]


def seen(relations: Relations, rows: Ints | None = None, memo: Memo | None = None) -> Seen:
    """What the head sees: of all variables where there are at most MAX_EXACT of them, else of the `rows` given, or of
    SAMPLED rows spread over the order. `memo`: shared by analyses of like specs."""
    rank = relations.member.order.rank
    if rows is None and len(rank) <= MAX_EXACT:
        return Seen(rank, np.arange(len(rank)), head_contexts(relations, memo))
    if rows is None:
        by_place = np.argsort(rank, kind="stable")
        rows = by_place[np.linspace(0, len(rank) - 1, SAMPLED).astype(np.int64)]
    places = _places(rank)
    bits = np.zeros((len(rows), -(-len(rank) // 64)), np.uint64)
    for k, row in enumerate(rows):
        at = places[depends_on(relations, np.array([row]))[relations.graph.data]]
        np.bitwise_or.at(bits[k], at // 64, np.uint64(1) << (at % 64).astype(np.uint64))
    return Seen(rank, rows, bits)
