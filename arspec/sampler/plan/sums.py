"""Sums: what is computed as one product, and what of it ahead. numpy only.

A linear layer is a sum over the places of its window; several of them, and what a graph adds to them, are one sum,
whose products are made as one. What of a sum is there long before the rest is summed up ahead, many sites at once
(`arspec.sampler.plan.timing`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np

from arspec.analysis.known_at import Relations
from arspec.layers.base import Node
from arspec.reads import Pointwise
from arspec.sampler.plan.parts import part_of
from arspec.sampler.plan.schedule import Part, Term
from arspec.sampler.plan.state import Figures, Pass, State, hold
from arspec.sampler.plan.timing import FEWER, ahead
from arspec.types import Bools, Ints


@dataclass(eq=False)
class Share:
    """Terms of a sum, and what is added to them."""

    terms: list[Term]
    addends: list[Node]


@dataclass(eq=False)
class Sum:
    """How the sites [n] of one group are computed: what is left to the step in which they are wanted, and where it pays
    what is summed up `early`, at the steps `taken` [n]."""

    late: Share
    early: Share | None = None
    taken: Ints | None = None


@dataclass(eq=False)
class Joined:
    """A node that is computed as a sum, by group, and the nodes that are computed with it and read by nothing else."""

    groups: list[Sum]
    stands_for: list[Node]


def split(
    terms: Sequence[Node], addends: Sequence[Node], sites: Ints, own: Ints, relations: Relations,
    there: Mapping[Node, Ints],
    worth: int,
) -> Sum:  # fmt: skip
    """The sum over `terms` and `addends` at sites [n], which are wanted at the steps `own` [n]. there: from which step
    on each site of a node can be read; of nodes that are not in it nothing is summed up ahead. worth: as of `ahead`."""
    tables = [relations.reads(term)[0].table(sites) for term in terms]
    ever = [np.flatnonzero((table >= 0).any(0)) for table in tables]
    whole = Share([Term(t, columns) for t, columns in zip(terms, ever, strict=True)], list(addends))
    if not len(sites) or any(term.inputs[0] not in there for term in terms):
        return Sum(whole)
    numbers = [t.inputs[0].out.channels * t.out.channels for t, some in zip(terms, ever, strict=True) for _ in some]
    if sum(numbers) < worth:  # all of its places together spare less
        return Sum(whole)
    when = [
        np.where(table >= 0, there[term.inputs[0]][table], 0)[:, columns]
        for term, table, columns in zip(terms, tables, ever, strict=True)
    ]
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
    that makes fewer calls. when: the step of each site; there: as of `split`, None where every layer is to be computed
    by itself; places: of each node, by group, its sites and their steps."""
    readers = Counter(source for node in relations.graph.live for source in node.inputs)
    found: dict[Node, Joined] = {}
    for node in when:
        one = (
            _added(node, relations, when, there, places[node], readers, worth) if there and node.traits.is_sum else None
        )
        if one is not None:
            found[node] = one
    inside = {other for one in found.values() for other in one.stands_for}
    for node in when:
        if node.traits.is_linear and node not in inside:
            found[node] = Joined([split([node], [], *own, relations, there or {}, worth) for own in places[node]], [])
    return found


def _added(
    node: Node, relations: Relations, when: Mapping[Node, Ints], there: Mapping[Node, Ints],
    places: list[tuple[Ints, Ints]], readers: Counter[Node], worth: int,
) -> Joined | None:  # fmt: skip
    """A node that adds up others, with those of them that are computed as one with it. Layers that are computed in far
    fewer steps than it are, where all of them can be summed up ahead."""
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
    """The linear layer that an operand is, behind layers that pass it on as it is, and these: where nothing else reads
    any of them. Empty where it is none."""
    chain: list[Node] = []
    while source in when and readers[source] == 1 and source is not relations.graph.head_node:
        chain.insert(0, source)
        if source.traits.is_linear:
            return chain
        if not source.traits.is_identity or not isinstance(relations.reads(source)[0], Pointwise):
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


# -- the pass --------------------------------------------------------------------------------------------------------


def _sums(state: State) -> None:
    there = {**state.when, state.graph.data: state.time + 1} if state.sums else None
    places = {node: [(part.sites, part.steps) for part in own] for node, own in state.groups.items()}
    found = joined(state.relations, state.when, there, places, state.worth)
    inside = {other for one in found.values() for other in one.stands_for}
    parts: list[Part] = []
    for node, own in state.groups.items():
        if node in inside:
            continue
        if node in found:
            parts += _ahead(own, found[node], state.needed[node])
        parts += own
    state.parts = [part for part in parts if len(part.sites)]


def _ahead(own: list[Part], one: Joined, needed: Bools) -> list[Part]:
    """The parts that sum up ahead for the parts of a node, where any do; what is left to the parts is noted in them."""
    node, found = own[0].node, list[Part]()
    first = copy(node)
    first.name += " ahead"
    for part, chosen in zip(own, one.groups, strict=True):
        part.terms, part.addends, part.stands_for = chosen.late.terms, chosen.late.addends, one.stands_for
        if chosen.early is None or chosen.taken is None:
            continue
        step = np.zeros(node.out.sites, np.int64)
        step[part.sites] = chosen.taken
        part.ahead = part_of(first, part.group, step, np.zeros_like(step), needed, len(part.bounds) - 1)
        part.ahead.terms, part.ahead.addends, part.ahead.is_ahead = chosen.early.terms, chosen.early.addends, True
        found.append(part.ahead)
    return found


def check_sums(state: State) -> None:
    """Every node is computed once: in parts of its own, or in the sum that reads it. In each sum every term and every
    place of its window is counted once, ahead or late; and what is summed up ahead is the same sites,
    each not after its own step."""
    own = [part for part in state.parts if not part.is_ahead]
    computed = Counter(node for node in dict.fromkeys(part.node for part in own))
    computed.update(node for some in {p.node: p.stands_for for p in own}.values() for node in some)
    wanted = Counter(node for node, parts in state.groups.items() if any(len(part.sites) for part in parts))
    hold(computed == wanted, f"not once computed: {[n.name for n in {*computed} ^ {*wanted} or computed]}")
    late = {part.ahead for part in own if part.ahead is not None}
    hold(late == {part for part in state.parts if part.is_ahead}, "what is summed up ahead is for no part, or for two")
    for part in own:
        if not part.linear:
            hold(not part.node.traits.is_linear, f"{part.node.name} is linear and has no terms")
            continue
        shares = [part] if part.ahead is None else [part.ahead, part]
        inside = {part.node, *part.stands_for}
        ends = [node for node in inside if node.traits.is_linear]
        hold({term.node for share in shares for term in share.terms} == {*ends}, f"a term of {part.node.name} is lost")
        for node in ends:
            table = state.relations.reads(node)[0].table(part.sites)
            found = [term.columns for share in shares for term in share.terms if term.node is node]
            whole = np.flatnonzero((table >= 0).any(0))
            taken = np.sort(np.concatenate(found))
            hold(np.array_equal(taken, whole), f"a place of {node.name} is lost, or counted twice, in {part.node.name}")
        rest = Counter(addend for share in shares for addend in share.addends)
        operands = Counter[Node]() if part.node.traits.is_linear else Counter(part.node.inputs)
        for source in inside:
            operands.pop(source, None)
        hold(rest == operands, f"what is added to {part.node.name} is lost, or added twice")
        if part.ahead is not None:
            at = np.argsort(part.ahead.sites)
            same = np.array_equal(part.ahead.sites[at], np.sort(part.sites))
            hold(same, f"a site of {part.node.name} is not summed up ahead")
            hold(
                (part.ahead.steps[at] <= part.steps[np.argsort(part.sites)]).all(),
                f"{part.node.name} is summed up too late",
            )


def _figures(state: State) -> Figures:
    joined = [part for part in state.parts if part.linear and not part.is_ahead]
    early = [(part, part.ahead) for part in joined if part.ahead is not None]
    spared = sum((part.times - ahead.times) * _numbers(ahead) for part, ahead in early)
    return {"products": len(joined), "of several layers": sum(len(part.terms) > 1 for part in joined),
            "summed up ahead": len(early), "numbers of weights spared": spared}  # fmt: skip


def _numbers(part: Part) -> int:
    """Numbers of weights that the product of a part reads in each of its steps."""
    return sum(len(t.columns) * t.node.inputs[0].out.channels * t.node.out.channels for t in part.terms)


SUMS = Pass(
    "sums",
    "joins what is added up into one product, and sums up ahead what of it is there for many sites at once",
    ("graph", "relations", "needed", "when", "groups"), ("parts",), _sums, check_sums, _figures,
)  # fmt: skip
