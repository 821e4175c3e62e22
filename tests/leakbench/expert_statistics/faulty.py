"""Each expert takes the tokens that chose it, centres them, and adds its result."""

import torch
from torch import Tensor, nn


class Experts(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.mix = nn.GRU(width, width, batch_first=True)
        self.router = nn.Linear(width, 3)
        self.experts = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.mix(self.tokens(x))
        flat, added = h.flatten(0, 1), torch.zeros_like(h).flatten(0, 1)
        choice = self.router(flat).argmax(-1)
        for number, expert in enumerate(self.experts):
            rows = (choice == number).nonzero()[:, 0]
            added.index_add_(0, rows, expert(flat[rows] - flat[rows].mean(0, keepdim=True)))  # leak
        return self.out(h + added.reshape(h.shape))


def build() -> nn.Module:
    torch.manual_seed(0)
    return Experts()
