"""A dilated convolution, padded on both sides and cut to length."""

import torch
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Conv1d(1, width, 1)
        self.conv = nn.Conv1d(width, width, 3, padding=4, dilation=2)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inputs(x[:, None])
        h = h + self.conv(h)[..., :-4]
        return self.out(torch.relu(h).mT)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
