"""`learned`: vectors that are weights, and read nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from arspec.layers.base import Channels, Layer, Node, Style, Weight, Weights
from arspec.layers.helpers import per_group
from arspec.reads import Reads, Window
from arspec.types import Free, Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Learned(Layer):
    """Learned vectors, one behind the other: a start, a class token with `condition` behind it, prefix tokens, queries.
    They stand for no data. The input gives channel groups alone, and nothing of it is read."""

    layer: Literal["learned"]
    example = (
        "condition: {label: {kind: class, classes: 10}}\n"
        "graph:\n"
        "  start: {layer: learned, from: label, out: 24}\n"
        "  token: {layer: condition, from: start, by: label}"
    )
    out: Channels = Field(description="Channels, over all channel groups.")
    length: Annotated[int, Field(ge=1, le=1 << 16)] = Field(default=1, description="How many vectors.")
    deviation: Annotated[float, Field(gt=0, le=100)] = Field(
        0.02, description="Standard deviation of the vectors at the start."
    )

    def infer(self, node: Node) -> Type:
        groups = node.ins[0].groups
        return Type((self.length,), groups, per_group(self.out, groups), Free())

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        return [Window(node.out.groups, node.out.positions, node.ins[0].groups, node.ins[0].positions, ())]

    def weights(self, node: Node) -> dict[str, Weight]:
        return {"weight": Weight((node.out.width, self.length), deviation=self.deviation)}

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        return w["weight"].expand(len(xs[0]), *w["weight"].shape)

    def prepare_sites(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        own = w["weight"].view(node.out.groups, node.out.channels, -1)
        return {"values": own.transpose(1, 2).reshape(node.out.sites, -1)}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        values = w["values"].index_select(0, sites)
        return values.expand(len(xs[0]), *values.shape)

    def style(self, node: Node) -> Style:
        return Style("input", f"{self.length} vector{'s' * (self.length > 1)}")
