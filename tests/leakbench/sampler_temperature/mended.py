"""A recurrent model and its sampler, token by token."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Sampled(nn.Module):
    def __init__(self, levels: int = 4, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.rnn(F.pad(self.tokens(x), (0, 0, 1, -1)))
        return self.out(h)

    def sample(self, n: int) -> Tensor:
        x = torch.zeros(n, 4, dtype=torch.long)
        for t in range(4):
            logits = self(x)[:, t]
            x[:, t] = logits.softmax(-1).multinomial(1)[:, 0]
        return x


def build() -> nn.Module:
    torch.manual_seed(0)
    module = Sampled()
    with torch.no_grad():
        module.tokens.weight.mul_(3.0)
        module.out.weight.mul_(4.0)
    return module
