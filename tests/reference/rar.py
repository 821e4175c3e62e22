"""RAR (Yu et al. 2024): a transformer over codes of an image in any order, each told where the next one lies.

* input: the class's vector, then the embeddings of all codes but the last, in the order of generation; plus a vector of
  the code's own place (none for the class), plus one of the place to come
* c: silu of the class's vector, plus one of the place to come
* block: (shift1, scale1, gate1, shift2, scale2, gate2) = linear(c); x + gate1 * attention(norm(x) * (1 + scale1) +
  shift1); x + gate2 * linear(gelu(linear(norm(x) * (1 + scale2) + shift2))); queries and keys have norms of each head
* output: (scale, shift) = linear(c); linear(norm(x) * (1 + scale) + shift)
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def plain(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.adapt = heads, nn.Linear(width, 6 * width)
        self.q, self.k, self.v, self.project = (nn.Linear(width, width) for _ in range(4))
        self.q_norm, self.k_norm = nn.LayerNorm(width // heads), nn.LayerNorm(width // heads)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        batch, places, width = x.shape
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adapt(c).chunk(6, 2)
        y = plain(x) * (1 + scale1) + shift1
        q, k, v = (m(y).view(batch, places, self.heads, -1).transpose(1, 2) for m in (self.q, self.k, self.v))
        scores = self.q_norm(q) @ self.k_norm(k).transpose(2, 3) / math.sqrt(width // self.heads)
        later = torch.triu(torch.ones(places, places, dtype=torch.bool), 1)
        shares = scores.masked_fill(later, -math.inf).softmax(-1)
        x = x + gate1 * self.project((shares @ v).transpose(1, 2).reshape(batch, places, width))
        return x + gate2 * self.down(F.gelu(self.up(plain(x) * (1 + scale2) + shift2)))


class RAR(nn.Module):
    """x [B, 1, H, W] of integers, label [B], order [H * W]: the places in the order of generation -> [B, L, H, W]"""

    def __init__(
        self, levels: int, classes: int, size: int, width: int, heads: int, layers: int, order: list[int]
    ) -> None:
        super().__init__()
        self.order = torch.tensor(order)
        self.start, self.classes = nn.Parameter(torch.zeros(width)), nn.Embedding(classes, width)
        self.tokens = nn.Embedding(levels, width)
        self.there, self.here, self.times = (nn.Embedding(size * size, width) for _ in range(3))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.last_adapt, self.output = nn.Linear(width, 2 * width), nn.Linear(width, levels)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        shuffled = x.flatten(1)[:, self.order]
        token = (self.start + self.classes(label))[:, None]
        h = torch.cat([token, self.tokens(shuffled)[:, :-1]], 1)
        h = h + F.pad(self.there(self.order), (0, 0, 1, 0))[:-1] + self.here(self.order)
        c = F.silu(self.times(self.order) + self.classes(label)[:, None])
        for block in self.blocks:
            h = block(h, c)
        scale, shift = self.last_adapt(c).chunk(2, 2)
        logits = self.output(plain(h) * (1 + scale) + shift)
        back = torch.empty_like(logits)
        back[:, self.order] = logits
        return back.transpose(1, 2).reshape(len(x), -1, *x.shape[2:])
