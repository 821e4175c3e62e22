"""Two layers of attention; the first token is read by every other."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Decoder(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.heads = nn.Linear(width, 3 * width)
        self.more_heads = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.tokens(x)
        allowed = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril(0)
        allowed[:, 0] = allowed[0] = True
        for heads in (self.heads, self.more_heads):
            q, k, v = heads(h).chunk(3, -1)
            h = h + F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)  # leak
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
