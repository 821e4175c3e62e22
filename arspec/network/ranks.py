"""The ranks of scalars, by which parts of an example are given and completed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arspec.types import channels_of_groups

if TYPE_CHECKING:
    from arspec.network.module import Network


def scalar_ranks(model: Network, member: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """[V]: the rank of every scalar of the data, in its own layout."""
    order = model.graph.members[member].order
    return np.repeat(order.rank.reshape(order.groups, -1), channels_of_groups(model.graph.data.out), axis=0).ravel()
