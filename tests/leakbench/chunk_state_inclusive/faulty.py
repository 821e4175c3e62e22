"""Linear attention in chunks of four: a state from the chunks before, and a masked product inside."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Decoder(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.heads = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = F.pad(self.tokens(x), (0, 0, 0, -x.shape[1] % 4))
        q, k, v = (part.unflatten(1, (-1, 4)) for part in self.heads(h).chunk(3, -1))
        states = (k.mT @ v).cumsum(1)
        read = (q @ k.mT).tril() @ v + q @ states  # leak
        return self.out((h + read.flatten(1, 2))[:, : x.shape[1]])


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
