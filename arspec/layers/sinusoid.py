"""`sinusoid`: fixed channels that tell where a position lies, by waves of many lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Channels, Constants, Fault, Layer, Node, Style, Traits, Weights
from arspec.layers.frequencies import plain
from arspec.layers.helpers import per_group, sites_last
from arspec.layers.places import AXES, At, check_at, check_one_by_one, places, places_beyond
from arspec.reads import Reads, Window
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Sinusoid(Layer):
    """Sines and cosines of a position's place, at frequencies from 1 down to about 1 / base, to be added to what lies
    there (Vaswani et al. 2017, section 3.5). Nothing is learned. On images the channels are shared out among rows and
    columns. It takes its grid and channel groups from its input, and reads nothing of it."""

    layer: Literal["sinusoid"]
    example = "place: {layer: sinusoid, from: first, out: 24}\nsum: {layer: add, from: [first, place]}"
    out: Channels = Field(description="Channels, over all channel groups.")
    base: Annotated[float, Field(gt=1, le=1e12)] = Field(
        10000.0, strict=False, description="The longest wave is about 2π · base steps."
    )
    form: Literal["interleaved", "halves"] = Field(
        "interleaved", description="Sine and cosine of each frequency side by side, or all sines first."
    )
    offset: Annotated[int, Field(ge=-(1 << 40), le=1 << 40)] = Field(0, description="What places are counted from.")
    at: At = Field(
        "own", description="Whose place: the position's own, or that of the variable that comes next, or came "
        "previously, in the order of generation."
    )  # fmt: skip

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        channels, axes = per_group(self.out, into.groups), len(into.grid)
        if axes not in AXES:
            raise Fault("AR421", f"'{node.inputs[0].name}' has no places: {into}", "take it on a grid")
        if channels % (2 * axes):
            raise Fault("AR420", f"{channels} channels can't be shared out among sines and cosines of {axes} "
                        f"{'axes' if axes > 1 else 'axis'}",
                        f"take a multiple of {2 * axes * into.groups}", "out")  # fmt: skip
        check_at(node, self.at)
        return Type(into.grid, into.groups, channels, into.frame)

    def reads_work(self, node: Node) -> int:
        return node.out.positions * node.out.channels

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        check_one_by_one(node, self.at, member)
        return [Window(node.out.groups, node.out.positions, node.ins[0].groups, node.ins[0].positions, ())]

    def constants(self, node: Node, member: Member) -> Constants:
        """`values` [C, *grid]: those of one channel group, which all groups share."""
        kind, axes = node.out, len(node.out.grid)
        angle = (places(kind, member, self.at) + self.offset)[..., None] * plain(self.base, kind.channels // (2 * axes))
        waves = np.stack([np.sin(angle), np.cos(angle)], 2 if self.form == "halves" else 3)  # [P, A, ...]
        return {"values": np.ascontiguousarray(waves.reshape(kind.positions, -1).T).reshape(-1, *kind.grid)}

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        values = c["values"].to(xs[0].dtype)
        return values.repeat(node.out.groups, *[1] * len(node.out.grid)).expand(len(xs[0]), -1, *node.out.grid)

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        return {"values": sites_last(c["values"][None], 1)[0]}

    def prepare_endless(self, node: Node, w: Weights, c: Constants, group: int) -> Weights:
        import torch

        frequencies = plain(self.base, node.out.channels // 2)
        return {"frequencies": torch.from_numpy(frequencies).to(c["values"].device)}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        if "values" in w:
            values = w["values"].index_select(0, sites % node.out.positions)
        else:
            where = places_beyond(node.out, sites, self.at) + self.offset
            angle = where[:, None] * w["frequencies"]
            values = torch.stack([angle.sin(), angle.cos()], 1 if self.form == "halves" else 2).flatten(1)
        values = values.to(xs[0].dtype)
        return values.expand(len(xs[0]), *values.shape)

    def traits(self, node: Node) -> Traits:
        return Traits(beyond_grid=True)

    def style(self, node: Node) -> Style:
        return Style("input", "sinusoids")
