"""Where a node stands to the variables that it speaks for: the boundary between strict and inclusive,
as the proof has it."""

from __future__ import annotations

from enum import Enum

from arspec.layers.base import Node
from arspec.types import NOWHERE, Ints, Member, ranks


class Strictness(Enum):
    """What a node's sites know of their own variables, from the least to the most."""

    FREE = "depends on no data: known before anything is generated"
    STRICT = "known before its own variable"
    INCLUSIVE = "known with its own variable"
    AHEAD = "known only after its own variable"


def strictness(node: Node, known: Ints, member: Member) -> Strictness:
    """Of known [S], when each site of a node is known. Sites that stand for no variable (off the data's grid) are left
    aside; where none stands for one, there is nothing to be before of."""
    if known.max(initial=-1) < 0:
        return Strictness.FREE
    own = ranks(node.out, member)
    at = known.reshape(node.out.groups, node.out.positions)
    return stand(at, own.first, own.last)


def stand(known: Ints, first: Ints, last: Ints) -> Strictness:
    """Of known [G, P], where each site speaks for the ranks from `first` to `last`, NOWHERE for none."""
    stands = first != NOWHERE
    if not stands.any() or ((known > last) & stands).any():
        return Strictness.AHEAD
    return Strictness.INCLUSIVE if ((known >= first) & stands).any() else Strictness.STRICT


def crosses(node: Strictness, inputs: list[Strictness]) -> bool:
    """Whether a node is where the graph becomes strict: it is known before its own variable, an input of it is not."""
    late = (Strictness.INCLUSIVE, Strictness.AHEAD)
    return node is Strictness.STRICT and any(i in late for i in inputs)
