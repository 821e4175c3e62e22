"""Completion by clamping: which member of the family, if any, makes it the exact conditional distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from arspec.diagnostics import InputError
from arspec.types import Bools, channels_of_groups

if TYPE_CHECKING:
    from arspec.runtime.module import Model


def member_for(model: Model, known: Tensor, member: int | None) -> int:
    """The member (the one given, or the first that will do) in whose order the known part comes first."""
    shape = model.spec.data.shape
    if tuple(known.shape) != shape:
        raise InputError(
            "AR805", f"what is known is stated for each entry of one example, {shape}; this has {tuple(known.shape)}"
        )
    flat = known.cpu().numpy().astype(bool).ravel()
    if member is not None and not 0 <= member < model.members:
        raise InputError("AR816", f"the family has {model.members} members; there is no number {member}")
    for candidate in range(model.members) if member is None else [member]:
        if comes_first(flat, scalar_ranks(model, candidate)):
            return candidate
    ranks = scalar_ranks(model, member or 0)
    gap, late = ranks[~flat].min(), ranks[flat].max()
    raise InputError(
        "AR805",
        "completion by clamping is the exact conditional only where the given part comes first in the order; "
        f"rank {int(gap)} of it is not given, and rank {int(late)} is",
        "give a part that comes first, or train a spec whose family has an order that puts the missing part last",
    )


def scalar_ranks(model: Model, member: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """[V]: the rank of every scalar of the data, in its own layout."""
    order = model.graph.members[member].order
    return np.repeat(order.rank.reshape(order.groups, -1), channels_of_groups(model.graph.data.out), axis=0).ravel()


def comes_first(known: Bools, ranks: np.ndarray[tuple[int], np.dtype[np.int64]]) -> bool:
    """Whether every known scalar comes before every other."""
    return not known.any() or bool(known.all()) or int(ranks[known].max()) < int(ranks[~known].min())
