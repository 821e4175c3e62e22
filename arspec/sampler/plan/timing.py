"""Timing: at which step each site is computed. numpy only.

A site can be computed once all that it reads is there, and has to be before what reads it. In between there is a
choice: a vertical stack knows a whole row of an image when the row above has been drawn, and needs its sites one after
another. So many as can be are computed in one step, which reads the weights once for all of them.

Likewise for the places of one window: what a horizontal stack reads of the rows above is there for a whole row before
the first of its sites is. Such places are summed up ahead, and the rest is added when its turn comes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from arspec.analysis.known_at import Relations
from arspec.layers.base import Node
from arspec.reads import Pointwise, Window
from arspec.runs import Listed
from arspec.sampler.plan.state import Figures, Pass, State, hold, inputs_of
from arspec.types import Bools, Ints

WORTH = 1 << 15  # numbers of a weight that must be spared for a sum of its own to pay, where a model is given no other
SPARED = 1 / 8  # of the steps must be spared for sites to wait for others
FEWER = 4  # times fewer steps in which a place is multiplied, for it to be summed up ahead


def steps_of(
    relations: Relations, time: Ints, known: Mapping[Node, Ints], needed: Mapping[Node, Bools], free: Collection[Node]
) -> dict[Node, Ints]:
    """[S] for every node of which sites are computed, each after its inputs: the step of each that is `needed`, after
    that of all it reads, and not after its own variable's, `time` [V]. Scans, and what attention reads, are computed as
    soon as they are known."""
    computed = [node for node in relations.graph.live if node not in free and needed[node].any()]
    alone = _alone(relations, computed)
    last, prompt = _deadlines(relations, time, known, needed, computed)
    found: dict[Node, Ints] = {}
    for node in computed:
        first = known[node] + 1
        if node in prompt:
            found[node] = first
            continue
        if node in alone:  # until its reader has its steps
            found[node] = first
            continue
        if node.traits.beyond_grid and not first.any():  # it has numbers for all steps to come, and gives each in turn
            found[node] = np.where(needed[node], last[node], 0)
            continue
        for read, source in zip(relations.reads(node), node.inputs, strict=True):
            if source in found:
                first = np.maximum(first, read.known_at(found[source]))
        own = np.zeros(node.out.sites, np.int64)
        for group in range(node.out.groups):
            sites = group * node.out.positions + np.flatnonzero(needed[node].reshape(node.out.groups, -1)[group])
            own[sites] = _together(first[sites], last[node][sites])
        found[node] = own
    for node, reader in alone.items():
        found[node] = np.where(needed[node], found[reader], 0) if reader in found else found[node]
    return found


def _alone(relations: Relations, computed: list[Node]) -> dict[Node, Node]:
    """The nodes that read nothing and are read by one node alone, whose sites take those of the same numbers: this
    reader. Their sites are computed as they are asked for, as nothing need be kept then."""
    readers: dict[Node, list[tuple[Node, bool]]] = {}
    for node in computed:
        for read, source in zip(relations.reads(node), node.inputs, strict=True):
            same = isinstance(read, Pointwise) or (isinstance(read, Window) and read.in_place)
            readers.setdefault(source, []).append((node, same))
    idle = [node for node in computed if all(isinstance(r, Window) and not r.taps for r in relations.reads(node))]
    found = {node: readers.get(node, []) for node in idle}
    return {node: own[0][0] for node, own in found.items() if len(own) == 1 and own[0][1]}


def _deadlines(
    relations: Relations, time: Ints, known: Mapping[Node, Ints], needed: Mapping[Node, Bools], computed: list[Node]
) -> tuple[dict[Node, Ints], set[Node]]:
    """The last step at which each site can be computed; and the nodes that do not wait for theirs."""
    last = {node: np.full(node.out.sites, np.iinfo(np.int64).max) for node in computed}
    last[relations.graph.head_node] = time.astype(np.int64)
    prompt = {node for node in computed if relations.scan(node) is not None}
    for node in reversed(computed):
        if node in prompt:
            last[node] = known[node] + 1
        sites = np.flatnonzero(needed[node])
        for read, source in zip(relations.reads(node), node.inputs, strict=True):
            if source not in last:
                continue
            if isinstance(read, Listed):
                prompt.add(source)
                continue
            table = read.table(sites)
            inside = table >= 0
            np.minimum.at(last[source], table[inside], np.broadcast_to(last[node][sites, None], table.shape)[inside])
    return last, prompt


def _together(first: Ints, last: Ints) -> Ints:
    """A step for each of some sites, between its first and its last, so that there are as few steps as possible: the
    earliest deadline takes all that can be computed by then, then the earliest of those that are left. Where that
    spares next to nothing it is the first of each: whatever waits makes those wait that read it,
    and tears their rows apart."""
    if np.array_equal(first, last):
        return last
    apart = np.unique(first)
    base, end = int(first.min()), int(last.max())
    by_first = np.full(end - base + 2, end + 1)  # by t: the earliest deadline among those that can't be computed by t
    np.minimum.at(by_first, first - base, last)
    deadlines = np.minimum.accumulate(by_first[::-1])[::-1].tolist()
    chosen: list[int] = []
    step = deadlines[0]
    while step <= end:
        chosen.append(step)
        step = deadlines[step - base + 1]
    if len(apart) - len(chosen) < len(apart) * SPARED:
        return first
    steps = np.asarray(chosen)
    return steps[np.searchsorted(steps, first)]


def ahead(when: Ints, own: Ints, numbers: Ints, worth: int) -> tuple[Bools, Ints] | None:
    """Which places of a window are summed up ahead: [M], and the steps of the sums [n], where that pays. when [n, M]:
    the step from which on a site finds something there; own [n]: the step in which it is computed; numbers [M]: of the
    weight for each place; worth: how many of them must be spared."""
    steps = len(np.unique(own))
    each = [len(np.unique(_together(np.minimum(column, own), own))) for column in when.T]
    early = np.asarray(each) * FEWER <= steps
    if early.all() or numbers[early].sum() < worth:
        return None
    taken = _together(np.minimum(when[:, early].max(1), own), own)
    return (early, taken) if len(np.unique(taken)) * FEWER <= steps else None


# -- the pass --------------------------------------------------------------------------------------------------------


def _steps(state: State) -> None:
    state.when = steps_of(state.relations, state.time, state.known, state.needed, state.free)


def check_steps(state: State) -> None:
    """Every needed site of what is not free has one step: not before any that it reads is computed, after the steps in
    which the data that it reads are drawn, and not after its own variable's."""
    graph, needed, when = state.graph, state.needed, state.when
    wanted = {node for node in graph.live if node not in state.free and needed[node].any()}
    hold(when.keys() == wanted, "a node has steps and none is wanted, or none and some are")
    there = {**when, graph.data: state.time + 1}
    for node, own in when.items():
        sites = np.flatnonzero(needed[node])
        hold(((own[sites] >= 0) & (own[sites] < state.steps)).all(), f"a site of {node.name} has no step")
        for source, read in inputs_of(state.relations, node):
            if source in there:
                first = np.append(there[source], 0)[read.table(sites)].max(1, initial=0)
                hold(
                    (first <= own[sites]).all(),
                    f"a site of {node.name} is computed before what it reads of {source.name}",
                )
    if graph.head_node in when:
        hold(
            (when[graph.head_node] <= state.time)[state.time >= 0].all(),
            "a variable is drawn before what it is drawn from is computed",
        )


def _steps_figures(state: State) -> Figures:
    def distinct(steps: Mapping[Node, Ints]) -> int:
        return sum(len(np.unique(steps[node][state.needed[node]])) for node in state.when)

    return {"nodes": len(state.when), "steps": state.steps, "calls": distinct(state.when),
            "calls if nothing waited": distinct(state.known)}  # fmt: skip


STEPS = Pass(
    "steps",
    "gives each site a step in which many others of its node are computed as well",
    ("relations", "known", "needed", "free"), ("when",), _steps, check_steps, _steps_figures,
)  # fmt: skip
