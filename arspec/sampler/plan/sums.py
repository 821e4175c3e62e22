"""Sums: what is computed as one product, and what of it ahead. numpy only.

A linear layer is a sum over the places of its window; several of them, and what a graph adds to them, are one sum, whose
products are made as one. What of a sum is there long before the rest is summed up ahead, many sites at once
(`arspec.sampler.plan.timing`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from arspec.analysis.known_at import Relations
from arspec.layers.base import Node
from arspec.reads import Pointwise
from arspec.sampler.plan.timing import FEWER, ahead
from arspec.types import Bools, Ints


@dataclass(eq=False)
class Term:
    """A linear layer, and the columns of its window's table that are taken."""

    node: Node
    columns: Ints


@dataclass(eq=False)
class Share:
    """Terms of a sum, and what is added to them."""

    terms: list[Term]
    addends: list[Node]


@dataclass(eq=False)
class Sum:
    """How the sites [n] of one group are computed: what is left to the step in which they are wanted, and where it pays what
    is summed up `early`, at the steps `taken` [n]."""

    late: Share
    early: Share | None = None
    taken: Ints | None = None


@dataclass(eq=False)
class Joined:
    """A node that is computed as a sum, by group, and the nodes that are computed with it and read by nothing else."""

    groups: list[Sum]
    stands_for: list[Node]


def split(
    terms: Sequence[Node], addends: Sequence[Node], sites: Ints, own: Ints, relations: Relations, there: Mapping[Node, Ints],
    worth: int,
) -> Sum:  # fmt: skip
    """The sum over `terms` and `addends` at sites [n], which are wanted at the steps `own` [n]. there: from which step on
    each site of a node can be read; of nodes that are not in it nothing is summed up ahead. worth: as of `ahead`."""
    tables = [relations.reads(term)[0].table(sites) for term in terms]
    ever = [np.flatnonzero((table >= 0).any(0)) for table in tables]
    whole = Share([Term(t, columns) for t, columns in zip(terms, ever, strict=True)], list(addends))
    if not len(sites) or any(term.inputs[0] not in there for term in terms):
        return Sum(whole)
    when, numbers = list[Ints](), list[int]()
    for term, table, columns in zip(terms, tables, ever, strict=True):
        when.append(np.where(table >= 0, there[term.inputs[0]][table], 0)[:, columns])
        numbers += [term.inputs[0].out.channels * term.out.channels] * len(columns)
    places = len(numbers)
    when += [(there[addend][sites] if addend in there else own)[:, None] for addend in addends]
    chosen = ahead(np.concatenate(when, 1), own, np.array(numbers + [0] * len(addends)), worth)
    if chosen is None or chosen[0][:places].all():
        return Sum(whole)
    early, taken = chosen
    return Sum(_cut(whole, ~early), _cut(whole, early), taken)


def _cut(share: Share, kept: Bools) -> Share:
    """The columns, of one term after another, and then the addends that are kept."""
    terms, at = list[Term](), 0
    for term in share.terms:
        columns = term.columns
        terms.append(Term(term.node, columns[kept[at : at + len(columns)]]))
        at += len(columns)
    return Share(terms, [addend for addend, one in zip(share.addends, kept[at:], strict=True) if one])


def joined(
    relations: Relations, when: Mapping[Node, Ints], there: Mapping[Node, Ints] | None,
    places: Mapping[Node, list[tuple[Ints, Ints]]], worth: int,
) -> dict[Node, Joined]:  # fmt: skip
    """The nodes that are computed as sums: linear layers, and what adds linear layers up that nothing else reads, where
    that makes fewer calls. when: the step of each site; there: as of `split`, None where every layer is to be computed by
    itself; places: of each node, by group, its sites and their steps."""
    readers = Counter(source for node in relations.graph.live for source in node.inputs)
    found: dict[Node, Joined] = {}
    for node in when:
        one = (
            _added(node, relations, when, there, places[node], readers, worth) if there and node.layer.adds() else None
        )
        if one is not None:
            found[node] = one
    inside = {other for one in found.values() for other in one.stands_for}
    for node in when:
        if node.layer.linear and node not in inside:
            found[node] = Joined([split([node], [], *own, relations, there or {}, worth) for own in places[node]], [])
    return found


def _added(
    node: Node, relations: Relations, when: Mapping[Node, Ints], there: Mapping[Node, Ints],
    places: list[tuple[Ints, Ints]], readers: Counter[Node], worth: int,
) -> Joined | None:  # fmt: skip
    """A node that adds up others, with those of them that are computed as one with it. Layers that are computed in far fewer
    steps than it are, where all of them can be summed up ahead."""
    operands = {source: _linear(source, relations, when, readers) for source in node.inputs}
    chains = {source: chain for source, chain in operands.items() if chain}
    steps = {source: _steps(when[chain[0]]) for source, chain in chains.items()}
    wanted = _steps(when[node])
    while chains:
        terms, rest = [chain[0] for chain in chains.values()], [i for i in node.inputs if i not in chains]
        groups = [split(terms, rest, *own, relations, there, worth) for own in places]
        apart = [s for s in chains if steps[s] * FEWER <= wanted and any(_takes(g.late, chains[s][0]) for g in groups)]
        if not apart:
            fewer = len(terms) > 1 or not rest or "bias" not in terms[0].layer.weights(terms[0])
            if all(_in_one_call(one, fewer) for one in groups):
                return Joined(groups, [other for chain in chains.values() for other in chain])
            return None
        chains = {source: chain for source, chain in chains.items() if source not in apart}
    return None


def _linear(source: Node, relations: Relations, when: Mapping[Node, Ints], readers: Counter[Node]) -> list[Node]:
    """The linear layer that an operand is, behind layers that pass it on as it is, and these: where nothing else reads any
    of them. Empty where it is none."""
    chain: list[Node] = []
    while source in when and readers[source] == 1 and source is not relations.graph.head_node:
        chain.insert(0, source)
        if source.layer.linear:
            return chain
        if not source.layer.passes() or not isinstance(relations.reads(source)[0], Pointwise):
            break
        source = source.inputs[0]
    return []


def _in_one_call(one: Sum, fewer: bool) -> bool:
    """Whether a product takes no more than one thing that is added to it, early and late."""
    if one.early is None:
        return fewer and len(one.late.addends) <= 1
    return len(one.early.addends) <= 1 and not one.late.addends


def _takes(share: Share, node: Node) -> bool:
    return any(term.node is node and len(term.columns) for term in share.terms)


def _steps(when: Ints) -> int:
    return len(np.unique(when))
