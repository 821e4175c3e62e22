"""Linear attention: running sums of keys times values, divided by a sum of keys."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Decoder(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.heads = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.tokens(x)
        q, k, v = self.heads(h).chunk(3, -1)
        q, k = F.elu(q) + 1, F.elu(k) + 1
        read = torch.einsum("btc,btcd->btd", q, (k[..., None] * v[..., None, :]).cumsum(1))
        h = h + read / (q * k.cumsum(1)).sum(-1, keepdim=True)
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
