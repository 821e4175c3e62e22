"""`times` and `soft_cap`: every channel scaled by a number, or kept within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Layer, Node, Style, Traits, Weights
from arspec.types import Type

if TYPE_CHECKING:
    from torch import Tensor


class _OfEach(Layer):
    """A function of one number and of a number that the spec states."""

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        return Type(into.grid, into.groups, into.channels, into.frame)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return self.forward(node, w, {}, xs, False)

    def traits(self, node: Node) -> Traits:
        return Traits(by_channel=np.arange(node.out.channels), needs_sites=False)


class Times(_OfEach):
    """Multiplies every channel by a number, as Gemma does its embeddings by the square root of their size. `plus` is
    added then: `by: -1, plus: 1` is one minus what comes in."""

    layer: Literal["times"]
    example = "larger: {layer: times, from: first, by: 4.9}"
    by: Annotated[float, Field(ge=-1e9, le=1e9)] = Field(strict=False, description="What is multiplied by.")
    plus: Annotated[float, Field(ge=-1e9, le=1e9)] = Field(0.0, strict=False, description="What is added then.")

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        return xs[0] * self.by if self.plus == 0 else xs[0] * self.by + self.plus

    def style(self, node: Node) -> Style:
        return Style(
            "function", f"× {self.by:g}" + (f" {'+' if self.plus > 0 else '−'} {abs(self.plus):g}" if self.plus else "")
        )


class SoftCap(_OfEach):
    """Keeps every channel between ±cap, smoothly: cap · tanh(x / cap) (Gemma 2: Gemma Team 2024, section 2)."""

    layer: Literal["soft_cap"]
    example = "capped: {layer: soft_cap, from: first, cap: 30.0}"
    cap: Annotated[float, Field(gt=0, le=1e9)] = Field(strict=False, description="The bound.")

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        return (xs[0] / self.cap).tanh() * self.cap

    def style(self, node: Node) -> Style:
        return Style("function", f"± {self.cap:g}")
