"""Arrays of any size as tiles of the model's size. What a tile has beyond the array is not coded."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from arspec.data.examples import Array
from arspec.types import Bools, Ints


@dataclass(frozen=True)
class Tiling:
    """Arrays of `shape` [N, ...] in tiles of `size` [...], each of them laid out as `data_shape`.

    Tiles are numbered row-major, those of the first array before those of the second."""

    shape: tuple[int, ...]
    size: tuple[int, ...]
    data_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.shape) != 1 + len(self.size):
            raise ValueError(f"arrays of shape {self.shape[1:]} have no tiles of shape {self.size}")

    @property
    def across(self) -> tuple[int, ...]:
        """Tiles along each axis, the first axis the arrays themselves."""
        return (self.shape[0], *(-(-n // s) for n, s in zip(self.shape[1:], self.size, strict=True)))

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return math.prod(self.across)

    def cut(self, array: Array | None, tiles: Iterable[int]) -> tuple[Ints, Bools]:
        """Tiles by their numbers as int64 [n, *data_shape], zero beyond the array (everywhere without
        one), and where they lie within it."""
        numbers = list(tiles)
        values = np.zeros((len(numbers), *self.size), np.int64)
        inside = np.zeros(values.shape, bool)
        for k, tile in enumerate(numbers):
            whole, part = self._places(tile)
            if array is not None:
                values[k][part] = array[whole]
            inside[k][part] = True
        shape = (len(numbers), *self.data_shape)
        return values.reshape(shape), inside.reshape(shape)

    def paste(self, array: Array, tiles: Iterable[int], values: Ints) -> None:
        """The inverse of `cut`: writes tiles [n, *data_shape] into the array."""
        for tile, value in zip(tiles, values.reshape(-1, *self.size), strict=True):
            whole, part = self._places(tile)
            array[whole] = value[part]

    def _places(self, tile: int) -> tuple[tuple[int | slice, ...], tuple[slice, ...]]:
        """Where a tile lies in the whole, and which part of the tile that is."""
        first, *places = (int(i) for i in np.unravel_index(tile, self.across))
        starts = [i * s for i, s in zip(places, self.size, strict=True)]
        lengths = [min(s, n - a) for s, n, a in zip(self.size, self.shape[1:], starts, strict=True)]
        whole = tuple(slice(a, a + n) for a, n in zip(starts, lengths, strict=True))
        return (first, *whole), tuple(slice(0, n) for n in lengths)
