"""Products of spectra: convolutions in time."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, Algebra, some
from arspec.shadow.call import Call
from arspec.shadow.rules.pieces import kept
from arspec.shadow.spectra import Spectrum, of_filter


def multiplied(call: Call) -> None:
    """Notes what a product of two spectra, or of a spectrum and a constant, stands for; a divisor is a number."""
    one, other = call["self"], call["other"]
    spectra = [call.memory.spectra.of(value) if isinstance(value, Tensor) else None for value in (one, other)]
    target = call.targets[0]
    first, second = spectra
    if call.mutated or call.context is not None or (first is None and second is None):
        return
    if first is not None and second is not None:
        if "mul" in call.operator.name() and _alike(call, first, second, one, other, target):
            call.memory.spectra.keep(
                target, _convolved(call.algebra, _moved(first, one, target), _moved(second, other, target))
            )
        return
    known, value, partner = (first, one, other) if first is not None else (second, other, one)
    assert known is not None
    if isinstance(partner, Tensor) and some(call.labels(partner) != CONSTANT):
        return
    own = _moved(known, value, target)
    place = own.axis - target.dim()
    if not isinstance(partner, Tensor) or partner.dim() < -place or partner.shape[place] == 1:
        if first is not None or "mul" in call.operator.name():
            call.memory.spectra.keep(target, own)
    elif "mul" in call.operator.name():
        by = of_filter(call.value(partner), partner.dim() + place, own)
        call.memory.spectra.keep(target, _convolved(call.algebra, own, _moved(by, partner, target)))


def _alike(call: Call, first: Spectrum, second: Spectrum, one: Tensor, other: Tensor, target: Tensor) -> bool:
    """Whether two spectra are along the same axis of the product, and of the same kind."""
    same = first.axis - one.dim() == second.axis - other.dim()
    return same and first.length == second.length and first.half == second.half


def _moved(spectrum: Spectrum, tensor: Tensor, target: Tensor) -> Spectrum:
    """The same with an axis for each of the product."""
    more = target.dim() - tensor.dim()
    labels = spectrum.labels.reshape(*[1] * more, *spectrum.labels.shape) if more else spectrum.labels
    return Spectrum(spectrum.axis + more, spectrum.length, labels, spectrum.zero, spectrum.half)


def _convolved(algebra: Algebra, one: Spectrum, other: Spectrum) -> Spectrum:
    """The circular convolution of what two spectra stand for."""
    labels = algebra.join(_through(algebra, one, other.zero), _through(algebra, other, one.zero))
    zero = ~_reached(~one.zero, ~other.zero)
    return Spectrum(one.axis, one.length, labels, zero, one.half)


def _through(algebra: Algebra, spectrum: Spectrum, zero: Tensor) -> Tensor:
    """Labels of a convolution that come from one side; `zero` [length] is where the other side is zero."""
    labels = spectrum.labels
    if not some(labels):
        return labels.narrow(spectrum.axis, 0, 1)
    places = torch.arange(spectrum.length)
    keep = ~zero[(places[:, None] - places) % spectrum.length] & ~spectrum.zero
    last = labels.movedim(spectrum.axis, -1)
    found = kept(algebra, last.reshape(*last.shape[:-1], 1, last.shape[-1]), keep)[..., 0, :]
    return found.movedim(-1, spectrum.axis)


def _reached(one: Tensor, other: Tensor) -> Tensor:
    """Where a circular convolution of two rows of bits is not zero."""
    places = torch.arange(len(one))
    return (other[(places[:, None] - places) % len(one)] & one).any(1)
