"""What a node must keep to once its type is known: how large it may be, and weights that it shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arspec.layers.base import Fault, Node, Weight

MAX_NODE_SITES = 1 << 23  # sites of one node
MAX_ELEMENTS = 1 << 31  # numbers in one node's output for one example
MAX_WEIGHTS = 1 << 33  # numbers in the weights of one node


def check_size(node: Node) -> None:
    """Raises Fault where a node has more sites, numbers or weights than may be."""
    if node.out.sites > MAX_NODE_SITES:
        raise Fault("AR413",
                    f"{node.out.sites:,} sites, where {MAX_NODE_SITES:,} are the limit of a node (MAX_NODE_SITES)",
                    "make its grid smaller")  # fmt: skip
    if node.out.width * node.out.positions > MAX_ELEMENTS:
        raise Fault("AR413",
                    f"an output of {node.out}: more than {MAX_ELEMENTS:,} numbers for one example (limit "
                    "MAX_ELEMENTS)",
                    "take fewer channels, or a smaller grid", "out")  # fmt: skip
    if sum(weight.count for weight in node.layer.weights(node).values()) > MAX_WEIGHTS:
        raise Fault("AR413", f"more than {MAX_WEIGHTS:,} weights (limit MAX_WEIGHTS)",
                    "take fewer channels, or a smaller kernel", "out")  # fmt: skip


def check_tied(node: Node) -> None:
    """Raises Fault where a node takes the weights of another whose weights are not like its own."""
    if node.tied is None:
        return
    mine, theirs = node.layer.weights(node), node.tied.layer.weights(node.tied)
    if {k: _core(w) for k, w in mine.items()} != {k: _core(w) for k, w in theirs.items()}:
        help = "tied nodes have weights of the same names and shapes"
        if mine.keys() ^ theirs.keys() == {"bias"}:
            with_bias = node.name if "bias" in mine else node.tied.name
            help = f"{help}: write `bias: false` in '{with_bias}'"
        found = f"'{node.name}' has weights {_shapes(mine)}, and '{node.tied.name}' has {_shapes(theirs)}"
        raise Fault("AR220", found, help, "weights")


def _core(weight: Weight) -> tuple[int, ...]:
    """A weight's shape without axes of length one, by which tied weights are compared: an embedding and a 1×1
    convolution may share theirs."""
    return tuple(n for n in weight.shape if n != 1)


def _shapes(weights: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {'×'.join(map(str, w.shape))}" for name, w in weights.items()) or "none"
