"""Causal convolutions with kernels as long as the sequence: directly, by Fourier transforms, and by transforms of which
no later step has a say in an earlier one, not even by rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arspec.layers.helpers import unseen

if TYPE_CHECKING:
    from torch import Tensor

DIRECT = 256  # steps up to which a sum over all lags is as fast as transforms, one way
SHORT = 32  # and with the way back


def causal(x: Tensor, kernel: Tensor, training: bool) -> Tensor:
    """y_t = Σ kernel_lag x_(t - lag): x [B, C, L], kernel [C, L] -> [B, C, L].

    A transform rounds each step by all steps, later ones too. Training has one of the whole; else halves are taken
    apart, so that y_t has the same bits whatever comes after t."""
    import torch

    length = x.shape[2]
    if training and length > SHORT:
        return _transformed(x, kernel)
    if length <= DIRECT or unseen(x):
        return _summed(x, kernel[:, :length])
    half = length // 2
    early, late = x[:, :, :half], x[:, :, half:]
    from_early = _transformed(early, kernel, length)[:, :, half:]
    return torch.cat([causal(early, kernel, False), causal(late, kernel, False) + from_early], 2)


def _summed(x: Tensor, kernel: Tensor) -> Tensor:
    """Lag by lag."""
    from torch.nn import functional as F

    past = F.pad(x, (x.shape[2] - 1, 0))
    return F.conv1d(past, kernel.flip(1)[:, None], groups=len(kernel))


def _transformed(x: Tensor, kernel: Tensor, length: int | None = None) -> Tensor:
    """The product of two spectra, with so many zeros that no end wraps around; `length` steps of it."""
    import torch

    length = length or x.shape[2]
    kernel = kernel[:, :length]
    size = _fast(x.shape[2] + length - 1)
    wide = torch.promote_types(x.dtype, torch.float32)
    spectrum = torch.fft.rfft(x.to(wide), size) * torch.fft.rfft(kernel.to(wide), size)
    return torch.fft.irfft(spectrum, size)[..., :length].to(x.dtype)


def _fast(least: int) -> int:
    """The next number that is a power of two, or three or five times one, whose transforms are fast."""
    return min(odd << max(0, -(-least // odd) - 1).bit_length() for odd in (1, 3, 5))
