"""Means of pairs of steps, given to both steps again."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Conv1d(1, width, 1)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.inputs(x[:, None]))
        h = h + F.avg_pool1d(F.pad(h, (1, 0)), 2, ceil_mode=True).repeat_interleave(2, -1)[..., : x.shape[1]]
        return self.out(h.mT)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
