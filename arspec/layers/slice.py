"""`slice`: some of the channels of each group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from arspec.layers.base import Channels, Fault, Layer, Node, Traits, Weights
from arspec.layers.helpers import per_group
from arspec.types import Type

if TYPE_CHECKING:
    from torch import Tensor


class Slice(Layer):
    """Some of the channels of each group: `out` of them in all, from channel `start` of the group on."""

    layer: Literal["slice"]
    example = "half: {layer: slice, from: first, start: 4, out: 12}"
    start: Annotated[int, Field(ge=0)] = Field(default=0, description="The first channel, within each channel group.")
    out: Channels = Field(description="Output channels, over all channel groups.")

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        out = per_group(self.out, into.groups)
        if self.start + out > into.channels:
            raise Fault("AR403", f"channels {self.start} to {self.start + out} of each group, where "
                        f"'{node.inputs[0].name}' gives {into}", "take a range inside it", "out")  # fmt: skip
        return Type(into.grid, into.groups, out, into.frame)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        x, groups = xs[0], node.out.groups
        x = x.view(len(x), groups, -1, *x.shape[2:])
        return x[:, :, self.start : self.start + node.out.channels].flatten(1, 2)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return xs[0][..., self.start : self.start + node.out.channels]

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False)
