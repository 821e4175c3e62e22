"""What layers that take the data's integers have in common."""

from __future__ import annotations

from arspec.layers.base import Fault, Node


def levels_of(node: Node) -> int:
    """The levels of a node's input, which must be the integers of the data or of a condition of tokens."""
    levels = node.ins[0].levels
    if levels is None:
        given = node.inputs[0]
        help = "take it from x" if given.inputs else f"a condition is taken by {{layer: condition, by: {given.name}}}"
        found = f"`{node.layer.layer}` takes the data's integers, and '{given.name}' gives other numbers"
        raise Fault("AR405", found, help)
    return levels
