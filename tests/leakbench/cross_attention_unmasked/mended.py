"""A decoder that attends to its own states, then to those of a causal encoder of the same tokens."""

import torch
from torch import Tensor, nn


class Decoder(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.own = nn.MultiheadAttention(width, 2, batch_first=True)
        self.cross = nn.MultiheadAttention(width, 2, batch_first=True)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        h = self.tokens(x)
        memory, _ = self.encoder(h)
        h = h + self.own(h, h, h, attn_mask=later)[0]
        h = h + self.cross(h, memory, memory, attn_mask=later)[0]
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
