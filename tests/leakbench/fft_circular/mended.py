"""A long convolution by Fourier transforms."""

import torch
from torch import Tensor, nn


class Series(nn.Module):
    def __init__(self, levels: int = 8, width: int = 8) -> None:
        super().__init__()
        self.inputs = nn.Linear(1, width)
        self.kernel = nn.Parameter(torch.randn(64, width) / 8)
        self.out = nn.Linear(width, levels)

    def forward(self, x: Tensor) -> Tensor:
        h, t = self.inputs(x[..., None]), x.shape[1]
        kernel = self.kernel[:t]
        h = h + torch.fft.irfft(torch.fft.rfft(h, 2 * t, 1) * torch.fft.rfft(kernel, 2 * t, 0), 2 * t, 1)[:, :t]
        return self.out(h)


def build() -> nn.Module:
    torch.manual_seed(0)
    return Series()
