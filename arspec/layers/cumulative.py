"""`cumulative`: the sum or the mean of what came before on a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from arspec.layers.along import (
    Along,
    before,
    check_own,
    from_lines,
    in_lines,
    leaves_out_own,
    something,
)
from arspec.layers.base import MaskText, Node, Style, Traits, Weights
from arspec.reads import Pointwise, Reads
from arspec.types import Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Cumulative(Along):
    """The sum or the mean of a node over the sites that come before on the line, channel by channel. With
    `mask: so_far` the own site counts, with `mask: earlier` it does not, and the first site of a line gets zeros."""

    layer: Literal["cumulative"]
    example = "so_far: {layer: cumulative, from: first, kind: mean}"
    kind: Literal["sum", "mean"] = Field("sum", description="What is kept of the sites: their sum or their mean.")
    mask: MaskText | None = Field(
        None, description="Whether the own site counts: so_far, as without it, or earlier, where it does not."
    )

    def infer(self, node: Node) -> Type:
        self.check_lines(node)
        check_own(node)
        into = node.ins[0]
        return Type(into.grid, into.groups, into.channels, into.frame)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        return [before(self.chains(node, member)) if leaves_out_own(node) else Pointwise()]

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        import torch

        x = in_lines(xs[0], node.out.groups, c)
        if leaves_out_own(node):
            x = torch.cat([torch.zeros_like(x[:, :, :1]), x[:, :, :-1]], 2)
        y = x.cumsum(2)
        if self.kind == "mean":
            count = torch.arange(x.shape[2], dtype=y.dtype, device=x.device)
            count = count.clamp(min=1) if leaves_out_own(node) else count + 1
            y = y / count[:, None, None]
        return from_lines(y, node.out, c)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        x, state = xs
        x = something(x, node.out.channels)
        if self.kind == "sum":
            return state + x
        mean, count = state.split([node.out.channels, 1], 2)
        first = (count - 1).clamp(min=0) if leaves_out_own(node) else count
        return torch.cat([mean + (x - mean) / (first + 1), count + 1], 2)

    def cached_channels(self, node: Node) -> int:
        """Of a mean its number of sites as well."""
        return node.out.channels + (self.kind == "mean")

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False)

    def style(self, node: Node) -> Style:
        return Style("recurrent", f"{self.kind}, {self.said()}")
