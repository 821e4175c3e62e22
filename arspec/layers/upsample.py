"""`upsample`: every position several times."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from arspec.layers.base import (
    Fault,
    Layer,
    Node,
    Style,
    Traits,
    Weights,
)  # fmt: skip
from arspec.layers.geometry import Geometry, spread, window, window_numbers
from arspec.reads import Reads
from arspec.types import Cells, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


_Factor = Annotated[int, Field(ge=1, le=4096)]


class Upsample(Layer):
    """Repeats every position `factor` times along each dimension (nearest neighbour)."""

    layer: Literal["upsample"]
    example = (
        "half: {layer: conv, from: first, kernel: 3, stride: 2, out: 24, mask: so_far}\n"
        "back: {layer: upsample, factor: 2}"
    )
    factor: _Factor | list[_Factor] = Field(2, description="One number, or one a dimension.")

    def _factor(self, into: Type) -> tuple[int, ...]:
        return spread(self.factor, len(into.grid), "factor")

    def infer(self, node: Node) -> Type:
        into, factor = node.ins[0], self._factor(node.ins[0])
        frame = into.frame
        if isinstance(frame, Cells):
            if any(s % f for s, f in zip(frame.stride, factor, strict=True)):
                raise Fault("AR414", "upsampling would give several positions for one cell of the data",
                            "only what a stride made coarser is made finer again: the factor must divide that stride",
                            "factor")  # fmt: skip
            frame = replace(frame, stride=tuple(s // f for s, f in zip(frame.stride, factor, strict=True)))
        grid = tuple(n * f for n, f in zip(into.grid, factor, strict=True))
        return Type(grid, into.groups, into.channels, frame)

    def _geometry(self, into: Type) -> Geometry:
        factor = self._factor(into)
        zero, one = (0,) * len(factor), (1,) * len(factor)
        return Geometry(factor, factor, one, zero, zero, transposed=True)

    def reads_work(self, node: Node) -> int:
        return window_numbers(node.ins[0], node.out, self._geometry(node.ins[0]), None)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        return [window(node.ins[0], node.out, self._geometry(node.ins[0]), None, member, own_group=True)]

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        x = xs[0]
        for axis, factor in enumerate(self._factor(node.ins[0])):
            x = x.repeat_interleave(factor, 2 + axis)
        return x

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return (
            xs[0].unflatten(-1, (-1, node.out.channels)).sum(2)
        )  # of the taps at a site just one lies inside; the others are zero

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False)

    def style(self, node: Node) -> Style:
        return Style("move", f"×{self.factor}")
