"""Packed copies of weights that lie in a file, as what was opened does, which take the place of the file in memory.

A step of several rows reads packed weights at the speed of memory, and others at two thirds of it. Copies of them all
would take memory twice. But what was mapped from a file, and has not been written since, is there whenever it is asked
for again: its pages are given back to the system as soon as they are packed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from arspec.files.mapped import Mapped
from arspec.layers.base import Weights
from arspec.sampler.run.kernel import Kernel
from arspec.sampler.run.memory import in_large_pages, spare

OFTEN = 16  # steps from which packing a weight costs less than it saves

# by file, place in it and form: what several samplers read of the same model is packed once
_PACKED: WeakValueDictionary[object, Tensor] = WeakValueDictionary()


@torch.no_grad()
def packed_of_files(
    folded: Sequence[Sequence[Weights]], steps: Sequence[int], own: frozenset[int], compiled: Kernel
) -> list[list[Tensor | None]]:
    """Of the weights [N, K] of products those that lie in a file, packed; None of the others. steps: at how many each
    product is read. own: places in memory of weights that lie as the module has them."""
    files, often = Mapped(), [count >= OFTEN for count in steps]
    found: list[list[Tensor | None]] = [[None] * len(parts) for parts in folded]
    wanted: dict[object, tuple[Tensor, list[tuple[int, int]]]] = {}
    for n, parts in enumerate(folded):
        for k, weight in enumerate(part["weight"] for part in parts):
            if often[n] and lies_in(weight, own):
                file = files.unwritten(weight.data_ptr(), _extent(weight))
                if file is not None:
                    form = compiled.packed_shape(weight), weight.shape, weight.stride(), weight.dtype
                    wanted.setdefault((file, form), (weight, []))[1].append((n, k))
    there = {key: kept for key in wanted if (kept := _PACKED.get(key)) is not None}
    fresh = {key: weight for key, (weight, _) in wanted.items() if key not in there}
    if sum(map(_extent, fresh.values())) <= spare():
        shapes = [(compiled.packed_shape(weight), weight.dtype) for weight in fresh.values()]
        with suppress(MemoryError):  # of a process that may have less than is there
            for (key, weight), room in zip(fresh.items(), in_large_pages(shapes), strict=True):
                _PACKED[key] = there[key] = compiled.packed(weight, room)
                files.release(weight.data_ptr(), _extent(weight))
    for key, kept in there.items():
        for n, k in wanted[key][1]:
            found[n][k] = kept
    return found


def release(weights: Iterable[Tensor]) -> None:
    """Gives back to the system what lies in files of weights that were copied."""
    files = Mapped()
    for weight in weights:
        files.release(weight.data_ptr(), _extent(weight))


def lies_in(weight: Tensor, own: frozenset[int]) -> bool:
    """Whether a weight lies in one of these places, its inputs side by side."""
    return weight.stride(1) == 1 and place(weight) in own


def place(weight: Tensor) -> int:
    """Where the memory of a weight is, of which it may be a view."""
    return weight.untyped_storage().data_ptr()


def _extent(weight: Tensor) -> int:
    """Bytes from the first number of a weight [N, K] to its last."""
    outputs, inputs = weight.shape
    return ((outputs - 1) * weight.stride(0) + inputs) * weight.itemsize if weight.numel() else 0
