"""A causal convolution and a recurrence, for rows that are padded."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Decoder(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.heads = nn.Linear(width, 3 * width)
        self.conv = nn.Conv1d(width, width, 3)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        real = torch.ones_like(x) if attention_mask is None else attention_mask
        h = self.tokens(x)
        h = torch.tanh(self.conv(F.pad(h.mT, (2, 0)))).mT * real[..., None]  # leak
        return self.out(h + 0.5 * h.cumsum(1))


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
