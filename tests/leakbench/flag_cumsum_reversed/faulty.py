"""Each token is told its segment, which a running count of a separator (token 0) numbers."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Decoder(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.heads = nn.Linear(width, 3 * width)
        self.segments = nn.Embedding(4, width)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        segment = (x == 0).flip(1).cumsum(1).flip(1) % 4  # leak
        h = self.tokens(x) + self.segments(segment)
        q, k, v = self.heads(h).chunk(3, -1)
        return self.out(h + F.scaled_dot_product_attention(q, k, v, is_causal=True))


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
