"""Every second step, worked on and brought back to full length."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Conv1d(1, width, 1)
        self.conv = nn.Conv1d(width, width, 3)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inputs(x[:, None])
        low = torch.relu(self.conv(F.pad(h[..., ::2], (2, 0))))
        h = h + F.interpolate(low, scale_factor=2, mode="nearest")[..., : x.shape[1]]
        return self.out(h.mT)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
