"""A masked convolution of four taps, padded so that its length is kept; the mask leaves what is before."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Conv1d(1, width, 1)
        self.weight = nn.Parameter(torch.randn(width, width, 4) / 4)
        self.mask = nn.Buffer((torch.arange(4) < 4 // 2).float())
        self.conv = nn.Conv1d(width, width, 3)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inputs(x[:, None])
        h = F.conv1d(F.pad(h, (1, 2)), self.weight * self.mask)  # leak
        h = self.conv(F.pad(torch.relu(h), (2, 0)))
        return self.out(h.mT)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
