"""Fourier transforms and complex numbers."""

from __future__ import annotations

from torch import Tensor

from arspec.shadow.call import Call
from arspec.shadow.elements import all_finite
from arspec.shadow.rules.pieces import axes
from arspec.shadow.rules.table import rule
from arspec.shadow.spectra import Spectrum


@rule("_fft_r2c", "_fft_c2r", "_fft_c2c")
def transform(call: Call) -> Tensor:
    """Everything along the axes; of a spectrum that is known, what it stands for."""
    value = call["self"]
    labels = call.labels(value)
    dims = axes(call["dim"], labels.dim())
    if len(dims) == 1 and call.context is None:
        name, axis = call.signature.name, dims[0]
        known = call.memory.spectra.of(value)
        if known is not None and known.axis == axis and _inverse(call, name, known):
            call.rounds = True
            return known.labels
        forward = name == "_fft_r2c" or (name == "_fft_c2c" and call["forward"])
        if forward and all_finite(call.value(value)):  # what is not finite comes everywhere
            labels = labels.expand(value.shape)
            zero = call.zero(value).movedim(axis, -1).reshape(-1, value.shape[axis]).all(0)
            half = name == "_fft_r2c" and bool(call["onesided"])
            call.memory.spectra.keep(call.targets[0], Spectrum(axis, value.shape[axis], labels, zero, half))
    return call.algebra.reduce(labels, dims)


def _inverse(call: Call, name: str, known: Spectrum) -> bool:
    """Whether the call takes a spectrum back to all of what it stands for."""
    if name == "_fft_c2r":
        return known.half and int(call["last_dim_size"]) == known.length
    return name == "_fft_c2c" and not call["forward"] and not known.half


@rule("view_as_complex_copy")
def as_complex(call: Call) -> Tensor:
    """Two parts are one number."""
    return call.algebra.reduce(call.labels(call["self"]), [-1], keepdim=False)


@rule("view_as_real_copy")
def as_real(call: Call) -> Tensor:
    """One number is two parts."""
    return call.labels(call["self"])[..., None]
