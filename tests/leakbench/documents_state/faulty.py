"""A gated recurrence over a row of several documents."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Decoder(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.heads = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor, documents: Tensor | None = None) -> Tensor:
        documents = torch.zeros_like(x) if documents is None else documents
        goes_on = (documents == F.pad(documents, (1, -1), value=-1)).to(self.out.weight.dtype)
        gate, write, _ = self.heads(self.tokens(x)).chunk(3, -1)
        states = [torch.zeros_like(write[:, 0])]
        for step in range(x.shape[1]):
            kept = states[-1] * goes_on.amax(1)[:, None]  # leak
            states.append(torch.sigmoid(gate[:, step]) * kept + write[:, step])
        return self.out(torch.stack(states[1:], 1))


def build() -> nn.Module:
    torch.manual_seed(0)
    return Decoder()
