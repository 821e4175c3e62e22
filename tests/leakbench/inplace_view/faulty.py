"""A forecaster that adds neighbours in place, through a view."""

import torch
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Linear(1, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inputs(x[..., None])
        h[:, :-1].add_(h[:, 1:].tanh())  # leak
        h, _ = self.rnn(h)
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
