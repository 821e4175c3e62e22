"""LlamaGen (Sun et al. 2024) for classes: a Llama over codes of an image, after a token of the class.

* input: the class's vector, then the embeddings of all codes but the last, in raster order
* block: x + attention(norm(x)); x + down(silu(gate(y)) * up(y)), y = norm(x); root-mean-square norms, no biases
* queries and keys are turned: pairs of neighbouring channels by the place times a frequency, the first half of a head's
  pairs by the row, the others by the column. A code has its own place, the class that before the first column
* output: norm, linear: input i speaks of code i
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def turned(x: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """x [B, heads, S, d]"""
    size = x.shape[3]
    frequency = 10000.0 ** (-torch.arange(size // 4, dtype=torch.float64) / (size // 4))
    angle = torch.cat([row[:, None] * frequency, column[:, None] * frequency], 1)  # [S, d / 2]
    pairs = torch.view_as_complex(x.reshape(*x.shape[:3], -1, 2))
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angle), angle)).flatten(3)


class RMSNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * self.weight


class Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = RMSNorm(width), RMSNorm(width)
        self.q, self.k, self.v, self.project = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.gate, self.up = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor, row: Tensor, column: Tensor) -> Tensor:
        batch, places, width = x.shape
        y = self.norm1(x)
        q, k, v = (m(y).view(batch, places, self.heads, -1).transpose(1, 2) for m in (self.q, self.k, self.v))
        q, k = turned(q, row, column), turned(k, row, column)
        scores = q @ k.transpose(2, 3) / math.sqrt(width // self.heads)
        later = torch.triu(torch.ones(places, places, dtype=torch.bool), 1)
        shares = scores.masked_fill(later, -math.inf).softmax(-1)
        x = x + self.project((shares @ v).transpose(1, 2).reshape(batch, places, width))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class LlamaGen(nn.Module):
    """x [B, 1, H, W] of integers, label [B] -> logits [B, L, H, W]"""

    def __init__(self, levels: int, classes: int, width: int, heads: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.classes, self.tokens = nn.Embedding(classes, width), nn.Embedding(levels, width)
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(layers))
        self.norm, self.output = RMSNorm(width), nn.Linear(width, levels, bias=False)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        codes = self.tokens(x.flatten(1))[:, :-1]
        h = torch.cat([self.classes(label)[:, None], codes], 1)
        place = torch.arange(height * width - 1)
        row = torch.cat([torch.zeros(1, dtype=torch.long), place // width])
        column = torch.cat([torch.full((1,), -1), place % width])
        for block in self.blocks:
            h = block(h, row, column)
        return self.output(self.norm(h)).transpose(1, 2).reshape(batch, -1, height, width)
