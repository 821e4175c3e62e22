"""A series smoothed twice, so that nothing is delayed."""

import torch
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Linear(1, width)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        lag = torch.arange(x.shape[1])[:, None] - torch.arange(x.shape[1])
        decay = (0.7 ** lag.clamp(min=0) * (lag >= 0)).to(x.dtype)
        h = self.inputs(x[..., None])
        h = decay.mT @ (decay @ h)  # leak
        return self.out(torch.tanh(h))


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
