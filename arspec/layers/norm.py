"""`norm`: layer, root-mean-square and batch normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from arspec.layers.base import Constants, Fault, Layer, Node, Style, Weight, Weights
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
      positions of all examples, and is reported as a leak in training.

    With `heads` the channels of a group are normalised head by head, as queries and keys are (Dehghani et al. 2023).
    All heads then share one gain."""

    layer: Literal["norm"]
    example = "norm: {layer: norm, from: first, kind: rms, over: channels}"
    over: Literal["channels", "pixel", "space", "batch"] = Field("channels", description="What the mean is taken over.")
    kind: Literal["layer", "rms"] = Field("layer", description="Mean and deviation, or the root mean square alone.")
    epsilon: Annotated[float, Field(gt=0, le=1)] = Field(1e-5, description="Added to the variance.")
    heads: Annotated[int, Field(ge=1, le=1024)] = Field(
        1, description="Heads, each normalised by itself: each takes its share of the channels."
    )
    gain: bool = Field(True, description="Whether there is a learned gain.")
    bias: bool | None = Field(None, description="Whether there is a learned bias; where left out, `layer` has one.")
    unit_offset: bool = Field(False, description="Whether the gain is 1 + what is learned, which starts at 0 (Gemma).")
    momentum: Annotated[float, Field(gt=0, le=1)] = Field(0.1, description="`batch`: weight of the newest statistics.")
    quick = "normalised"

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        if self.heads > 1 and self.over != "channels":
            raise Fault("AR110", f"`heads` share out the channels of a site, and the mean is taken over {self.over}",
                        "take it over channels, or leave out `heads`", "heads")  # fmt: skip
        if into.channels % self.heads:
            raise Fault("AR403", f"{into.channels} channels can't be shared out among {self.heads} heads",
                        f"take a multiple of {self.heads} in each channel group", "heads")  # fmt: skip
        if self.unit_offset and not self.gain:
            raise Fault("AR110", "`unit_offset` is of the gain, and `gain: false` leaves it out",
                        "leave one of the two out", "unit_offset")  # fmt: skip
        return Type(into.grid, into.groups, into.channels, into.frame)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        if self.over == "channels" or (self.over == "batch" and not training):
            return [Pointwise()]
        if self.over == "pixel":
            return [centre(node.ins[0], node.out, False, member)]
        return [Whole(node.out.sites, node.ins[0].sites, node.out.groups)]

    def weights(self, node: Node) -> dict[str, Weight]:
        width, shared = (node.out.width,), (node.out.width // self.heads,)
        found = {"gain": Weight(shared, constant=0.0 if self.unit_offset else 1.0)} if self.gain else {}
        if self.kind == "layer" if self.bias is None else self.bias:
            found["bias"] = Weight(shared)
        if self.over == "batch":
            found["running_mean"] = Weight(width, trained=False)
            found["running_variance"] = Weight(width, constant=1.0, trained=False)
        return found

    def prepare(self, node: Node, w: Weights, c: Constants) -> Weights:
        """The gain as it is multiplied with."""
        return {**w, "gain": 1 + w["gain"]} if self.unit_offset else w

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        x, groups = xs[0], node.out.groups
        if (self.kind == "layer" and self.over == "pixel") or (self.over == "channels" and groups == 1):
            return self._fused(x, w)
        split = x.reshape(len(x), groups, self.heads, -1, *x.shape[2:])
        space = tuple(range(4, split.ndim))
        if self.over == "batch":
            y = self._batch(split, w, training, (0, *space))
        else:
            over = {"channels": (3,), "pixel": (1, 2, 3), "space": (3, *space)}[self.over]
            y = self._normal(split, over)
        shape = (groups, 1, -1, *[1] * len(space))
        if "gain" in w:
            y = y * w["gain"].view(shape)
        return (y + w["bias"].view(shape) if "bias" in w else y).reshape(x.shape)

    def _fused(self, x: Tensor, w: Weights) -> Tensor:
        """Over all channels of a position, or of a head, by one kernel, which takes them from the last dimension."""
        y, heads = x.movedim(1, -1), self.heads > 1
        y = self._over_last(y.unflatten(-1, (self.heads, -1)), w).flatten(-2) if heads else self._over_last(y, w)
        return y.movedim(-1, 1)

    def _over_last(self, x: Tensor, w: Weights) -> Tensor:
        from torch.nn import functional as F

        from arspec.layers.root_mean_square import by_root_mean_square

        gain, bias = w.get("gain"), w.get("bias")
        if self.kind == "layer":
            return F.layer_norm(x, x.shape[-1:], gain, bias, self.epsilon)
        y = by_root_mean_square(x, gain, self.epsilon)
        return y if bias is None else y + bias

    def _normal(self, x: Tensor, over: tuple[int, ...]) -> Tensor:
        if self.kind == "layer":
            x = x - x.mean(over, keepdim=True)
        return x * (x.square().mean(over, keepdim=True) + self.epsilon).rsqrt()

    def _batch(self, x: Tensor, w: Weights, training: bool, over: tuple[int, ...]) -> Tensor:
        import torch

        shape = (1, x.shape[1], 1, x.shape[3], *[1] * (x.ndim - 4))
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

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        size = node.out.channels // self.heads
        return {k: value[group * size : (group + 1) * size] for k, value in self.prepare(node, w, c).items()}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        x, gain, bias = xs[0], w.get("gain"), w.get("bias")
        if self.over == "channels":
            y = self.quickly(w, x, gain, bias, self.heads, self.epsilon, self.kind == "layer")
            if y is not None:
                return y
        if self.heads > 1:
            x = x.unflatten(2, (self.heads, -1))
        if self.over == "batch":
            y = (x - w["running_mean"]) * (w["running_variance"] + self.epsilon).rsqrt()
        elif self.over == "channels":
            if self.kind == "layer":
                y = torch.layer_norm(x, x.shape[-1:], gain, bias, self.epsilon)
                return y.flatten(2) if self.heads > 1 else y
            y = self._normal(x, (-1,))
        else:
            own = sites % node.out.positions if self.over == "space" else sites // node.out.positions
            y = self._normal_among(x.unflatten(-1, (-1, node.out.channels)), own)
        if gain is not None:
            y = y * gain
        if bias is not None:
            y = y + bias
        return y.flatten(2) if self.heads > 1 else y

    def _normal_among(self, x: Tensor, own: Tensor) -> Tensor:
        """x [B, n, M, C], all that each site reads; own [n]: which of the M is the site itself."""
        import torch

        if self.kind == "layer":
            x = x - x.mean((2, 3), keepdim=True)
        mine = x[:, torch.arange(len(own), device=own.device), own]
        return mine * (x.square().mean((2, 3)) + self.epsilon).rsqrt()[..., None]

    def style(self, node: Node) -> Style:
        return Style("norm", f"over {self.over}" if self.heads == 1 else f"of {self.heads} heads")
