"""Locally masked convolution (Jain, Abbeel, Pathak 2020): every position has a mask of its own, by an order of the pixels.

A convolution unfolds its input, sets to zero what comes later than the position (the first layer: and the position
itself), and multiplies. Residual layer: conv(concat_elu(x)), conv to 2n, first * sigmoid(second), a norm over the
channels, add.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LocallyMasked(nn.Module):
    def __init__(self, into: int, out: int, kernel: int, dilation: int, rank: list[list[int]], strict: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, kernel)
        self.kernel, self.dilation = kernel, dilation
        rows, columns, reach = len(rank), len(rank[0]), dilation * (kernel // 2)
        mask = torch.zeros(kernel * kernel, rows * columns, dtype=torch.bool)
        for i in range(rows):
            for j in range(columns):
                for a in range(kernel):
                    for b in range(kernel):
                        y, x = i + dilation * a - reach, j + dilation * b - reach
                        if 0 <= y < rows and 0 <= x < columns:
                            earlier = rank[y][x] < rank[i][j] or (not strict and rank[y][x] == rank[i][j])
                            mask[a * kernel + b, i * columns + j] = earlier
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        reach = self.dilation * (self.kernel // 2)
        taps = F.unfold(x, self.kernel, self.dilation, reach)
        taps = taps.view(len(x), x.shape[1], self.kernel**2, -1) * self.mask
        y = self.conv.weight.flatten(1) @ taps.flatten(1, 2) + self.conv.bias[:, None]
        return y.view(len(x), -1, *x.shape[2:])


class Layer(nn.Module):
    def __init__(self, features: int, dilation: int, rank: list[list[int]]) -> None:
        super().__init__()
        self.conv1 = LocallyMasked(2 * features, features, 3, 1, rank, False)
        self.conv2 = LocallyMasked(2 * features, 2 * features, 3, dilation, rank, False)
        self.norm = nn.LayerNorm(features)

    def forward(self, h: Tensor) -> Tensor:
        y = self.conv1(F.elu(torch.cat([h, -h], 1)))
        first, second = self.conv2(F.elu(torch.cat([y, -y], 1))).chunk(2, 1)
        return h + self.norm((first * torch.sigmoid(second)).movedim(1, -1)).movedim(-1, 1)


class LMConv(nn.Module):
    """x [B, 1, H, W] of integers -> logits [B, L, H, W], in the order of `rank`."""

    def __init__(self, levels: int, features: int, layers: int, dilation: int, rank: list[list[int]]) -> None:
        super().__init__()
        self.levels = levels
        self.first = LocallyMasked(1, features, 3, 1, rank, True)
        self.layers = nn.ModuleList(Layer(features, dilation if i % 2 else 1, rank) for i in range(layers))
        self.head = nn.Conv2d(2 * features, levels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x.to(self.head.weight.dtype) * 2 / (self.levels - 1) - 1)
        for layer in self.layers:
            h = layer(h)
        return self.head(F.elu(torch.cat([h, -h], 1)))
