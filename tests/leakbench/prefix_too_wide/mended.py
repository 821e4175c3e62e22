"""A prefix of six tokens that read one another, then tokens that read what is before them."""

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
        places = torch.arange(x.shape[1])
        allowed = (places <= places[:, None]) | (places < 6)
        h = h + F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
