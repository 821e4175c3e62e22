"""Block-sparse attention: the queries of a block of four read their own block and the one before."""

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
        h = F.pad(self.tokens(x), (0, 0, 0, -x.shape[1] % 4))
        q, k, v = (part.unflatten(1, (-1, 4)) for part in self.heads(h).chunk(3, -1))
        k, v = (torch.cat([F.pad(part, (0, 0, 0, 0, 1, -1)), part], 2) for part in (k, v))
        allowed = torch.arange(8) <= torch.arange(4)[:, None] + 5
        real = (torch.arange(8) >= 4) | (torch.arange(k.shape[1]) > 0)[:, None]
        read = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed & real[:, None])  # leak
        return self.out((h + read.flatten(1, 2))[:, : x.shape[1]])


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
