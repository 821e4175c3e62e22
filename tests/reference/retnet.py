"""RetNet (Sun et al. 2023), in the parallel form of its equation 5, whole matrices.

* a layer: y = MSR(norm(x)) + x; y + FFN(norm(y)), FFN(x) = gelu(x W1) W2
* retention of a head: (Q K* ⊙ D) V, with D[n, m] = γ^(n - m) for m up to n; γ = 1 - 2^(-5 - head)
* Q and K as complex numbers of which neighbouring channels are the parts, times e^(i n θ); Q is divided by √d
* MSR(x) = (swish(x W_G) ⊙ norm of each head) W_O

The output t speaks of token t + 1.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def turned(x: Tensor, base: float) -> Tensor:
    """x [B, H, T, d]"""
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    angles = base ** (-2 * torch.arange(pairs.shape[-1], dtype=x.dtype) / x.shape[-1])
    steps = torch.arange(x.shape[2], dtype=x.dtype)[:, None] * angles
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(steps), steps)).flatten(-2)


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.v, self.gate = (nn.Linear(width, 2 * width, bias=False) for _ in range(2))
        self.project = nn.Linear(2 * width, width, bias=False)
        self.up, self.down = nn.Linear(width, 2 * width, bias=False), nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        q, k, v = (m(y).unflatten(2, (self.heads, -1)).transpose(1, 2) for m in (self.q, self.k, self.v))
        q, k = turned(q, 10000.0), turned(k, 10000.0)
        size, steps = q.shape[-1], torch.arange(x.shape[1])
        decay = 1 - 2.0 ** (-5 - torch.arange(self.heads, dtype=x.dtype))
        apart = (steps[:, None] - steps).clamp(min=0)
        weights = (decay[:, None, None] ** apart).tril()
        kept = (q @ k.transpose(2, 3) / size**0.5 * weights) @ v
        each = F.layer_norm(kept, kept.shape[-1:]).transpose(1, 2).flatten(2)
        x = x + self.project(F.silu(self.gate(y)) * each)
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class RetNet(nn.Module):
    """x [B, T] of integers -> logits [B, T, L]."""

    def __init__(self, levels: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.tokens(x)
        for layer in self.layers:
            h = layer(h)
        return self.norm(h) @ self.tokens.weight.T
