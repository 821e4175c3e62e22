"""PixelCNN++ (Salimans, Karpathy, Chen, Kingma 2017) as one forward pass of plain convolutions, weight norm multiplied
out beforehand: the module that a sampler by hand runs once for every pixel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tools.benchmarks.plain.weights import weights_of

DOWN = (1, 1, 1, 0)  # zeros left, right, above, below: reads rows above and its own, to both sides
RIGHT = (1, 0, 1, 0)  # rows above and its own, to the left


def concat_elu(x: Tensor) -> Tensor:
    return F.elu(torch.cat([x, -x], 1))


class PixelCNNpp:
    """Two streams, u (rows above) and ul (rows above and what is to the left), through three resolutions and back."""

    def __init__(self, model: Any) -> None:
        self.levels: int = model.spec.data.levels
        self.resnets: int = model.spec.params["resnets"]
        self.weights = weights_of(model)

    def conv(self, name: str, x: Tensor, padding: tuple[int, int, int, int] = (0, 0, 0, 0), stride: int = 1) -> Tensor:
        w = self.weights[name]
        return F.conv2d(F.pad(x, padding) if any(padding) else x, w["weight"], w["bias"], stride)

    def twice(self, name: str, x: Tensor, left: int) -> Tensor:
        """A transposed convolution of stride 2, cropped to twice the size."""
        w = self.weights[name]
        y = F.conv_transpose2d(x, w["weight"].transpose(0, 1), w["bias"], 2, output_padding=1)
        return y[:, :, : 2 * x.shape[2], left : left + 2 * x.shape[3]]

    def resnet(self, name: str, x: Tensor, a: Tensor | None, padding: tuple[int, int, int, int]) -> Tensor:
        c = self.conv(f"{name}.conv1", concat_elu(x), padding)
        if a is not None:
            c = c + self.conv(f"{name}.a_conv", concat_elu(a))
        first, second = self.conv(f"{name}.conv2", concat_elu(c), padding).chunk(2, 1)
        return x + first * torch.sigmoid(second)

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> Tensor:
        """x [B, C, H, W] of integers -> parameters [B, K, H, W]."""
        scaled = 2 * x.to(self.weights["logits"]["weight"].dtype) / (self.levels - 1) - 1
        x = torch.cat([scaled, torch.ones_like(scaled[:, :1])], 1)
        u = F.pad(self.conv("u_conv", x, DOWN), (0, 0, 1, 0))[:, :, :-1]
        above = F.pad(self.conv("above", x, (1, 1, 0, 0)), (0, 0, 1, 0))[:, :, :-1]
        ul = above + F.pad(self.conv("beside", x, (0, 0, 1, 0)), (1, 0))[:, :, :, :-1]
        us, uls = [u], [ul]
        for k in range(3):
            for i in range(self.resnets):
                us.append(u := self.resnet(f"up{k}.body.{i}.du", u, None, DOWN))
                uls.append(ul := self.resnet(f"up{k}.body.{i}.dul", ul, u, RIGHT))
            if k < 2:
                us.append(u := self.conv(f"half{k}.du", u, DOWN, 2))
                uls.append(ul := self.conv(f"half{k}.dul", ul, RIGHT, 2))
        u, ul = us.pop(), uls.pop()
        for k in (2, 1, 0):
            for i in range(self.resnets + (k < 2)):
                u = self.resnet(f"down{k}.{i}.du", u, us.pop(), DOWN)
                ul = self.resnet(f"down{k}.{i}.dul", ul, torch.cat([u, uls.pop()], 1), RIGHT)
            if k:
                u, ul = self.twice(f"twice{k - 1}.du", u, 1), self.twice(f"twice{k - 1}.dul", ul, 0)
        return self.conv("logits", F.elu(ul))
