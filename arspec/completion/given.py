"""What is given of an example, and which of it could tell something about the missing part after it was drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from arspec.analysis.known_at import Relations, known_at
from arspec.diagnostics import InputError
from arspec.network.ranks import scalar_ranks
from arspec.types import Bools, Ints

if TYPE_CHECKING:
    from arspec.network.module import Network


@dataclass(frozen=True, eq=False)
class Given:
    """What is given, under one member of the family.

    known [V, C]: the scalars that are given. missing [V, C]: those that are not.
    late [V, C]: the given ones whose distribution the missing ones can change. The probability of all others is the
        same for every completion, so that they cancel in p(missing | given).
    scalars [V, C]: the place of each scalar in an example laid out flat; −1 where a variable has fewer channels.
    """

    member: int
    known: Bools
    missing: Bools
    late: Bools
    scalars: Ints

    @property
    def exact(self) -> bool:
        """Whether clamping gives exact conditional samples."""
        return not self.late.any()

    @property
    def whole(self) -> Bools:
        """[V]: variables of which everything is given."""
        return ~np.logical_or.reduce(self.missing, 1)

    @property
    def partial(self) -> Bools:
        """[V]: variables of which some channels are given, and others are not."""
        return np.logical_or.reduce(self.missing, 1) & np.logical_or.reduce(self.known, 1)

    def levels(self, model: Network) -> Ints:
        """How many levels each of `places` has."""
        data = model.spec.data
        by_channel = np.asarray(data.channel_levels)
        return np.repeat(by_channel, data.variables // len(by_channel))[self.places]

    @property
    def places(self) -> Ints:
        """The missing scalars' places in an example laid out flat."""
        return np.sort(self.scalars[self.missing])


def given_under(model: Network, known: Tensor, member: int) -> Given:
    """`known`: booleans [*shape]. What reaches which head site follows from the reads, as the proof does."""
    graph = model.graph
    numbers = torch.arange(1, known.numel() + 1).view(1, *known.shape)
    scalars = model.by_variable(numbers)[0].numpy() - 1
    kept = known.detach().cpu().numpy().astype(bool).ravel()[scalars]
    kept[model.given] = True  # what is not modelled
    kept &= scalars >= 0
    missing = ~kept & (scalars >= 0)
    unsettled = np.where(missing.any(1), 1, -1)
    relations = Relations(graph, graph.members[member])
    reached = known_at(relations, time=unsettled)[graph.head_node] > 0
    before = np.cumsum(missing, 1) > 0  # a missing channel stands earlier in the same variable
    late = kept & (reached[:, None] | (before & graph.head.coupled))
    late[model.given] = False
    return Given(member, kept, missing, late, scalars)


def best_given(model: Network, known: Tensor, member: int | None) -> Given:
    """Under the given member, or under the first that makes clamping exact, or that with the fewest late scalars."""
    shape = model.spec.data.shape
    if tuple(known.shape) != shape:
        raise InputError(
            "AR805",
            f"what is known is stated for each entry of one example, {shape}; this has {tuple(known.shape)}",
            "one statement holds for all examples, true where a value is kept",
        )
    if member is not None:
        if not 0 <= member < model.members:
            raise InputError("AR816", f"the family has {model.members} members; there is no number {member}")
        return given_under(model, known, member)
    best: Given | None = None
    for candidate in range(model.members):
        found = given_under(model, known, candidate)
        if found.exact:
            return found
        if best is None or found.late.sum() < best.late.sum():
            best = found
    assert best is not None
    return best


def not_first(model: Network, given: Given) -> InputError:
    """Clamping is not exact: why."""
    ranks = scalar_ranks(model, given.member)
    gap, late = ranks[given.places].min(), ranks[given.scalars[given.late]].max()
    return InputError(
        "AR805",
        "completion by clamping is the exact conditional only where the given part comes first in the order; "
        f"rank {int(gap)} of it is not given, and rank {int(late)} is",
        "give a part that comes first, train a spec whose family has an order that puts the missing part last, "
        "or leave out how='order' (--how order): other ways take any part",
    )
