"""A recurrence whose activations are rounded to fifteen levels of their range."""

import torch
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Linear(1, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.rnn(self.inputs(x[..., None]))
        h = (7 * h / h.abs().amax(-1, keepdim=True)).round() * h.abs().amax(-1, keepdim=True) / 7
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
