"""What layers that move values have in common: `shift`, `crop` and `pad`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arspec.layers.base import (
    Layer,
    Node,
    Traits,
    Weights,
)  # fmt: skip
from arspec.layers.geometry import Geometry, window
from arspec.reads import Reads
from arspec.types import Member

if TYPE_CHECKING:
    from torch import Tensor


class Translate(Layer):
    """What `shift`, `crop` and `pad` have in common: output position i shows input position i − start, zero outside."""

    def start(self, node: Node) -> tuple[int, ...]:
        """By how many positions the values move, along each dimension; negative is up and to the left."""
        raise NotImplementedError

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        one = (1,) * len(node.out.grid)
        form = Geometry(one, one, one, self.start(node), one)
        return [window(node.ins[0], node.out, form, None, member, own_group=True)]

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        from torch.nn import functional as F

        sides: list[int] = []
        for start, size, before in zip(self.start(node), node.out.grid, node.ins[0].grid, strict=True):
            if start >= size or -start >= before:  # all of it has moved off the grid, further than `pad` can take it
                return xs[0].new_zeros(*xs[0].shape[:2], *node.out.grid)
            sides = [start, size - before - start, *sides]
        return F.pad(xs[0], sides)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return xs[0] if xs[0].shape[-1] else xs[0].new_zeros(*xs[0].shape[:2], node.out.channels)

    def traits(self, node: Node) -> Traits:
        return Traits(is_identity=True, needs_sites=False)
