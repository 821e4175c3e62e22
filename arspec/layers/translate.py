"""What layers that move values have in common: `shift`, `crop` and `pad`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arspec.layers.base import Node, Weights
from arspec.layers.filled import Filled
from arspec.layers.geometry import Geometry, window
from arspec.reads import Reads
from arspec.types import Bools, Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Translate(Filled):
    """What `shift`, `crop` and `pad` have in common: output position i shows input position i − start; what is outside
    is filled."""

    def start(self, dimensions: int) -> tuple[int, ...]:
        """By how many positions the values move, along each dimension; negative is up and to the left."""
        raise NotImplementedError

    def out_grid(self, into: Type) -> tuple[int, ...]:
        """The grid of the output."""
        return into.grid

    def _outside(self, into: Type) -> Bools:
        """[*grid]: whether a position of the output finds nothing in the input."""
        grid = self.out_grid(into)
        found = np.zeros(grid, bool)
        for axis, (start, before) in enumerate(zip(self.start(len(grid)), into.grid, strict=True)):
            at = np.arange(grid[axis]) - start
            found |= ((at < 0) | (at >= before)).reshape([-1 if k == axis else 1 for k in range(len(grid))])
        return found

    def vacant(self, node: Node, member: Member) -> Ints:
        return np.flatnonzero(self._outside(node.ins[0]))

    def vacancies(self, inputs: list[Type], order_groups: int) -> int:
        return int(np.count_nonzero(self._outside(inputs[0])))

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        one = (1,) * len(node.out.grid)
        form = Geometry(one, one, one, self.start(len(one)), one)
        moved = window(node.ins[0], node.out, form, None, member, own_group=True)
        return [moved, *self.fill_reads(node, member)]

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        return self.filled(node, self._moved(node, xs[0]), xs, c)

    def _moved(self, node: Node, x: Tensor) -> Tensor:
        from torch.nn import functional as F

        sides: list[int] = []
        for start, size, before in zip(self.start(len(node.out.grid)), node.out.grid, node.ins[0].grid, strict=True):
            if start >= size or -start >= before:  # all of it has moved off the grid, further than `pad` can take it
                return x.new_zeros(*x.shape[:2], *node.out.grid)
            sides = [start, size - before - start, *sides]
        return F.pad(x, sides)
