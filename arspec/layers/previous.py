"""`previous`: the value at the position that comes before in the order of generation."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Constants, Fault, Node, Style, Weights
from arspec.layers.filled import Filled
from arspec.reads import Reads, Tap, Window
from arspec.types import NOWHERE, Ints, Member, Type, ranks

if TYPE_CHECKING:
    from torch import Tensor


@lru_cache(maxsize=128)
def _source(kind: Type, member: Member, steps: int) -> Ints:
    """[P]: the position whose rank is lower by `steps`, -1 where there is none."""
    rank = ranks(kind, member).position
    at = {int(r): p for p, r in enumerate(rank) if r != NOWHERE}
    return np.array([at.get(int(r) - steps, -1) if r != NOWHERE else -1 for r in rank])


class Previous(Filled):
    """Every position shows what lies at the one that comes `steps` before it in the order; zeros come in at the start,
    or what `fill` says. On a sequence in its natural order it is `shift: {steps: 1}`. It makes a transformer over the
    pixels of an image strict, in any order."""

    layer: Literal["previous"]
    example = "order: {scan: zigzag, channels: joint}\ngraph:\n  last: {layer: previous, from: scaled, steps: 2}"
    steps: Annotated[int, Field(ge=1, le=1 << 20)] = Field(1, description="Positions back, in the order of generation.")

    def infer(self, node: Node) -> Type:
        into, data = node.ins[0], node.data
        assert data is not None
        if into.groups != 1 or node.order_groups != 1 or into.frame != data.frame or into.grid != data.grid:
            raise Fault("AR412", f"`previous` takes one channel group on the data's own grid; '{node.inputs[0].name}' "
                        f"gives {into}",
                        "generate the channels together (`channels: joint`), or use masks")  # fmt: skip
        self.check_fill(node)
        return Type(into.grid, 1, into.channels, into.frame)

    def vacant(self, node: Node, member: Member) -> Ints:
        rank = ranks(node.out, member).position
        vacant = np.flatnonzero(_source(node.out, member, self.steps) < 0)
        return vacant[np.argsort(rank[vacant], kind="stable")]

    def turns(self, node: Node, member: Member, vacant: Ints) -> Ints:  # what is generated together shares a vector
        return np.unique(ranks(node.out, member).position[vacant], return_inverse=True)[1]

    def vacancies(self, inputs: list[Type], order_groups: int) -> int:
        return min(self.steps, inputs[0].positions)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        source = _source(node.out, member, self.steps)
        before = Window(1, node.out.positions, 1, node.out.positions, (Tap(source, np.ones((1, 1), bool)),))
        return [before, *self.fill_reads(node, member)]

    def constants(self, node: Node, member: Member) -> Constants:
        source = _source(node.out, member, self.steps)
        return {"source": np.where(source < 0, node.out.positions, source), **super().constants(node, member)}

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        from torch.nn import functional as F

        moved = F.pad(xs[0].flatten(2), (0, 1))[:, :, c["source"]].view(xs[0].shape)
        return self.filled(node, moved, xs, c)

    def style(self, node: Node) -> Style:
        return Style("move", ", ".join([f"{self.steps} in the order", *self.fill_words()]))
