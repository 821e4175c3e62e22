"""Functions of one number, applied to every channel of every site: `relu`, `tanh`, `elu`, ..."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from arspec.layers.base import (
    Layer,
    Node,
    Traits,
    Weights,
)  # fmt: skip
from arspec.types import Type

if TYPE_CHECKING:
    from torch import Tensor

# Functions whose gradient needs nothing but their result, so that they may be computed in place.
IN_PLACE = ("relu", "leaky_relu", "elu", "tanh", "sigmoid", "exp", "reciprocal")
OF_TORCH = ("tanh", "sigmoid", "exp", "log", "square", "reciprocal")


class Pointwise(Layer):
    """A function of one number, applied to every channel of every site. `gelu_tanh` is the approximation of `gelu` by a
    tanh, as GPT-2 has it. `log` takes numbers above 0, `reciprocal` all but 0."""

    layer: Literal[
        "relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "softplus", "exp", "log", "square",
        "reciprocal", "identity",
    ]  # fmt: skip
    example = "relu: {layer: relu, from: first}"
    quick = "gated"

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        return Type(into.grid, into.groups, into.channels, into.frame)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        return xs[0] if self.layer == "identity" else _function(self.layer)(xs[0])

    def overwrite(self, node: Node, xs: list[Tensor], k: int) -> Tensor:
        return _function(f"{self.layer}_")(xs[k])

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        y = self.quickly(w, xs[0], self.layer == "gelu_tanh") if self.layer in ("silu", "gelu_tanh") else None
        return self.forward(node, w, {}, xs, False) if y is None else y

    def traits(self, node: Node) -> Traits:
        return Traits(
            is_identity=self.layer == "identity", by_channel=np.arange(node.out.channels),
            in_place=self.layer in IN_PLACE,
            needs_sites=False,
        )  # fmt: skip


def _function(name: str) -> Any:
    """torch's function of a name; one that ends in _ writes over its input."""
    import torch

    if name == "gelu_tanh":
        return partial(torch.nn.functional.gelu, approximate="tanh")
    return getattr(torch if name.rstrip("_") in OF_TORCH else torch.nn.functional, name)
