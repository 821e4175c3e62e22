"""A recurrent language model."""

import torch
from torch import Tensor, nn


class Decoder(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.heads = nn.Linear(width, 3 * width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.rnn(self.tokens(x))
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
