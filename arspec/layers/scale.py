"""`scale`: the levels of the data as numbers in a range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

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


class Scale(Layer):
    """Maps the levels 0 … L − 1 of the data linearly to a range, [−1, 1] if none is given."""

    layer: Literal["scale"]
    example = "zero_to_one: {layer: scale, from: x, to: [0, 1]}"
    to: tuple[float, float] = Field((-1.0, 1.0), strict=False, description="Where level 0 and the last level go.")

    def infer(self, node: Node) -> Type:
        levels_of(node)
        into = node.ins[0]
        return Type(into.grid, into.groups, into.channels, into.frame)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        low, high = self.to
        return xs[0] * ((high - low) / max(levels_of(node) - 1, 1)) + low

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return self.forward(node, w, {}, xs, False)

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False)

    def style(self, node: Node) -> Style:
        return Style("input", f"to [{self.to[0]:g}, {self.to[1]:g}]")
