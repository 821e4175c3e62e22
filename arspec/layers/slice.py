"""`slice`: some of the channels of each group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from arspec.layers.base import (
    Fault,
    Layer,
    Node,
    Weights,
)  # fmt: skip
from arspec.types import Type

if TYPE_CHECKING:
    from torch import Tensor


class Slice(Layer):
    """Some of the channels of each group: `out` of them in all, from channel `start` of the group on."""

    layer: Literal["slice"]
    start: int = 0
    out: int

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        if self.out % into.groups or self.start < 0 or not 0 < self.start + self.out // into.groups <= into.channels:
            raise Fault("AR403", f"channels {self.start} to {self.start + self.out // into.groups} of each group, where "
                        f"'{node.inputs[0].name}' gives {into}", "take a range inside it", "out")  # fmt: skip
        return Type(into.grid, into.groups, self.out // into.groups, into.frame)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        x, groups = xs[0], node.out.groups
        x = x.view(len(x), groups, -1, *x.shape[2:])
        return x[:, :, self.start : self.start + node.out.channels].flatten(1, 2)

    def few(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return xs[0].squeeze(2)[..., self.start : self.start + node.out.channels]
