"""`concat_elu`: elu of the channels and of their negatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from arspec.layers.base import Layer, Node, Style, Traits, Weights
from arspec.layers.helpers import concat_in_groups
from arspec.types import Type

if TYPE_CHECKING:
    from torch import Tensor


class ConcatElu(Layer):
    """elu of the channels and of their negatives, side by side in each channel group (Salimans et al. 2017)."""

    layer: Literal["concat_elu"]
    example = "both: {layer: concat_elu, from: first}"

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        return Type(into.grid, into.groups, 2 * into.channels, into.frame)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        from torch.nn import functional as F

        # in place: one copy fewer, and the backward pass needs the result alone
        return F.elu(concat_in_groups([xs[0], -xs[0]], node.out.groups), inplace=True)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        x = xs[0]
        return torch.nn.functional.elu(torch.cat([x, -x], -1), inplace=True)

    def traits(self, node: Node) -> Traits:
        return Traits(by_channel=np.tile(np.arange(node.ins[0].channels), 2), needs_sites=False)

    def style(self, node: Node) -> Style:
        return Style("function", "elu(x), elu(−x)")
