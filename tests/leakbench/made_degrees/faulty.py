"""Two masked linear maps; a unit of degree d reads variables up to d."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Made(nn.Module):
    def __init__(self, variables: int = 12, hidden: int = 24) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(variables, hidden), nn.Linear(hidden, variables)
        own, degrees = torch.arange(variables), torch.arange(hidden) % (variables - 1)
        self.into = nn.Buffer((degrees[:, None] >= own).float())
        self.onto = nn.Buffer((own[:, None] >= degrees).float())

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(F.linear(x, self.first.weight * self.into, self.first.bias))
        return F.linear(h, self.second.weight * self.onto, self.second.bias)  # leak


def build() -> nn.Module:
    torch.manual_seed(0)
    return Made()
