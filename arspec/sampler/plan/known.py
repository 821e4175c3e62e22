"""What the graph says of each site: when it can be computed, whether it has to be, and what is there from the start."""

from __future__ import annotations

import numpy as np

from arspec.analysis.contexts import depends_on
from arspec.analysis.known_at import Relations, known_at
from arspec.language.graph import Graph
from arspec.layers.base import Node
from arspec.sampler.plan.schedule import Leaks
from arspec.sampler.plan.state import Figures, Pass, State, hold, inputs_of
from arspec.types import Ints


def _known(state: State) -> None:
    state.graph, state.relations = state.spec_graph, Relations(state.spec_graph, state.member)
    state.known = known_at(state.relations, time=state.time)
    drawn = state.time >= 0
    if (state.known[state.graph.head_node] >= state.time)[drawn].any():
        raise Leaks("the spec leaks under this order: it has no sampler")


def check_known(state: State) -> None:
    """Every site is known as soon as the last of all that it reads, and what a variable is drawn from before it."""
    relations, known = state.relations, state.known
    hold(np.array_equal(known[state.graph.data], state.time), "the data are not known when they are drawn")
    for node in state.graph.live:
        sites, last = np.arange(node.out.sites), np.full(node.out.sites, -1)
        for source, read in inputs_of(relations, node):
            last = np.maximum(last, np.append(known[source], -1)[read.table(sites)].max(1, initial=-1))
        hold(np.array_equal(known[node], last), f"a site of {node.name} is known before or after all that it reads")
    drawn = state.time >= 0
    hold(
        (known[state.graph.head_node] < state.time)[drawn].all(),
        "a variable is drawn before what it is drawn from is known",
    )


def _known_figures(state: State) -> Figures:
    live = state.spec_graph.live
    return {"nodes": len(live), "sites": sum(n.out.sites for n in live), "steps": state.steps}


def _needed(state: State) -> None:
    state.needed = depends_on(state.relations, np.flatnonzero(state.time >= 0))


def check_needed(state: State) -> None:
    """A site is needed where a needed site of another node reads it, or it is the head's, and nowhere else."""
    graph, needed = state.graph, state.needed
    wanted = {node: np.zeros(node.out.sites + 1, bool) for node in [*graph.sources, *graph.live]}  # and that of nothing
    wanted[graph.head_node][: len(state.time)] = state.time >= 0
    for node in graph.live:
        for source, read in inputs_of(state.relations, node):
            wanted[source][read.table(np.flatnonzero(needed[node]))] = True
    for node, own in wanted.items():
        hold(
            np.array_equal(own[:-1], needed[node]),
            f"a site of {node.name} is needed and not told, or told and not needed",
        )


def _needed_figures(state: State) -> Figures:
    live = state.graph.live
    needed = sum(int(np.count_nonzero(state.needed[node])) for node in live)
    return {"needed sites": needed, "sites left out": sum(node.out.sites for node in live) - needed}


def free_nodes(graph: Graph, known: dict[Node, Ints]) -> list[Node]:
    """The nodes that no variable influences: conditions and what is computed from these alone."""
    found: list[Node] = []
    for node in graph.live:
        alone = all(i in found or i in graph.conditions.values() for i in node.inputs)
        if alone and (known[node] == -1).all():
            found.append(node)
    return found


def _free(state: State) -> None:
    state.free = free_nodes(state.graph, state.known)


def check_free(state: State) -> None:
    """A node is free where no path leads to it from the data, and nowhere else."""
    reached = {state.graph.data}
    for node in state.graph.live:
        if reached & {*node.inputs}:
            reached.add(node)
    for node in state.graph.live:
        hold((node in state.free) != (node in reached), f"{node.name} is free and reads data, or is not and reads none")


def _free_figures(state: State) -> Figures:
    return {"nodes": len(state.free), "sites": sum(node.out.sites for node in state.free)}


KNOWN = Pass(
    "known",
    "finds for each site the last step whose variables it depends on",
    (), ("graph", "relations", "known"), _known, check_known, _known_figures,
)  # fmt: skip
NEEDED = Pass(
    "needed",
    "leaves out the sites that no head site depends on",
    ("relations",), ("needed",), _needed, check_needed, _needed_figures,
)  # fmt: skip
FREE = Pass(
    "free",
    "sets apart the nodes that no variable influences, which are computed once, all sites at once",
    ("graph", "known"), ("free",), _free, check_free, _free_figures,
)  # fmt: skip
