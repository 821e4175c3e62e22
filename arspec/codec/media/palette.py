"""Indices into a palette as the colours that they name, and back: a model knows colours, and no indices."""

from __future__ import annotations

import numpy as np

from arspec.codec.wire import CorruptContainer
from arspec.data.examples import Array
from arspec.types import Ints


def planes_of(palette: Array) -> int:
    """The planes that the colours of a palette [n, 4] have: 3, or 4 where some are transparent."""
    return 4 if (palette[:, 3] < 255).any() else 3


def colours_of(indices: Ints, palette: Array) -> Ints | None:
    """Indices [1, H, W] as colours [3 or 4, H, W]; None where colours do not tell which indices they were."""
    if not palette.size or int(indices.max()) >= len(palette):
        return None
    colours = palette[indices[0]].transpose(2, 0, 1)[: planes_of(palette)].astype(np.int64)
    return np.ascontiguousarray(colours) if np.array_equal(indices_of(colours, palette), indices) else None


def indices_of(colours: Ints, palette: Array) -> Ints:
    """The first index of each colour [C, H, W]. CorruptContainer where the palette has no such colour."""
    planes = planes_of(palette) if palette.size else 0
    if colours.shape[0] != planes or int(colours.min()) < 0 or int(colours.max()) > 255:
        raise CorruptContainer("the container states a colour that its palette has not")
    places = 1 << 8 * np.arange(planes)
    known, first = np.unique(palette[:, :planes].astype(np.int64) @ places, return_index=True)
    found = np.tensordot(places, colours, 1)
    where = np.minimum(np.searchsorted(known, found), len(known) - 1)
    if not np.array_equal(known[where], found):
        raise CorruptContainer("the container states a colour that its palette has not")
    return first[where][None]
