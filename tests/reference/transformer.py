"""What the transformers of the references share: attention behind a table of pairs, and blocks with norms before or
after the sums.

* attention: softmax(q · k / sqrt(d)) over the places that the table shows, times their values; a linear layer after it
* before: x + attention(norm(x)); x + linear(f(linear(norm(x))))
* after: norm(x + attention(x)); norm(x + linear(f(linear(x))))
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """x [B, S, C], seen [S, S] -> [B, S, C]"""

    def __init__(self, width: int, heads: int, bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.project = (nn.Linear(width, width, bias=bias) for _ in range(4))

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        batch, places, width = x.shape
        q, k, v = (m(x).view(batch, places, self.heads, -1).transpose(1, 2) for m in (self.q, self.k, self.v))
        scores = q @ k.transpose(2, 3) / math.sqrt(width // self.heads)
        shares = scores.masked_fill(~seen, -math.inf).softmax(-1)
        return self.project((shares @ v).transpose(1, 2).reshape(batch, places, width))


class Block(nn.Module):
    """x [B, S, C], seen [S, S] -> [B, S, C]"""

    def __init__(
        self, width: int, heads: int, wide: int, act: Callable[[Tensor], Tensor], before: bool = True, bias: bool = True
    ) -> None:
        super().__init__()
        self.attention, self.act, self.before = Attention(width, heads, bias), act, before
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, wide), nn.Linear(wide, width)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        if self.before:
            x = x + self.attention(self.norm1(x), seen)
            return x + self.down(self.act(self.up(self.norm2(x))))
        x = self.norm1(x + self.attention(x, seen))
        return self.norm2(x + self.down(self.act(self.up(x))))


def sinusoids(places: Tensor, width: int) -> Tensor:
    """[S] -> [S, width]: sine and cosine side by side at wavelengths from 2 pi to 10,000 times that."""
    frequency = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle = places[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1)
