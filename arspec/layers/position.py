"""`position`: learned channels that tell where a position lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from arspec.layers.base import Channels, Layer, Node, Style, Weight, Weights
from arspec.layers.helpers import per_group, sites_last
from arspec.reads import Reads, Window
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Position(Layer):
    """Learned numbers for every position, to be added to what lies there (the position embedding of a transformer). It
    takes its grid and channel groups from its input, and reads nothing of it."""

    layer: Literal["position"]
    example = "place: {layer: position, from: first, out: 24}\nsum: {layer: add, from: [first, place]}"
    out: Channels = Field(description="Channels, over all channel groups.")

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        return Type(into.grid, into.groups, per_group(self.out, into.groups), into.frame)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        return [Window(node.out.groups, node.out.positions, node.ins[0].groups, node.ins[0].positions, ())]

    def weights(self, node: Node) -> dict[str, Weight]:
        return {"weight": Weight((node.out.width, *node.out.grid), deviation=0.02)}

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        return w["weight"].expand(len(xs[0]), *w["weight"].shape)

    def prepare_sites(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        return {"values": sites_last(w["weight"][None], node.out.groups)[0]}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        values = w["values"].index_select(0, sites)
        return values.expand(len(xs[0]), *values.shape)

    def style(self, node: Node) -> Style:
        return Style("input", "learned")
