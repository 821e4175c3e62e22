"""`previous`: the value at the position that comes before in the order of generation."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Constants, Fault, Layer, Node, Style, Traits, Weights
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


class Previous(Layer):
    """Every position shows what lies at the one that comes `steps` before it in the order; zeros come in at the start.
    On a sequence in its natural order it is `shift: {steps: 1}`. It makes a transformer over the pixels of an image
    strict, in any order."""

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
        return Type(into.grid, 1, into.channels, into.frame)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        source = _source(node.out, member, self.steps)
        return [Window(1, node.out.positions, 1, node.out.positions, (Tap(source, np.ones((1, 1), bool)),))]

    def constants(self, node: Node, member: Member) -> Constants:
        source = _source(node.out, member, self.steps)
        return {"source": np.where(source < 0, node.out.positions, source)}

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        from torch.nn import functional as F

        return F.pad(xs[0].flatten(2), (0, 1))[:, :, c["source"]].view(xs[0].shape)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return xs[0] if xs[0].shape[-1] else xs[0].new_zeros(*xs[0].shape[:2], node.out.channels)

    def traits(self, node: Node) -> Traits:
        return Traits(is_identity=True, needs_sites=False)

    def style(self, node: Node) -> Style:
        return Style("move", f"{self.steps} in the order")
