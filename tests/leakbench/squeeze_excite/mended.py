"""A causal convolution whose channels are gated by their mean."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Conv1d(1, width, 1)
        self.conv = nn.Conv1d(width, width, 3)
        self.gate = nn.Linear(width, width)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inputs(x[:, None])
        h = (h + torch.relu(self.conv(F.pad(h, (2, 0))))).mT
        h = h * torch.sigmoid(self.gate(h.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]))
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
