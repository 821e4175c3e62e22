"""`concat`: the channels of several nodes side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from arspec.layers.base import Layer, Node, Traits, Weights
from arspec.layers.helpers import concat_in_groups, frame_of
from arspec.layers.one_grid import same_grid
from arspec.types import Type

if TYPE_CHECKING:
    from torch import Tensor


class Concat(Layer):
    """The channels of several nodes side by side, inside each channel group."""

    layer: Literal["concat"]
    example = "beside: {layer: concat, from: [first, scaled]}"
    arity = (1, None)

    def infer(self, node: Node) -> Type:
        ins = node.ins
        same_grid(node, ins)
        return Type(ins[0].grid, ins[0].groups, sum(t.channels for t in ins), frame_of(ins))

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        return concat_in_groups(xs, node.out.groups)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        return torch.cat(xs, -1)

    def traits(self, node: Node) -> Traits:
        return Traits(is_concat=True, needs_sites=False)
