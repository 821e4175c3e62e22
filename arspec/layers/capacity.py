"""`capacity`: each channel is kept at so many sites; once it is full, later sites lose it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from arspec.layers.along import Along, from_lines, in_lines
from arspec.layers.base import Constants, Node, Style, Traits, Weights
from arspec.layers.helpers import room, sites_last
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Capacity(Along):
    """Keeps what is not zero of a channel until ceil(factor · take · sites / channels) sites of the line had it; at
    later ones the channel is zero. So experts have a capacity, and drop what comes when they are full (Fedus et al.
    2021, "Switch Transformers", equation 3). Sites come in the order of generation, of each example by itself: what is
    dropped is dropped by what came before, never by another example. A site therefore reads all earlier ones. (So are
    the first ones taken to do, for which there always is room.)"""

    layer: Literal["capacity"]
    example = "taken: {layer: top_k, from: first, take: 2}\nroom: {layer: capacity, factor: 1.25, take: 2}"
    factor: Annotated[float, Field(gt=0, le=1 << 20)] = Field(
        description="The room of a channel, in shares of what it has where all are taken equally often."
    )
    take: Annotated[int, Field(ge=1, le=1 << 20)] = Field(1, description="How many channels a site takes.")

    def infer(self, node: Node) -> Type:
        self.check_lines(node)
        into = node.ins[0]
        return Type(into.grid, into.groups, into.channels, into.frame)

    def _room(self, node: Node, member: Member) -> int:
        return room(self.factor, self.take, self.chains(node, member).lines.shape[1], node.out.channels)

    def constants(self, node: Node, member: Member) -> Constants:
        return {**super().constants(node, member), "room": self._room(node, member)}

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        x = in_lines(xs[0], node.out.groups, c)
        return from_lines(x * ((x != 0).cumsum(2) <= c["room"]), node.out, c)

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        import torch

        return {"room": torch.tensor(c["room"], device=c["table"].device)}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        x, state = xs
        had = state[..., node.out.channels :] + (x != 0)
        return torch.cat([x * (had <= w["room"]), had], -1)

    def cached_channels(self, node: Node) -> int:
        """Beside each channel how many sites have had it."""
        return 2 * node.out.channels

    def kept_states(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        x = in_lines(xs[0], node.out.groups, c)
        had = (x != 0).cumsum(2)
        both = from_lines(torch.cat([x * (had <= c["room"]), had.to(x.dtype)], -1), node.out, c)
        return sites_last(both, node.out.groups).index_select(1, sites)

    def traits(self, node: Node) -> Traits:
        """How much room there is depends on how many sites there are, so that it is said to need their numbers: a
        stream without end has none."""
        return Traits(gives_states=True)

    def style(self, node: Node) -> Style:
        return Style("route", f"{self.factor:g} × {self.take}, {self.said()}")
