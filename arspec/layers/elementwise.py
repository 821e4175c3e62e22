"""`add`, `multiply` and `concat`: several nodes on one grid become one."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Literal

from arspec.layers.base import Fault, Layer, Node, Weights, frame_of, same_grid
from arspec.types import Type

if TYPE_CHECKING:
    from torch import Tensor


class Elementwise(Layer):
    """The sum or the product of several nodes of the same type, channel by channel."""

    layer: Literal["add", "multiply"]
    arity = (1, None)

    def infer(self, node: Node) -> Type:
        ins = node.ins
        same_grid(node, ins)
        odd = next((k for k, t in enumerate(ins) if t.channels != ins[0].channels), None)
        if odd is not None:
            raise Fault("AR402", f"'{node.inputs[0].name}' gives {ins[0]} and '{node.inputs[odd].name}' gives {ins[odd]}: "
                        f"`{self.layer}` takes equal numbers of channels", "change `out` of one of them, or put a 1×1 convolution between")  # fmt: skip
        return Type(ins[0].grid, ins[0].groups, ins[0].channels, frame_of(ins))

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        if self.layer == "add":
            return reduce(lambda a, b: a + b, xs)
        return reduce(lambda a, b: a * b, xs)

    def few(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return self.forward(node, w, {}, [x.squeeze(2) for x in xs], False)


class Concat(Layer):
    """The channels of several nodes side by side, inside each channel group."""

    layer: Literal["concat"]
    arity = (1, None)

    def infer(self, node: Node) -> Type:
        ins = node.ins
        same_grid(node, ins)
        return Type(ins[0].grid, ins[0].groups, sum(t.channels for t in ins), frame_of(ins))

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        import torch

        groups = node.out.groups
        split = [x.view(len(x), groups, -1, *x.shape[2:]) for x in xs]
        return torch.cat(split, 2).flatten(1, 2)

    def few(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        return torch.cat([x.squeeze(2) for x in xs], -1)


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
