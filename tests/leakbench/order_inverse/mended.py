"""A recurrence along an order of its own, and outputs at their places again."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Linear(1, width)
        self.order = nn.Buffer(torch.tensor([3, 7, 0, 5, 9, 2, 8, 1, 6, 4]))
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.rnn(F.pad(self.inputs(x[..., None])[:, self.order], (0, 0, 1, -1)))
        return self.out(h[:, self.order.argsort()])


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
