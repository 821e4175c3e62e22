"""Masked convolutions over a grey image: the first leaves the pixel itself out, the second does not."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Masked(nn.Conv2d):
    def __init__(self, features: int, out: int, own: bool) -> None:
        super().__init__(features, out, 3, padding=1)
        self.mask = nn.Buffer(torch.tensor([[1.0, 1.0, 1.0], [1.0, float(own), 0.0], [0.0, 0.0, 0.0]]))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=1)


def build() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(Masked(1, 8, own=False), nn.ReLU(), Masked(8, 4, own=True))
