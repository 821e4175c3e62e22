"""`background`: channels that tell where a position lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Constants, Fault, Layer, Node, Style, Weights
from arspec.layers.helpers import sites_last
from arspec.reads import Reads, Window
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Background(Layer):
    """Channels that hold no data: where a position lies, from −½ to ½ along each dimension (Chen et al. 2017), or ones
    (the channel that PixelCNN++ adds to its input). It takes its grid and channel groups from its input, and reads
    nothing of it."""

    layer: Literal["background"]
    example = "place: {layer: background, from: first, channels: [row, column, one]}"
    channels: list[Literal["row", "column", "step", "one"]] = Field(
        ["row", "column"], min_length=1, description="What each channel of a group holds."
    )

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        wrong = {1: {"row", "column"}, 2: {"step"}}.get(len(into.grid), {"row", "column", "step"}) & set(self.channels)
        if wrong:
            raise Fault("AR407", f"a grid of {len(into.grid)} dimensions has no {min(wrong)}",
                        "images have row and column, sequences step", "channels")  # fmt: skip
        return Type(into.grid, into.groups, len(self.channels), into.frame)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        return [Window(node.out.groups, node.out.positions, node.ins[0].groups, node.ins[0].positions, ())]

    def constants(self, node: Node, member: Member) -> Constants:
        index = np.indices(node.out.grid).astype(np.float64)
        axes = {
            name: (index[a] - n / 2) / n for a, n in enumerate(node.out.grid) for name in _NAMES[len(node.out.grid)][a]
        }
        axes["one"] = np.ones(node.out.grid)
        values = np.stack([axes[name] for name in self.channels])
        return {"values": np.concatenate([values] * node.out.groups)}

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        return c["values"].to(xs[0].dtype).expand(len(xs[0]), *c["values"].shape)

    def prepare_sites(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        return {"values": sites_last(c["values"][None], node.out.groups)[0]}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        values = w["values"].index_select(0, sites).to(xs[0].dtype)
        return values.expand(len(xs[0]), *values.shape)

    def style(self, node: Node) -> Style:
        return Style("input", ", ".join(self.channels))


_NAMES = {1: [("step",)], 2: [("row",), ("column",)]}
