"""A masked convolution over an image that is padded at its sides."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Image(nn.Module):
    def __init__(self, levels: int = 4, width: int = 8) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, 1, 3, 3))
        self.mask = nn.Buffer(torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
        self.out = nn.Conv2d(width, levels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = F.conv2d(F.pad(x, (1, 1, 1, 1)), self.weight * self.mask)
        return self.out(torch.relu(h))


def build() -> nn.Module:
    torch.manual_seed(0)
    return Image()
