"""Fourier transforms and complex numbers."""

from __future__ import annotations

from torch import Tensor

from arspec.shadow.call import Call
from arspec.shadow.rules.pieces import axes
from arspec.shadow.rules.table import rule


@rule("_fft_r2c", "_fft_c2r", "_fft_c2c")
def transform(call: Call) -> Tensor:
    """Everything along the axes."""
    labels = call.labels(call["self"])
    return call.algebra.reduce(labels, axes(call["dim"], labels.dim()))


@rule("view_as_complex_copy")
def as_complex(call: Call) -> Tensor:
    """Two parts are one number."""
    return call.algebra.reduce(call.labels(call["self"]), [-1], keepdim=False)


@rule("view_as_real_copy")
def as_real(call: Call) -> Tensor:
    """One number is two parts."""
    return call.labels(call["self"])[..., None]
