"""A mix of each step with the step before, and the same step by step."""

import torch
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Linear(1, width)
        self.share = nn.Parameter(torch.rand(width))
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x, None)[0]

    def step(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        h = self.inputs(x[..., None])
        before = h.new_zeros(len(h), 1, h.shape[-1]) if state is None else state
        moved = torch.cat([before, h[:, :-1]], 1)
        out = self.out(torch.tanh(torch.lerp(h, moved, self.share)))
        return out, moved[:, -1:]  # leak


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
