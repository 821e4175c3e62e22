"""Locally masked convolution (Jain, Abbeel, Pathak 2020), in the form of the authors' code, with a free output layer: a
PixelCNN++ of one stream, every position of whose convolutions has a mask of its own, by an order of the pixels.

* convolution: unfolds its input, sets to zero what comes later than the position (the first one: and the position
  itself), and multiplies
* norm: over the channels of a position, here with gains and biases
* first: of the image scaled to [-1, 1] and a channel of ones; norm
* gated_resnet(x, a): norm(conv(concat_elu(x))); plus 1 x 1 of concat_elu(a) where a is given; concat_elu, dropout, conv
  to 2n; x + norm(first half) * sigmoid(second half)
* up: three stages of nr layers, between them a dilated convolution and a norm; every output goes on a stack
* down: starts from the top of the stack; nr, nr + 1, nr + 1 layers, each with a = popped; between them the same
* output: 1 x 1 of elu(u); it and the 1 x 1 of a have weight norm. The stack is then empty
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm as normalised

Ranks = list[list[int]]


def concat_elu(x: Tensor) -> Tensor:
    return F.elu(torch.cat([x, -x], 1))


class LocallyMasked(nn.Module):
    def __init__(self, into: int, out: int, kernel: int, rank: Ranks, dilation: int = 1, strict: bool = False) -> None:
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
        self.mask = nn.Buffer(mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        reach = self.dilation * (self.kernel // 2)
        taps = F.unfold(x, self.kernel, self.dilation, reach)
        taps = taps.view(len(x), x.shape[1], self.kernel**2, -1) * self.mask
        assert self.conv.bias is not None
        y = self.conv.weight.flatten(1) @ taps.flatten(1, 2) + self.conv.bias[:, None]
        return y.view(len(x), -1, *x.shape[2:])


class Norm(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


class GatedResnet(nn.Module):
    def __init__(self, filters: int, kernel: int, rank: Ranks, skip: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv1, self.norm1 = LocallyMasked(2 * filters, filters, kernel, rank), Norm(filters)
        self.extra = normalised(nn.Conv2d(2 * filters, filters, 1), dim=0) if skip else None
        self.dropout = nn.Dropout(dropout)
        self.conv2, self.norm2 = LocallyMasked(2 * filters, 2 * filters, kernel, rank), Norm(filters)

    def forward(self, x: Tensor, a: Tensor | None = None) -> Tensor:
        y = self.norm1(self.conv1(concat_elu(x)))
        if self.extra is not None:
            assert a is not None
            y = y + self.extra(concat_elu(a))
        first, second = self.conv2(self.dropout(concat_elu(y))).chunk(2, 1)
        return x + self.norm2(first) * torch.sigmoid(second)


class LMConv(nn.Module):
    """x [B, 1, H, W] of integers -> [B, outputs, H, W], in the order of `rank`."""

    def __init__(
        self, levels: int, filters: int, resnets: int, kernel: int, dilation: int, outputs: int, rank: Ranks
    ) -> None:
        super().__init__()
        self.levels = levels

        def stage(count: int, skip: bool) -> nn.ModuleList:
            return nn.ModuleList(GatedResnet(filters, kernel, rank, skip) for _ in range(count))

        self.first, self.norm = LocallyMasked(2, filters, kernel, rank, strict=True), Norm(filters)
        self.up = nn.ModuleList(stage(resnets, skip=False) for _ in range(3))
        self.down = nn.ModuleList(stage(count, skip=True) for count in (resnets, resnets + 1, resnets + 1))
        self.wide = nn.ModuleList(LocallyMasked(filters, filters, kernel, rank, dilation) for _ in range(4))
        self.wide_norms = nn.ModuleList(Norm(filters) for _ in range(4))
        self.output = normalised(nn.Conv2d(filters, outputs, 1), dim=0)

    def forward(self, x: Tensor) -> Tensor:
        image = x.to(self.first.conv.weight.dtype) * 2 / (self.levels - 1) - 1
        stack = [self.norm(self.first(torch.cat([image, torch.ones_like(image)], 1)))]
        for k, stage in enumerate(self.up):
            for layer in cast(nn.ModuleList, stage):
                stack.append(layer(stack[-1]))
            if k < 2:
                stack.append(self.wide_norms[k](self.wide[k](stack[-1])))
        u = stack.pop()
        for k, stage in enumerate(self.down):
            for layer in cast(nn.ModuleList, stage):
                u = layer(u, stack.pop())
            if k < 2:
                u = self.wide_norms[2 + k](self.wide[2 + k](u))
        if stack:
            raise RuntimeError("the way down must use every output of the way up")
        return self.output(F.elu(u))
