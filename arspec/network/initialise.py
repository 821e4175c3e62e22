"""Data-dependent initialisation (Salimans & Kingma 2016).

Gains and biases of layers with weight norm are set so that on a first batch every channel has mean zero and deviation
one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.layers.base import Node
from arspec.network.module import Network

EPSILON = 1e-8


@torch.no_grad()
def initialise_by_data(model: Network, x: Tensor, condition: dict[str, Tensor], member: int = 0) -> int:
    """Sets the gains and biases of every layer with weight norm by one batch, layer after layer. Returns how many."""
    done = 0

    def tap(node: Node, value: Tensor) -> Tensor:
        nonlocal done
        weights = model.nodes.of(node)
        if node.tied is not None or not node.traits.initialised_from_data:
            return value
        # a dense layer has a gain for each unit, so its statistics are over examples alone
        over = (0, *range(2, value.ndim)) if len(weights["gain"]) == value.shape[1] else (0,)
        mean = value.mean(over, keepdim=True)
        deviation = (value.var(over, unbiased=False, keepdim=True) + EPSILON).sqrt()
        by_weight = [t.transpose(1, -1).flatten() for t in (mean, deviation)]
        weights["gain"].div_(by_weight[1])
        weights["bias"].sub_(by_weight[0]).div_(by_weight[1])
        done += 1
        return (value - mean) / deviation

    model.last(x, member, condition, tap)
    return done
