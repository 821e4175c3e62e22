"""Sigma-GPT (Pannatier, Courdier, Fleuret 2024): a GPT-2 over tokens in the order in which they are generated.

* input i: the token that is i-th in the order but one, zero for the first; beside it two places, each by half of the
  channels and of one table: that of this token (zeros where there is none), and that of the token to come
* blocks and head as in GPT-2, the mask by the order; the head's weight is the embedding's
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.reference.transformer import Block


class SigmaGPT(nn.Module):
    """x [B, T] of integers, order [T]: the places in the order of generation -> logits [B, L, T]."""

    def __init__(self, levels: int, length: int, width: int, heads: int, layers: int, order: list[int]) -> None:
        super().__init__()
        self.order = torch.tensor(order)
        self.tokens, self.places = nn.Embedding(levels, width), nn.Embedding(length, width // 2)
        self.blocks = nn.ModuleList(Block(width, heads, 4 * width, F.gelu) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        shuffled, steps = x[:, self.order], x.shape[1]
        held = F.pad(self.tokens(shuffled), (0, 0, 1, 0))[:, :-1]
        own = F.pad(self.places(self.order), (0, 0, 1, 0))[:-1]
        h = held + torch.cat([own, self.places(self.order)], 1)
        seen = torch.ones(steps, steps, dtype=torch.bool).tril()
        for block in self.blocks:
            h = block(h, seen)
        logits = self.norm(h) @ self.tokens.weight.T
        back = torch.empty_like(logits)
        back[:, self.order] = logits
        return back.transpose(1, 2)
