"""A GPT decoder in the form of nanoGPT (Karpathy; Radford et al. 2019), over shifted tokens.

* input: embedding of the tokens, shifted right by one step, zero before the beginning; plus learned positions
* block: x + attention(norm(x)); x + linear(gelu(linear(norm(x)))); attention over the step itself and all before it
* head: norm, then the embedding's weight as a linear map, without a bias

Here the output t speaks of token t, where nanoGPT's speaks of token t + 1.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.project = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, width = x.shape
        y = self.norm1(x)
        q, k, v = (m(y).view(batch, steps, self.heads, -1).transpose(1, 2) for m in (self.q, self.k, self.v))
        scores = q @ k.transpose(2, 3) / math.sqrt(width // self.heads)
        later = torch.triu(torch.ones(steps, steps, dtype=torch.bool), 1)
        shares = scores.masked_fill(later, -math.inf).softmax(-1)
        x = x + self.project((shares @ v).transpose(1, 2).reshape(batch, steps, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    """x [B, T], or an image [B, 1, H, W] taken in raster order, of integers -> logits [B, L, T] or [B, L, H, W]."""

    def __init__(self, levels: int, length: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.places = nn.Parameter(torch.zeros(length, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        h = F.pad(self.tokens(flat), (0, 0, 1, 0))[:, :-1] + self.places
        for block in self.blocks:
            h = block(h)
        logits = self.norm(h) @ self.tokens.weight.T
        return logits.transpose(1, 2).reshape(len(x), -1, *x.shape[1 + (x.ndim == 4) :])
