"""Every second step by a strided convolution, then all steps by a transposed one, cut to length."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Conv1d(1, width, 1)
        self.down = nn.Conv1d(width, width, 2, stride=2)
        self.up = nn.ConvTranspose1d(width, width, 4, stride=2)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inputs(x[:, None])
        low = torch.relu(self.down(F.pad(h, (1, 0))))
        h = h + self.up(low)[..., : x.shape[1]]
        return self.out(h.mT)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
