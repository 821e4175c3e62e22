"""A mix of each step with its neighbour, then a running mean."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Linear(1, width)
        self.share = nn.Parameter(torch.rand(width))
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inputs(x[..., None])
        h = torch.lerp(h, F.pad(h, (0, 0, -1, 1)), self.share)  # leak
        h = h + torch.tanh(h).cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
