"""A running sum with a backward of its own."""

import torch
from torch import Tensor, nn


class RunningSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, h: Tensor) -> Tensor:
        return h.cumsum(1)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        return grad.flip(1).cumsum(1).flip(1)


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Linear(1, width)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.inputs(x[..., None]))
        return self.out(RunningSum.apply(h))


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
