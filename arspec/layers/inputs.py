"""Layers that turn the data's integers into numbers: `scale`, `one_hot`, `embedding`; and `background`, which adds
channels that tell where a position lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Channels, Constants, Fault, Layer, Node, Style, Weight, Weights, per_group
from arspec.reads import Reads, Window
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


def _levels(node: Node) -> int:
    levels = node.ins[0].levels
    if levels is None:
        raise Fault("AR405", f"`{node.layer.layer}` takes the data's integers, and '{node.inputs[0].name}' gives other numbers",
                    "take it from x")  # fmt: skip
    return levels


class Scale(Layer):
    """Maps the levels 0 … L − 1 of the data linearly to a range, [−1, 1] if none is given."""

    layer: Literal["scale"]
    to: tuple[float, float] = Field((-1.0, 1.0), description="Where level 0 and the last level go.")

    def infer(self, node: Node) -> Type:
        _levels(node)
        into = node.ins[0]
        return Type(into.grid, into.groups, into.channels, into.frame)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        low, high = self.to
        return xs[0] * ((high - low) / max(_levels(node) - 1, 1)) + low

    def few(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return self.forward(node, w, {}, [xs[0].squeeze(2)], False)

    def style(self, node: Node) -> Style:
        return Style("input", f"to [{self.to[0]:g}, {self.to[1]:g}]")


class Discrete(Layer):
    """What `one_hot` and `embedding` have in common: the integer itself chooses, so no gradient passes. Gradient tests
    take their leaf behind such a layer."""

    discrete: ClassVar[bool] = True


class OneHot(Discrete):
    """As many channels as there are levels: one where the value is that level, else zero."""

    layer: Literal["one_hot"]

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        return Type(into.grid, into.groups, into.channels * _levels(node), into.frame)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        from torch.nn import functional as F

        x = xs[0]
        hot = F.one_hot(x.long(), _levels(node)).to(x.dtype)
        return hot.movedim(-1, 2).flatten(1, 2)

    def few(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        from torch.nn import functional as F

        x = xs[0].squeeze(2)
        return F.one_hot(x.long(), _levels(node)).to(x.dtype).flatten(2)

    def style(self, node: Node) -> Style:
        return Style("input", f"{_levels(node)} levels")


class Embedding(Discrete):
    """A learned vector for every level; each channel group has its own table."""

    layer: Literal["embedding"]
    out: Channels = Field(description="Channels, over all channel groups.")

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        _levels(node)
        if into.channels != 1:
            raise Fault("AR405", "`embedding` takes one integer a site, and joint channels give several",
                        "use one_hot, or generate the channels one after another")  # fmt: skip
        return Type(into.grid, into.groups, per_group(self.out, into.groups), into.frame)

    def weights(self, node: Node) -> dict[str, Weight]:
        return {"weight": Weight((node.out.groups, _levels(node), node.out.channels), deviation=1.0)}

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        import torch

        x = xs[0].long()
        parts = [w["weight"][g][x[:, g]].movedim(-1, 1) for g in range(node.out.groups)]
        return torch.cat(parts, 1)

    def fold(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        return {"weight": w["weight"][group]}

    def few(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return w["weight"][xs[0].long().flatten(2).squeeze(2)]

    def style(self, node: Node) -> Style:
        return Style("input", f"{_levels(node)} levels")


class Background(Layer):
    """Channels that hold no data: where a position lies, from −½ to ½ along each dimension (Chen et al. 2017), or ones
    (the channel that PixelCNN++ adds to its input). It takes its grid and channel groups from its input, and reads
    nothing of it."""

    layer: Literal["background"]
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
        axes = {name: (index[a] - n / 2) / n for a, n in enumerate(node.out.grid) for name in _NAMES[len(node.out.grid)][a]}
        axes["one"] = np.ones(node.out.grid)
        values = np.stack([axes[name] for name in self.channels])
        return {"values": np.concatenate([values] * node.out.groups)}

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        return c["values"].to(xs[0].dtype).expand(len(xs[0]), *c["values"].shape)

    def fold(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        from arspec.layers.base import sites_last

        return {"values": sites_last(c["values"][None], node.out.groups)[0]}

    def few(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        values = w["values"].index_select(0, sites).to(xs[0].dtype)
        return values.expand(len(xs[0]), *values.shape)

    def style(self, node: Node) -> Style:
        return Style("input", ", ".join(self.channels))


_NAMES = {1: [("step",)], 2: [("row",), ("column",)]}
