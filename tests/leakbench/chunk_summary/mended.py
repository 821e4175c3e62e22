"""Means of chunks of four steps, as a summary for every step."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Linear(1, width)
        self.link = nn.Linear(width, width)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h, t = self.inputs(x[..., None]), x.shape[1]
        chunks = torch.tanh(F.pad(h, (0, 0, 0, -t % 4)).unflatten(1, (-1, 4)))
        mean = chunks.mean(2, keepdim=True)
        h = h + self.link(F.pad(mean, (0, 0, 0, 0, 1, -1))).expand_as(chunks).flatten(1, 2)[:, :t]
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
