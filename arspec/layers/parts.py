"""Data in several parts, such as auxiliary images before the image itself.

A graph takes one part of them by `part`. What it says of each comes together for the head by `parts`. A spec names the
parts, and these two layers are made for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from arspec.layers.base import Layer, Node, Style, Traits, Weights
from arspec.reads import Reads, Tap, Window
from arspec.types import Member, Type

if TYPE_CHECKING:
    from torch import Tensor


def _first_groups(data: Type) -> list[int]:
    """The number of each part's first group among the data's."""
    return np.cumsum([0, *(part.groups for _, part in data.parts)])[:-1].tolist()


def _same_place(out: Type, into: Type, first_out: int, first_in: int) -> Window:
    """Every site reads the same position of one group: group `first_out` + k the group `first_in` + k."""
    allowed = np.zeros((out.groups, into.groups), bool)
    k = np.arange(min(out.groups, into.groups))
    allowed[first_out + k, first_in + k] = True
    return Window(out.groups, out.positions, into.groups, into.positions, (Tap(np.arange(out.positions), allowed),))


class Part(Layer):
    """One part of the data: its own groups and channels."""

    layer: Literal["part"]
    part: str

    def _number(self, node: Node) -> int:
        return [name for name, _ in node.ins[0].parts].index(self.part)

    def infer(self, node: Node) -> Type:
        return node.ins[0].parts[self._number(node)][1]

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        into = node.ins[0]
        return [_same_place(node.out, into, 0, _first_groups(into)[self._number(node)])]

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        into, out = node.ins[0], node.out
        first = _first_groups(into)[self._number(node)]
        each = xs[0].view(len(xs[0]), into.groups, into.channels, *into.grid)
        return each[:, first : first + out.groups, : out.channels].flatten(1, 2)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return xs[0][..., : node.out.channels]

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False)

    def style(self, node: Node) -> Style:
        levels = f", {node.out.levels} levels" if node.out.levels is not None else ""
        return Style("input", f"{node.out}{levels}")


class Parts(Layer):
    """The numbers that the head needs for each part, one part's groups after another's.

    The first channel is the number of the part, which tells whose numbers these are. Parts with fewer channels are
    filled up with zeros."""

    layer: Literal["parts"]
    arity = (1, None)

    def infer(self, node: Node) -> Type:
        assert node.data is not None
        channels = 1 + max(into.channels for into in node.ins)
        return Type(node.data.grid, node.data.groups, channels, node.data.frame)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        assert node.data is not None
        firsts = _first_groups(node.data)
        return [_same_place(node.out, into, first, 0) for into, first in zip(node.ins, firsts, strict=True)]

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        import torch
        from torch.nn import functional as F

        found: list[Tensor] = []
        for number, (x, into) in enumerate(zip(xs, node.ins, strict=True)):
            each = x.view(len(x), into.groups, into.channels, *into.grid)
            tag = torch.full_like(each[:, :, :1], number)
            room = [0, 0] * len(into.grid) + [0, node.out.channels - 1 - into.channels]
            found.append(torch.cat([tag, F.pad(each, room)], 2).flatten(1, 2))
        return torch.cat(found, 1)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        from torch.nn import functional as F

        number = next(k for k, x in enumerate(xs) if x.shape[-1])  # a group reads its own part and no other
        own = xs[number]
        return F.pad(F.pad(own, [1, 0], value=float(number)), [0, node.out.channels - 1 - own.shape[-1]])

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False)

    def style(self, node: Node) -> Style:
        return Style("move", "one after another")


def part_layer(name: str) -> Layer:
    """A layer that takes one part of the data, by the part's name."""
    return Part.model_validate({"layer": "part", "part": name})


def parts_layer() -> Layer:
    """A layer that puts the numbers of all parts one after another, as a head of parts takes them."""
    return Parts.model_validate({"layer": "parts"})
