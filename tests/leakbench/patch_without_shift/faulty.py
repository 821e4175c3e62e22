"""A recurrence over patches of four steps; the outputs of a patch come from the patches before."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Linear(1, width)
        self.rnn = nn.GRU(4 * width, 4 * width, batch_first=True)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h, t = self.inputs(x[..., None]), x.shape[1]
        patches = F.pad(h, (0, 0, 0, -t % 4)).unflatten(1, (-1, 4)).flatten(2)
        patches, _ = self.rnn(patches)  # leak
        return self.out(patches.unflatten(2, (4, -1)).flatten(1, 2)[:, :t])


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
