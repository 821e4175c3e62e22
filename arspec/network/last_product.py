"""The last product of a graph: the linear layer that gives a head its numbers, where each variable's are a product of
one site's channels.

A head that is handed what goes into the product need not have all numbers of all variables laid out, moved and copied:
of a model of words these are far more than any other value.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from arspec.language.graph import Graph
from arspec.layers.base import Constants, Node, Weights
from arspec.layers.helpers import sites_last
from arspec.reads import Pointwise, Reads, Window
from arspec.types import Ints, Member


@dataclass(frozen=True, eq=False)
class LastProduct:
    """`node` is the linear layer. `source`: the number in `Graph.order` of what it reads. `above`: the numbers of it
    and of the nodes that move its values to the head's sites. `sites` [V]: for each variable that is modelled, the site
    that its numbers are a product of. `lookups`: the numbers of the nodes that take rows of the layer's weight."""

    node: Node
    source: int
    above: frozenset[int]
    sites: Ints
    lookups: tuple[int, ...]

    def rows(self, x: Tensor) -> Tensor:
        """The channels of these sites, [B, V, C], of what the layer reads, [B, C, *grid]."""
        every, first, count = sites_last(x, 1), int(self.sites[0]), len(self.sites)
        if np.array_equal(self.sites, np.arange(first, first + count)):
            return every.narrow(1, first, count)
        return every.index_select(1, torch.from_numpy(self.sites).to(x.device))

    def weights(self, node: Node, own: Weights, constants: Constants) -> Weights:
        """`weight` [K, C] and `bias` [K] of the layer, from what it holds."""
        return node.layer.prepare_sites(node, own, constants, 0, [np.zeros(1, np.int64)])


def last_product(graph: Graph, member: Member) -> LastProduct | None:
    """That of a graph under a member of its family; None where it has none, or others read what it gives."""
    sites, node, above = np.flatnonzero(member.order.modelled), graph.head_node, list[Node]()
    readers = Counter(source for node in graph.live for source in node.inputs)
    if graph.data.out.groups > 1 or graph.data.out.parts or not len(sites):
        return None
    while len(node.inputs) == 1 and node.inputs[0].out.groups == 1 and node not in graph.handed:
        others = readers[node] - (1 if above else 0)  # but for the node above it
        if others:
            return None
        above.append(node)
        found = _read(node.layer.reads(node, member)[0], sites)
        if found is None:
            return None
        sites = found
        if node.traits.is_linear:
            number = {node: k for k, node in enumerate(graph.order)}
            root = node.tied or node
            lookups = [number[one] for one in graph.live if one.traits.takes_rows and (one.tied or one) is root]
            return LastProduct(
                node, number[node.inputs[0]], frozenset(number[one] for one in above), sites, tuple(lookups)
            )
        if not node.traits.is_identity or node.traits.noise:
            return None
        node = node.inputs[0]
    return None


def _read(reads: Reads, sites: Ints) -> Ints | None:
    """The one site that each reads; None where some read none, or several."""
    if not isinstance(reads, Pointwise) and not (isinstance(reads, Window) and len(reads.taps) == 1):
        return None
    found = reads.table(sites)[:, 0]
    return None if (found < 0).any() else found
