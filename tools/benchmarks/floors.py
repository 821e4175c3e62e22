"""What no sampler can be faster than: the bytes of weights that a sample must read, over the memory's bandwidth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def weights_read(model: Any, together: bool) -> int:
    """Bytes of weights that one sample of any batch reads at the least: every layer's, once for each step in which any
    of its sites becomes known, or, of sites that are computed `together`, is computed; of a window, the taps that some
    site of that step finds inside the grid.

    For convolutions of one channel group: of a table (an embedding) a step reads a row, and all of it is counted."""
    from arspec.analysis.contexts import depends_on
    from arspec.analysis.known_at import Relations, known_at
    from arspec.runtime.schedule import free_nodes
    from arspec.runtime.timing import steps_of

    graph = model.graph
    relations = Relations(graph, graph.members[0])
    known, needed = known_at(relations), depends_on(relations, graph.head_sites())
    steps = known
    if together:
        steps = steps_of(relations, graph.members[0].order.rank, known, needed, free_nodes(graph, known))
    read = 0.0
    for node in graph.live:
        numbers = sum(math.prod(w.shape) for name, w in node.layer.weights(node).items() if name != "gain")
        sites = np.flatnonzero(needed[node] & (known[node] >= -1))
        if not numbers or not len(sites) or node not in steps:
            continue
        inside = relations.reads(node)[0].table(sites) >= 0
        if not inside.size:
            continue  # values of its own, which no input gives
        _, step = np.unique(steps[node][sites], return_inverse=True)
        taps = np.zeros((step.max() + 1, inside.shape[1]), bool)
        np.logical_or.at(taps, step, inside)
        read += numbers * float(taps.mean(1).sum())
    return int(read * model.dtype.itemsize)
