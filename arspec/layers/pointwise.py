"""Functions of one number, applied to every channel of every site: `relu`, `tanh`, `elu`, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from arspec.layers.base import (
    Layer,
    Node,
    Weights,
)  # fmt: skip
from arspec.types import Type

if TYPE_CHECKING:
    from torch import Tensor


# Functions whose gradient needs nothing but their result, so that they may be computed in place.
IN_PLACE = ("relu", "leaky_relu", "elu", "tanh", "sigmoid")


class Pointwise(Layer):
    """A function of one number, applied to every channel of every site."""

    layer: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "identity"]

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        return Type(into.grid, into.groups, into.channels, into.frame)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        import torch

        if self.layer == "identity":
            return xs[0]
        return getattr(torch if self.layer in ("tanh", "sigmoid") else torch.nn.functional, self.layer)(xs[0])

    def overwrites(self) -> bool:
        return self.layer in IN_PLACE

    def overwrite(self, node: Node, xs: list[Tensor], k: int) -> Tensor:
        import torch

        return getattr(torch if self.layer in ("tanh", "sigmoid") else torch.nn.functional, f"{self.layer}_")(xs[k])

    def few(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return self.forward(node, w, {}, xs, False)

    def passes(self) -> bool:
        return self.layer == "identity"
