"""`add` and `multiply`: several nodes become one, channel by channel."""

from __future__ import annotations

import operator
from functools import reduce
from typing import TYPE_CHECKING, Literal

from arspec.layers.base import Fault, Layer, Node, Traits, Weights
from arspec.layers.helpers import frame_of
from arspec.layers.one_grid import same_grid
from arspec.types import Type

if TYPE_CHECKING:
    from torch import Tensor


class Elementwise(Layer):
    """The sum or the product of several nodes of the same type, channel by channel. A product also takes nodes of one
    channel, which multiply every channel of the others: a weight for each site."""

    layer: Literal["add", "multiply"]
    quick = "combined"
    example = (
        "conv: {layer: conv, from: first, kernel: 3, out: 24, mask: so_far}\nsum: {layer: add, from: [conv, first]}"
    )
    arity = (1, None)

    def infer(self, node: Node) -> Type:
        ins = node.ins
        same_grid(node, ins)
        most = max(range(len(ins)), key=lambda k: ins[k].channels) if self.layer == "multiply" else 0
        taken = {1, ins[most].channels} if self.layer == "multiply" else {ins[most].channels}
        odd = next((k for k, t in enumerate(ins) if t.channels not in taken), None)
        if odd is not None:
            first, other = sorted((most, odd))
            raise Fault("AR402",
                        f"'{node.inputs[first].name}' gives {ins[first]} and '{node.inputs[other].name}' gives "
                        f"{ins[other]}: `{self.layer}` takes equal numbers of channels"
                        f"{', or one' if self.layer == 'multiply' else ''}",
                        "change `out` of one of them, or put a 1×1 convolution between")  # fmt: skip
        return Type(ins[0].grid, ins[0].groups, ins[most].channels, frame_of(ins))

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        out = node.out
        if out.groups > 1 and any(x.shape[1] != out.width for x in xs):  # the one channel is that of its own group
            return self._joined([x.unflatten(1, (out.groups, -1)) for x in xs]).flatten(1, 2)
        return self._joined(xs)

    def _joined(self, xs: list[Tensor]) -> Tensor:
        return reduce(operator.add if self.layer == "add" else operator.mul, xs)

    def overwrite(self, node: Node, xs: list[Tensor], k: int) -> Tensor:
        if any(x.dtype != xs[k].dtype for x in xs):  # under autocast the sum is of the widest
            return self.forward(node, {}, {}, xs, True)
        return reduce(lambda y, x: y.add_(x), [x for i, x in enumerate(xs) if i != k], xs[k])

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        y = self.quickly(w, *xs, self.layer == "add") if len(xs) == 2 else None
        return self._joined(xs) if y is None else y

    def traits(self, node: Node) -> Traits:
        return Traits(is_sum=self.layer == "add", in_place=self.layer == "add", needs_sites=False)


def sum_layer() -> Layer:
    """A layer that adds its inputs up, for graphs that are made of a spec's own."""
    return Elementwise.model_validate({"layer": "add"})
