"""What no sampler can be faster than: the bytes of weights that a sample must read, over the memory's bandwidth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def weights_read(model: Any, together: bool) -> int:
    """Bytes of weights that one sample of any batch reads at the least: of every layer, once for each step in which any
    of its sites becomes known, the taps of its window that some of these find inside the grid; or `together`, as the
    sampler reads them, which computes sites of several steps in one and sums up ahead what windows read early.

    For convolutions of one channel group: of a table (an embedding) a step reads a row, and all of it is counted."""
    read = 0.0
    for node, table, steps in _scheduled(model) if together else _when_known(model):
        numbers = sum(math.prod(w.shape) for name, w in node.layer.weights(node).items() if name != "gain")
        inside = table >= 0
        if not inside.size:
            continue  # values of its own, which no input gives
        _, step = np.unique(steps, return_inverse=True)
        taps = np.zeros((step.max() + 1, inside.shape[1]), bool)
        np.logical_or.at(taps, step, inside)
        read += numbers * float(taps.mean(1).sum())
    return int(read * model.dtype.itemsize)


def _scheduled(model: Any) -> Any:
    """(node, the table [n, M] of what some of its sites read,
    their steps [n]) for every part of the sampler's schedule."""
    from arspec.analysis.known_at import Relations
    from arspec.sampler.plan.plans import plan_of

    graph = model.graph
    plan = plan_of(graph, 0, model.worth).schedule
    relations = Relations(plan.graph, graph.members[0])
    for part in plan.parts:
        own = [(term.node, term.columns) for term in part.terms]
        if not part.linear and part.inputs:
            own = [(part.node, part.inputs[0].columns)]
        for node, columns in own:
            if node.inputs and node.layer.weights(node) and len(columns):
                table = relations.reads(node)[0].table(part.sites)
                taken = np.isin(np.arange(table.shape[1]), columns)
                yield node, np.where(taken, table, -1), np.repeat(np.arange(plan.steps), np.diff(part.bounds))


def _when_known(model: Any) -> Any:
    """Likewise for every node, each of its sites as soon as it is known."""
    from arspec.analysis.contexts import depends_on
    from arspec.analysis.known_at import Relations, known_at

    graph = model.graph
    relations = Relations(graph, graph.members[0])
    known, needed = known_at(relations), depends_on(relations, graph.head_sites())
    for node in graph.live:
        sites = np.flatnonzero(needed[node] & (known[node] >= -1))
        if node.inputs and len(sites) and node.layer.weights(node):
            yield node, relations.reads(node)[0].table(sites), known[node][sites]
