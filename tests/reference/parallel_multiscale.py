"""Pixels in groups (after Reed et al. 2017, "Parallel Multiscale Autoregressive Density Estimation"): the image in
cells of f x f pixels, and the pixels of one phase, (row mod f, column mod f), speak at once,
phase after phase in raster order.

* first: 9 x 9 convolution of the image, scaled to [-1, 1], to n features; only pixels of earlier phases; plus a learned
  vector for every place
* layers: ReLU, 9 x 9 to 2n that reads pixels of earlier phases and of the own phase, ``tanh(a) * sigmoid(b)``, 1 x 1,
  plus the layer's input
* output: 1 x 1 of the ReLU

A masked convolution runs once for each phase, over the input with the later phases set to zero, and keeps the outputs
of its phase.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PhaseConv(nn.Module):
    """A 9 x 9 convolution whose outputs read what lies in earlier phases, and in their own unless ``strict``."""

    def __init__(self, inputs: int, outputs: int, phases: int, strict: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 9, padding=4)
        self.phases, self.strict = phases, strict

    def forward(self, x: Tensor) -> Tensor:
        f = self.phases
        result = x.new_zeros(len(x), self.conv.out_channels, *x.shape[2:])
        seen = torch.zeros_like(x)
        for row in range(f):
            for column in range(f):
                phase = (slice(None), slice(None), slice(row, None, f), slice(column, None, f))
                if self.strict:
                    result[phase] = self.conv(seen)[phase]
                seen[phase] = x[phase]
                if not self.strict:
                    result[phase] = self.conv(seen)[phase]
        return result


class Layer(nn.Module):
    def __init__(self, features: int, phases: int) -> None:
        super().__init__()
        self.conv1 = PhaseConv(features, 2 * features, phases, strict=False)
        self.conv2 = nn.Conv2d(features, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.conv1(F.relu(x)).chunk(2, dim=1)
        return x + self.conv2(torch.tanh(a) * torch.sigmoid(b))


class ParallelMultiscale(nn.Module):
    """x [B, C, H, W] of integers -> [B, outputs, H, W]."""

    def __init__(
        self, channels: int, levels: int, size: int, features: int, layers: int, phases: int, outputs: int
    ) -> None:
        super().__init__()
        self.levels = levels
        self.first = PhaseConv(channels, features, phases, strict=True)
        self.places = nn.Parameter(torch.zeros(features, size, size))
        self.layers = nn.ModuleList(Layer(features, phases) for _ in range(layers))
        self.output = nn.Conv2d(features, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(2 * x.to(self.places.dtype) / (self.levels - 1) - 1) + self.places
        for layer in self.layers:
            h = layer(h)
        return self.output(F.relu(h))
