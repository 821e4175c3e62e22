"""`norm`: layer, root-mean-square and batch normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from arspec.layers.base import (
    Layer,
    Node,
    Style,
    Weight,
    Weights,
)  # fmt: skip
from arspec.layers.geometry import centre
from arspec.reads import Pointwise, Reads, Whole
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Norm(Layer):
    """Subtracts the mean and divides by the deviation (`layer`), or divides by the root mean square (`rms`), then
    scales by learned gains. What it is taken over decides what a site reads:

    - `channels`: the channels of the own group, at the own position. Always safe.
    - `pixel`: all channel groups at the own position. Safe where no group of the pixel is still to come.
    - `space`: the channels of the own group at all positions. Leaks, wherever it carries data.
    - `batch`: as batch normalisation. In evaluation it uses running statistics and is safe. In training it reads all
      positions of all examples, and is reported as a leak in training."""

    layer: Literal["norm"]
    example = "norm: {layer: norm, from: first, kind: rms, over: channels}"
    over: Literal["channels", "pixel", "space", "batch"] = Field("channels", description="What the mean is taken over.")
    kind: Literal["layer", "rms"] = Field("layer", description="Mean and deviation, or the root mean square alone.")
    epsilon: Annotated[float, Field(gt=0, le=1)] = Field(1e-5, description="Added to the variance.")
    momentum: Annotated[float, Field(gt=0, le=1)] = Field(0.1, description="`batch`: weight of the newest statistics.")

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        return Type(into.grid, into.groups, into.channels, into.frame)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        if self.over == "channels" or (self.over == "batch" and not training):
            return [Pointwise()]
        if self.over == "pixel":
            return [centre(node.ins[0], node.out, False, member)]
        return [Whole(node.out.sites, node.ins[0].sites, node.out.groups)]

    def weights(self, node: Node) -> dict[str, Weight]:
        width = (node.out.width,)
        found = {"gain": Weight(width, constant=1.0)}
        if self.kind == "layer":
            found["bias"] = Weight(width)
        if self.over == "batch":
            found["running_mean"] = Weight(width, trained=False)
            found["running_variance"] = Weight(width, constant=1.0, trained=False)
        return found

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        x, groups = xs[0], node.out.groups
        if self.kind == "layer" and self.over in ("channels", "pixel") and (groups == 1 or self.over == "pixel"):
            return self._fused(x, w)
        split = x.view(len(x), groups, -1, *x.shape[2:])
        space = tuple(range(3, split.ndim))
        if self.over == "batch":
            y = self._batch(split, w, training, (0, *space))
        else:
            over = {"channels": (2,), "pixel": (1, 2), "space": (2, *space)}[self.over]
            y = self._normal(split, over)
        ones = [1] * (x.ndim - 2)
        y = y.reshape(x.shape) * w["gain"].view(-1, *ones)
        return y + w["bias"].view(-1, *ones) if "bias" in w else y

    def _fused(self, x: Tensor, w: Weights) -> Tensor:
        """Over all channels of a position, by torch's own kernel, which takes them from the last dimension."""
        from torch.nn import functional as F

        y = F.layer_norm(x.movedim(1, -1), (x.shape[1],), w["gain"], w["bias"], self.epsilon)
        return y.movedim(-1, 1)

    def _normal(self, x: Tensor, over: tuple[int, ...]) -> Tensor:
        if self.kind == "layer":
            x = x - x.mean(over, keepdim=True)
        return x * (x.square().mean(over, keepdim=True) + self.epsilon).rsqrt()

    def _batch(self, x: Tensor, w: Weights, training: bool, over: tuple[int, ...]) -> Tensor:
        import torch

        shape = (1, x.shape[1], x.shape[2], *[1] * (x.ndim - 3))
        if training:
            mean = (
                x.mean(over, keepdim=True)
                if self.kind == "layer"
                else torch.zeros(shape, dtype=x.dtype, device=x.device)
            )
            variance = (x - mean).square().mean(over, keepdim=True)
            with torch.no_grad():
                w["running_mean"].lerp_(mean.flatten(), self.momentum)
                w["running_variance"].lerp_(variance.flatten(), self.momentum)
        else:
            mean, variance = w["running_mean"].view(shape), w["running_variance"].view(shape)
        return (x - mean) * (variance + self.epsilon).rsqrt()

    def prepare_sites(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        channels = node.out.channels
        return {name: value[group * channels : (group + 1) * channels] for name, value in w.items()}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        x = xs[0]
        if self.over == "batch":
            y = (x - w["running_mean"]) * (w["running_variance"] + self.epsilon).rsqrt()
        elif self.over == "channels":
            if self.kind == "layer":
                return torch.layer_norm(x, x.shape[2:], w["gain"], w["bias"], self.epsilon)
            y = self._normal(x, (-1,))
        else:
            own = sites % node.out.positions if self.over == "space" else sites // node.out.positions
            y = self._normal_among(x.unflatten(-1, (-1, node.out.channels)), own)
        y = y * w["gain"]
        return y + w["bias"] if "bias" in w else y

    def _normal_among(self, x: Tensor, own: Tensor) -> Tensor:
        """x [B, n, M, C], all that each site reads; own [n]: which of the M is the site itself."""
        import torch

        if self.kind == "layer":
            x = x - x.mean((2, 3), keepdim=True)
        mine = x[:, torch.arange(len(own), device=own.device), own]
        return mine * (x.square().mean((2, 3)) + self.epsilon).rsqrt()[..., None]

    def style(self, node: Node) -> Style:
        return Style("norm", f"over {self.over}")
