"""A decoder of ten layers, each with a mask of its own."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Layer(nn.Module):
    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.heads = nn.Linear(width, 3 * width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.reach = reach

    def forward(self, h: Tensor) -> Tensor:
        q, k, v = self.heads(self.norm(h)).chunk(3, -1)
        allowed = torch.ones(h.shape[1], h.shape[1], dtype=torch.bool).tril(self.reach)
        h = h + F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return h + self.mlp(h)


class Decoder(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.layers = nn.ModuleList(Layer(width, reach=0) for _ in range(10))
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.tokens(x)
        for layer in self.layers:
            h = layer(h)
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
