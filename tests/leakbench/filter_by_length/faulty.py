"""A long convolution whose filter is a function of the place."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Conv1d(1, width, 1)
        self.filter = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width))
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h, t = self.inputs(x[:, None]), x.shape[1]
        places = torch.arange(t, dtype=h.dtype) / t  # leak
        kernel = self.filter(places[:, None]).flip(0).mT[:, None]
        h = h + F.conv1d(F.pad(h, (t - 1, 0)), kernel, groups=8)
        return self.out(h.mT)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
