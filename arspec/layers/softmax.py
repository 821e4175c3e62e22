"""`softmax`: the channels of a site as shares that add up to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from arspec.layers.base import Fault, Layer, Node, Style, Traits, Weights
from arspec.types import Type

if TYPE_CHECKING:
    from torch import Tensor


class Softmax(Layer):
    """exp(x_c) / Σ_k exp(x_k) over the channels of a site, in each channel group by itself. With `heads` each head's
    share of the channels is taken by itself. It reads the site itself alone. A categorical head has
    a softmax of its own: it takes what stands before one."""

    layer: Literal["softmax"]
    example = "shares: {layer: softmax, from: first, heads: 2}"
    over: Literal["channels"] = Field("channels", description="What the shares are taken over.")
    heads: Annotated[int, Field(ge=1, le=1024)] = Field(1, description="Heads: each takes its share of the channels.")

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        if into.channels % self.heads:
            raise Fault("AR403", f"{into.channels} channels can't be shared out among {self.heads} heads",
                        f"take a multiple of {self.heads} in each channel group", "heads")  # fmt: skip
        return Type(into.grid, into.groups, into.channels, into.frame)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        parts = node.out.groups * self.heads
        return xs[0].softmax(1) if parts == 1 else xs[0].unflatten(1, (parts, -1)).softmax(2).flatten(1, 2)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        x = xs[0]
        return x.softmax(-1) if self.heads == 1 else x.unflatten(-1, (self.heads, -1)).softmax(-1).flatten(-2)

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False)

    def style(self, node: Node) -> Style:
        return Style("function", f"{self.heads} heads" if self.heads > 1 else "")
