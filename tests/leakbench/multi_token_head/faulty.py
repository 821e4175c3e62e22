"""A decoder with two heads: for the next token, and, given that one, for the token after it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Decoder(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.heads = nn.Linear(width, 3 * width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.second = nn.Linear(2 * width, levels)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h, _ = self.rnn(self.tokens(x))
        following = self.tokens(F.pad(x, (-2, 2)))  # leak
        return self.out(h), self.second(torch.cat([h, following], -1))


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
