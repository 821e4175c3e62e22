"""What spectra stand for in time, so that a convolution by Fourier transforms is seen as one.

Each number of a spectrum depends on everything along its axis. A product of spectra is a circular convolution of what
they stand for, and where enough zeros were padded no end of it wraps around. So beside the labels of a spectrum stands
a note: the labels that its inverse transform would have, and where that is zero in every pass.
"""

# Versions and storages of tensors have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from arspec.shadow.algebra import CONSTANT, DTYPE

ROUNDING = 64  # times the precision of a number: a filter that is smaller, relative to its greatest value, is zero


@dataclass(frozen=True)
class Spectrum:
    """What a tensor is the transform of.

    axis      along which it was transformed
    length    of what was transformed
    labels    those of what was transformed, of the tensor's shape but for the axis
    zero      [length]: where that is zero in every pass, in all rows
    half      only frequencies that are not negative are kept, as of real numbers
    """

    axis: int
    length: int
    labels: Tensor
    zero: Tensor
    half: bool


@dataclass(frozen=True)
class _Note:
    storage: StorageWeakRef
    version: int
    size: torch.Size
    stride: tuple[int, ...]
    offset: int
    spectrum: Spectrum


class Spectra:
    """Notes of which tensors are spectra. A write in place ends a note; a view that moves axes keeps it."""

    def __init__(self) -> None:
        self._notes: dict[int, _Note] = {}

    def keep(self, tensor: Tensor, spectrum: Spectrum) -> None:
        """Notes that a tensor is a spectrum."""
        if tensor.is_inference():  # it has no version by which a write would be seen
            return
        storage = tensor.untyped_storage()
        self._notes[storage._cdata] = _Note(
            StorageWeakRef(storage),
            tensor._version,
            tensor.size(),
            tensor.stride(),
            int(tensor.storage_offset()),
            spectrum,
        )

    def of(self, tensor: Tensor) -> Spectrum | None:
        """What a tensor is the spectrum of, where that is known."""
        note = self._notes.get(tensor.untyped_storage()._cdata)
        if note is None or note.storage.expired() or tensor.is_inference() or tensor._version != note.version:
            return None
        if tensor.is_conj() or tensor.is_neg() or tensor.storage_offset() != note.offset:
            return None
        spectrum = note.spectrum
        if tensor.size() == note.size and tensor.stride() == note.stride:
            return spectrum
        sources: list[int | None] = []
        for size, step in zip(tensor.size(), tensor.stride()):
            places = [
                k for k in range(len(note.size)) if (note.size[k], note.stride[k]) == (size, step) and k not in sources
            ]
            if not places and size > 1 and step > 0:
                return None
            sources.append(places[0] if places else None)
        missing = [k for k in range(len(note.size)) if k not in sources and note.size[k] > 1]
        if missing or spectrum.axis not in sources:
            return None
        labels = spectrum.labels.expand(*note.size[: spectrum.axis], spectrum.length, *note.size[spectrum.axis + 1 :])
        for k in sorted((k for k in range(len(note.size)) if k not in sources), reverse=True):
            labels = labels.select(k, 0)
        left = sorted(k for k in sources if k is not None)
        labels = labels.permute([left.index(k) for k in sources if k is not None])
        for place, k in enumerate(sources):
            if k is None:
                labels = labels.unsqueeze(place)
        return replace(spectrum, axis=sources.index(spectrum.axis), labels=labels)


def of_filter(values: Tensor, axis: int, like: Spectrum) -> Spectrum:
    """What a constant filter stands for that a spectrum is multiplied by; rounding is taken for zero."""
    values = values.detach()
    time = (torch.fft.irfft if like.half else torch.fft.ifft)(values, like.length, axis)
    size = time.abs()
    low = size <= ROUNDING * torch.finfo(size.dtype).eps * size.amax(axis, keepdim=True)
    zero = low.movedim(axis, -1).reshape(-1, like.length).all(0)
    return Spectrum(axis, like.length, torch.full((), CONSTANT, dtype=DTYPE).expand(time.shape), zero, like.half)
