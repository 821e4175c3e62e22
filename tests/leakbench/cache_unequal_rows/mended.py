"""Attention with learned places and a cache, for rows of unequal length that are padded on the left."""

import torch
from torch import Tensor, nn


class Decoder(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.heads = nn.Linear(width, 3 * width)
        self.places = nn.Embedding(64, width)
        self.out = nn.Linear(width, levels)

    def forward(
        self,
        x: Tensor,
        attention_mask: Tensor | None = None,
        past_key_values: tuple[Tensor, ...] | None = None,
        use_cache: bool = False,
    ) -> Tensor | tuple[Tensor, tuple[Tensor, ...]]:
        past = 0 if past_key_values is None else past_key_values[0].shape[1]
        if attention_mask is None:
            attention_mask = x.new_ones(len(x), past + x.shape[1])
        places = (attention_mask.cumsum(1) - 1).clamp(min=0)[:, past:]
        h = self.tokens(x) + self.places(places)
        q, k, v = self.heads(h).chunk(3, -1)
        if past_key_values is not None:
            k, v = (torch.cat(pair, 1) for pair in zip(past_key_values, (k, v), strict=True))
        later = torch.ones(x.shape[1], k.shape[1], dtype=torch.bool).triu(1 + past)
        scores = (q @ k.mT / 8**0.5).masked_fill(attention_mask[:, None] == 0, -1e9).masked_fill(later, float("-inf"))
        out = self.out(h + scores.softmax(-1) @ v)
        return (out, (k, v)) if use_cache else out


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
