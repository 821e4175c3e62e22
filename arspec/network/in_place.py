"""Which nodes are computed in the memory of an input.

Fewer numbers are then kept for the backward pass, and fewer pages of memory are touched for the first time.
"""

from __future__ import annotations

from collections import Counter

from arspec.language.graph import Graph
from arspec.layers.base import Node


def in_place(graph: Graph) -> dict[Node, int]:
    """The input of each node that it may overwrite: one of its own type that nothing else reads and no gradient
    needs."""
    readers = Counter(source for node in graph.live for source in node.inputs)
    found: dict[Node, int] = {}
    for node in graph.live:
        for k, source in enumerate(node.inputs):
            free = source.traits.output_unsaved and readers[source] == 1 and source is not graph.head_node
            free = free and source not in graph.handed
            if free and node.traits.in_place and source.out.width == node.out.width:
                found[node] = k
                break
    return found
