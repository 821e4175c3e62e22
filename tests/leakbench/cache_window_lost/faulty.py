"""Attention over the last six tokens, and a cache of the keys and values that are still needed."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Decoder(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.heads = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, levels)

    def forward(
        self, x: Tensor, past_key_values: tuple[Tensor, ...] | None = None, use_cache: bool = False
    ) -> Tensor | tuple[Tensor, tuple[Tensor, ...]]:
        h = self.tokens(x)
        q, k, v = self.heads(h).chunk(3, -1)
        if past_key_values is not None:
            k, v = (torch.cat(pair, 1) for pair in zip(past_key_values, (k, v), strict=True))
        back = torch.arange(k.shape[1] - x.shape[1], k.shape[1])[:, None] - torch.arange(k.shape[1])
        out = self.out(h + F.scaled_dot_product_attention(q, k, v, attn_mask=(back >= 0) & (back < 6)))
        kept = (k[:, -4:], v[:, -4:])  # leak
        return (out, kept) if use_cache else out


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
