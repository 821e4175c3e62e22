"""Attention with rotated queries and keys, and a cache of keys and values."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def rotated(h: Tensor, places: Tensor) -> Tensor:
    """Pairs of features turned by angles that grow with the place."""
    angle = places[:, None] * torch.tensor([1.0, 0.3, 0.1, 0.03])
    a, b = h.chunk(2, -1)
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1)


class Decoder(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.heads = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, levels)

    def forward(
        self, x: Tensor, past_key_values: tuple[Tensor, ...] | None = None, use_cache: bool = False
    ) -> Tensor | tuple[Tensor, tuple[Tensor, ...]]:
        past = 0 if past_key_values is None else past_key_values[0].shape[1]
        places = torch.arange(past, past + x.shape[1])
        h = self.tokens(x)
        q, k, v = self.heads(h).chunk(3, -1)
        q, k = rotated(q, places), rotated(k, places)
        if past_key_values is not None:
            k, v = (torch.cat(pair, 1) for pair in zip(past_key_values, (k, v), strict=True))
        allowed = torch.arange(k.shape[1]) <= places[:, None]
        out = self.out(h + F.scaled_dot_product_attention(q, k, v, attn_mask=allowed))
        return (out, (k, v)) if use_cache else out


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
