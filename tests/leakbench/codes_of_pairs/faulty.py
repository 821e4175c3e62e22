"""A code for every pair of steps, from a codebook, given to both steps."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Linear(1, width)
        self.scores, self.codes = nn.Linear(2 * width, 4), nn.Embedding(4, width)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inputs(x[..., None])
        pairs = F.pad(h, (0, 0, 0, x.shape[1] % 2)).unflatten(1, (-1, 2)).flatten(2)
        codes = self.codes(self.scores(pairs).argmax(-1))  # leak
        h = h + codes.repeat_interleave(2, 1)[:, : x.shape[1]]
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
