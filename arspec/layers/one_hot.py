"""`one_hot`: a channel for every level of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from arspec.layers.alphabet import levels_of
from arspec.layers.base import (
    Layer,
    Node,
    Style,
    Traits,
    Weights,
)  # fmt: skip
from arspec.types import Type

if TYPE_CHECKING:
    from torch import Tensor


class OneHot(Layer):
    """As many channels as there are levels: one where the value is that level, else zero."""

    layer: Literal["one_hot"]
    example = "levels: {layer: one_hot, from: x}"

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        return Type(into.grid, into.groups, into.channels * levels_of(node), into.frame)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        from torch.nn import functional as F

        x = xs[0]
        hot = F.one_hot(x.long(), levels_of(node)).to(x.dtype)
        return hot.movedim(-1, 2).flatten(1, 2)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        x = xs[0]
        levels = torch.arange(levels_of(node), dtype=x.dtype, device=x.device)
        return (x.unsqueeze(-1) == levels).to(x.dtype).flatten(2)

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False, float_leaf=True)

    def style(self, node: Node) -> Style:
        return Style("input", f"{levels_of(node)} levels")
