"""Where a site lies, for layers that count places: its own coordinates, or those of the variable that comes next or
came previously in the order of generation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from arspec.layers.base import Fault, Node
from arspec.types import Cells, Ints, Member, Type, coordinates

if TYPE_CHECKING:
    from torch import Tensor

At = Literal["own", "next", "previous"]
AXES = {1: ("step",), 2: ("row", "column")}


def check_at(node: Node, at: At) -> None:
    """Raises Fault where places of the next or the previous variable are asked for off the data's own grid."""
    if at != "own" and not _on_data(node):
        raise Fault("AR421", f"`at: {at}` is of the order of generation, which goes through the data's own grid, and "
                    f"'{node.inputs[0].name}' gives {node.ins[0]}",
                    "take it where the data's own grid is", "at")  # fmt: skip


def _on_data(node: Node) -> bool:
    frame, data = node.ins[0].frame, node.data
    at_cells = isinstance(frame, Cells) and not any(frame.origin) and all(s == 1 for s in frame.stride)
    return at_cells and data is not None and node.ins[0].grid == data.grid


def check_one_by_one(node: Node, at: At, member: Member) -> None:
    """Raises Fault where an order generates several positions at once, so that none is the next."""
    rank = member.order.position_rank
    if at != "own" and len(np.unique(rank)) < len(rank):
        raise Fault("AR421", f"`at: {at}` takes positions one by one, and the order '{member.order.name}' generates "
                    "several at once", "use an order that gives each position a rank of its own", "at")  # fmt: skip


def places(kind: Type, member: Member, at: At = "own") -> Ints:
    """[P, axes]: the coordinates of each position, or of the one that comes next, or came previously. What lies beyond
    the ends of the order counts as one step further along the last axis."""
    own = np.stack(coordinates(kind), 1)
    if at == "own":
        return own
    rank, step = member.order.position_rank, 1 if at == "next" else -1
    order = np.argsort(rank)
    last = own[order[-1 if at == "next" else 0]] + step * (np.arange(own.shape[1]) == own.shape[1] - 1)
    by_rank = np.concatenate([own[order], last[None]])  # what lies beyond is the last, also counted from the beginning
    return by_rank[rank + step]


def places_beyond(kind: Type, sites: Tensor, at: At = "own") -> Tensor:
    """[n]: as `places`, of sites of a sequence that is generated from beginning to end, also beyond its end."""
    first, step = (kind.frame.origin[0], kind.frame.stride[0]) if isinstance(kind.frame, Cells) else (0, 1)
    own = first + step * (sites % kind.positions if kind.groups > 1 else sites)
    return own if at == "own" else own + (1 if at == "next" else -1)
