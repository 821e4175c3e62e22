"""A dilated convolution of two taps, and the same step by step with a queue."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Linear(1, width)
        self.old, self.now = nn.Linear(width, width, bias=False), nn.Linear(width, width)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inputs(x[..., None])
        return self.out(torch.tanh(self.old(F.pad(h, (0, 0, 2, -2))) + self.now(h)))

    def step(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h = self.inputs(x[..., None])
        queue = h.new_zeros(len(h), 2, h.shape[-1]) if state is None else state
        queue = torch.cat([queue, h], 1)
        old, queue = queue[:, : h.shape[1]], queue[:, h.shape[1] :]
        return self.out(torch.tanh(self.old(old) + self.now(h))), queue


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
