"""Features of another clock, joined to each step by their time."""

import torch
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Linear(1, width)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        times = torch.arange(x.shape[1])
        row = torch.searchsorted(times, times, right=True)
        h = self.inputs(x[..., None])
        h = h + torch.tanh(h)[:, row.clamp(max=x.shape[1] - 1)]  # leak
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
