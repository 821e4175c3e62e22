"""`dropout`: noise against overfitting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import (
    Layer,
    Node,
    Style,
    Traits,
    Weights,
)  # fmt: skip
from arspec.types import Type

if TYPE_CHECKING:
    from torch import Tensor


class Dropout(Layer):
    """While training, sets channels to zero with probability `rate` and scales up the others. It reads only the site
    itself, in training too."""

    layer: Literal["dropout"]
    example = "dropped: {layer: dropout, from: first, rate: 0.2}"
    rate: Annotated[float, Field(ge=0, lt=1)] = Field(0.5, description="Probability with which a channel is dropped.")

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        return Type(into.grid, into.groups, into.channels, into.frame)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        from torch.nn import functional as F

        return F.dropout(xs[0], self.rate, training)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return xs[0]

    def traits(self, node: Node) -> Traits:
        return Traits(is_identity=True, noise=self.rate > 0, by_channel=np.arange(node.out.channels), needs_sites=False)

    def style(self, node: Node) -> Style:
        return Style("function", f"{self.rate:g}")
