"""A mixture of experts with room for two tokens each; further ones pass by."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Experts(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.mix = nn.GRU(width, width, batch_first=True)
        self.router = nn.Linear(width, 4)
        self.experts = nn.Linear(width, 4 * width)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.mix(self.tokens(x))
        choice = F.one_hot(self.router(h).argmax(-1), 4)
        place = choice.flatten(0, 1).cumsum(0).reshape(choice.shape)  # leak
        kept = (choice * (place <= 2)).to(h.dtype)
        h = h + (kept[..., None] * self.experts(h).unflatten(-1, (4, -1))).sum(-2)
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Experts()
