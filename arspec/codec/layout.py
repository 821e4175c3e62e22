"""How the samples of a file lie before a model: which axes are examples, which are tiled, which change places."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arspec.codec.media import ARRAY, FORMATS
from arspec.codec.tiles import Tiling
from arspec.data.examples import Array

if TYPE_CHECKING:
    from arspec.language.sections import Data


@dataclass(frozen=True)
class Layout:
    """Samples of `shape` as arrays [N, ...] that are tiled. `last`: channels come last in them, and are moved."""

    shape: tuple[int, ...]
    tiling: Tiling
    last: bool = False

    def spread(self, samples: Array) -> Array:
        """[*shape] -> [N, ...]."""
        return (np.moveaxis(samples, -1, -3) if self.last else samples).reshape(self.tiling.shape)

    def gather(self, array: Array) -> Array:
        """The inverse."""
        if not self.last:
            return array.reshape(self.shape)
        *lead, rows, columns, channels = self.shape
        return np.moveaxis(array.reshape(*lead, channels, rows, columns), -3, -1)


def layout(data: Data, form: int, shape: tuple[int, ...]) -> Layout:
    """How samples of this shape, from a file of this format, lie before a model of `data`."""
    if data.kind == "sequence":
        whole = shape[-1] if shape else 1
        return Layout(shape, Tiling((_count(shape, whole), whole), data.shape, data.shape))
    if data.kind == "vector":
        side = math.isqrt(data.size)
        display = data.display or ((side, side) if side * side == data.size else None)
        if form != ARRAY and display is not None:
            return Layout(shape, Tiling((1, *shape), (1, *display), data.shape))
        size = data.size
        for trailing in (1, 2, 3):  # vectors, or pictures of their size
            if len(shape) >= trailing and math.prod(shape[-trailing:]) == size:
                return Layout(shape, Tiling((_count(shape, size), size), data.shape, data.shape))
        return Layout(shape, Tiling((1, math.prod(shape)), data.shape, data.shape))
    own = data.own.shape  # auxiliary images are made of the others, and are in no file
    if FORMATS[form].of == "picture":
        return Layout(shape, Tiling((1, *shape), own, own))
    return _arrays(shape, own)


def _arrays(shape: tuple[int, ...], data_shape: tuple[int, ...]) -> Layout:
    """Arrays as images: [.., C, H, W], [.., H, W, C], [.., H, W], or rows of as many numbers as an image has."""
    channels, size = data_shape[0], math.prod(data_shape)
    if len(shape) < 2 or (len(shape) == 2 and shape[1] == size and shape[1] != data_shape[2]):
        whole = size if math.prod(shape) % size == 0 else 0
        if whole:
            return Layout(shape, Tiling((math.prod(shape) // size, *data_shape), data_shape, data_shape))
        return Layout(shape, Tiling((1, 1, 1, math.prod(shape)), data_shape, data_shape))
    if len(shape) >= 3 and shape[-3] != channels and shape[-1] == channels:
        rows, columns = shape[-3:-1]
        return Layout(shape, Tiling((_lead(shape, 3), channels, rows, columns), data_shape, data_shape), last=True)
    planes = shape[-3] if len(shape) >= 4 or (len(shape) == 3 and shape[0] == channels) else 1
    rows, columns = shape[-2:]
    lead = _lead(shape, 2) if planes == 1 and len(shape) == 3 else _lead(shape, 3) if len(shape) >= 3 else 1
    return Layout(shape, Tiling((lead, planes, rows, columns), data_shape, data_shape))


def _lead(shape: tuple[int, ...], trailing: int) -> int:
    return math.prod(shape[:-trailing])


def _count(shape: tuple[int, ...], whole: int) -> int:
    return math.prod(shape) // whole if whole else math.prod(shape[:-1])
