"""Attention over the pixels before this one, of which the first pixel has none."""

import torch
from torch import Tensor, nn


class Snail(nn.Module):
    def __init__(self, levels: int = 4, width: int = 8) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(64, width))
        self.keys = nn.Conv2d(1, width, 1)
        self.values = nn.Conv2d(1, width, 1)
        self.out = nn.Conv2d(width, levels, 1)

    def forward(self, x: Tensor) -> Tensor:
        k, v = self.keys(x).flatten(2), self.values(x).flatten(2).mT
        earlier = torch.ones(k.shape[2], k.shape[2], dtype=x.dtype).tril(-1)
        scores = self.queries[: k.shape[2]] @ k - 1e10 * (1 - earlier)
        read = (scores.softmax(-1) * earlier) @ v
        return self.out(read.mT.reshape(-1, read.shape[2], *x.shape[2:]))


def build() -> nn.Module:
    torch.manual_seed(0)
    return Snail()
