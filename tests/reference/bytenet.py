"""ByteNet (Kalchbrenner et al. 2016) for translation by characters, in the form with ReLUs.

* residual block: x + 1 x 1(f(1 x k dilated(f(1 x 1(f(x)))))), f a norm over the channels and a ReLU; 2d -> d -> d -> 2d
* encoder: embedding of the source, blocks whose windows are centred
* decoder: embedding of the target, a step late; beside the encoder's output; 1 x 1; causal blocks
* output: f, 1 x 1 to d, ReLU, 1 x 1
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Norm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(x.transpose(1, 2)).transpose(1, 2))


class Residual(nn.Module):
    def __init__(self, width: int, kernel: int, dilation: int, centred: bool) -> None:
        super().__init__()
        reach = (kernel - 1) * dilation
        self.pad = (reach // 2, reach - reach // 2) if centred else (reach, 0)
        self.norm1, self.norm2, self.norm3 = Norm(2 * width), Norm(width), Norm(width)
        self.reduce, self.expand = nn.Conv1d(2 * width, width, 1), nn.Conv1d(width, 2 * width, 1)
        self.conv = nn.Conv1d(width, width, kernel, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.reduce(self.norm1(x)))
        return x + self.expand(self.norm3(self.conv(F.pad(y, self.pad))))


class ByteNet(nn.Module):
    """x [B, T], source [B, T] of integers -> logits [B, L, T]"""

    def __init__(self, levels: int, source_levels: int, width: int, kernel: int, dilations: list[int]) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(source_levels, 2 * width), nn.Embedding(levels, 2 * width)
        self.encoder = nn.ModuleList(Residual(width, kernel, d, centred=True) for d in dilations)
        self.decoder = nn.ModuleList(Residual(width, kernel, d, centred=False) for d in dilations)
        self.joined, self.norm = nn.Conv1d(4 * width, 2 * width, 1), Norm(2 * width)
        self.hidden, self.output = nn.Conv1d(2 * width, width, 1), nn.Conv1d(width, levels, 1)

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        s = self.source(source.long()).transpose(1, 2)
        for block in self.encoder:
            s = block(s)
        t = F.pad(self.target(x).transpose(1, 2), (1, 0))[:, :, :-1]
        h = self.joined(torch.cat([t, s], 1))
        for block in self.decoder:
            h = block(h)
        return self.output(F.relu(self.hidden(self.norm(h))))
