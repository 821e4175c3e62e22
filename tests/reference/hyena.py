"""Hyena of order two (Poli et al. 2023, sections 3.1 to 3.3), with the convolution as the sum over all lags that it is.

* v, x1, x2: each a linear layer, then a causal depthwise convolution of `kernel` steps
* y = W_o (x2 ⊙ (h * (x1 ⊙ v) + D ⊙ x1 ⊙ v))
* h_lag = window(lag) ⊙ FFN(features(lag)), whose layers stand between sines of learned frequencies
* features: lag / (L - 1), then real and imaginary parts of exp(-i 2π f lag / L) with f from 1e-4 to their number - 1
* window: exp(-rate lag / (L - 1)), with rates evenly from -ln(0.01) / 1.5 to -ln(0.01) / 0.3 over the channels

The output t speaks of token t + 1.
"""

import cmath
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Filter(nn.Module):
    def __init__(self, channels: int, width: int, length: int, features: int = 33, depth: int = 4) -> None:
        super().__init__()
        self.length, self.features, self.channels = length, features, channels
        sizes = [features] + [width] * (depth - 1)
        self.layers = nn.ModuleList(nn.Linear(sizes[k], sizes[k + 1]) for k in range(depth - 1))
        self.frequency = nn.Parameter(torch.full((width,), 14.0))
        self.last = nn.Linear(width, channels, bias=False)

    def at(self, lag: int) -> Tensor:
        """[channels]: the weight of a lag."""
        time, bands = lag / max(self.length - 1, 1), self.features // 2
        waves = [cmath.exp(-2j * math.pi * (1e-4 + (bands - 1 - 1e-4) * k / (bands - 1)) * lag / self.length)
                 for k in range(bands)]  # fmt: skip
        h = self.frequency.new_tensor([time, *[w.real for w in waves], *[w.imag for w in waves]])
        for layer in self.layers:
            h = torch.sin(self.frequency * layer(h))
        rates = -math.log(0.01) / torch.tensor([1.5, 0.3], dtype=torch.float64)
        return self.last(h) * torch.exp(-torch.linspace(rates[0], rates[1], self.channels, dtype=h.dtype) * time)


class Operator(nn.Module):
    def __init__(self, width: int, kernel: int, filter_width: int, length: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.into = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.short = nn.ModuleList(nn.Conv1d(width, width, kernel, groups=width) for _ in range(3))
        self.filter, self.skip = Filter(width, filter_width, length), nn.Parameter(torch.zeros(width))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        projected = (into(x).transpose(1, 2) for into in self.into)
        v, x1, x2 = (short(F.pad(p, (self.kernel - 1, 0))).transpose(1, 2)
                     for short, p in zip(self.short, projected, strict=True))  # fmt: skip
        v = v * x1
        y = self.skip * v
        for lag in range(v.shape[1]):
            y = y + self.filter.at(lag) * F.pad(v, (0, 0, lag, 0))[:, : v.shape[1]]
        return self.out(x2 * y)


class Layer(nn.Module):
    def __init__(self, width: int, hidden: int, kernel: int, filter_width: int, length: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.operator = Operator(width, kernel, filter_width, length)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.operator(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Hyena(nn.Module):
    def __init__(
        self, levels: int, width: int, hidden: int, kernel: int, filter_width: int, layers: int, length: int
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(levels, width)
        self.layers = nn.ModuleList(Layer(width, hidden, kernel, filter_width, length) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.tokens(x)
        for layer in self.layers:
            h = layer(h)
        return self.norm(h) @ self.tokens.weight.T
