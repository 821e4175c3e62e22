"""The graph in runs of nodes that belong to one block: the units of activation checkpointing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from arspec.language.graph import Graph
from arspec.layers.base import Node


@dataclass(frozen=True, eq=False)
class Segment:
    """Nodes that are computed one after another. `inputs`: what they read of others; `outputs`: what others read of
    them. repeatable: computing them twice changes nothing (no running statistics), and they are of one block."""

    nodes: tuple[Node, ...]
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    repeatable: bool


def segments(graph: Graph) -> list[Segment]:
    """The live nodes in their order, cut wherever the innermost block that they belong to changes."""
    names = {cluster.name for cluster in graph.clusters}
    readers: dict[Node, set[Node]] = {}
    for node in graph.live:
        for source in node.inputs:
            readers.setdefault(source, set()).add(node)
    found: list[Segment] = []
    for block, run in groupby(graph.live, lambda node: _block_of(node, names)):
        nodes = tuple(run)
        own = set(nodes)
        inputs = dict.fromkeys(source for node in nodes for source in node.inputs if source not in own)
        outputs = tuple(
            n for n in nodes if n is graph.head_node or n in graph.handed or not readers.get(n, set()) <= own
        )
        statistics = any(not weight.trained for node in nodes for weight in node.layer.weights(node).values())
        found.append(Segment(nodes, tuple(inputs), outputs, block is not None and not statistics))
    return found


def _block_of(node: Node, names: set[str]) -> str | None:
    """The innermost instance of a block in which a node stands."""
    name = node.name
    while "." in name:
        name = name.rpartition(".")[0]
        if name in names:
            return name
    return None
