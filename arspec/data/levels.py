"""Whole numbers of one alphabet in another, of fewer or of more levels."""

from __future__ import annotations

import numpy as np

from arspec.data.examples import Array


def with_levels(x: Array, has: int, wanted: int) -> Array:
    """Values in 0 .. has - 1 as values in 0 .. wanted - 1.

    Fewer levels are steps of equal width, x * wanted // has. More are spread over the whole range, evenly.
    """
    kind = np.uint8 if wanted <= 256 else np.uint16 if wanted <= 65536 else np.int32
    if wanted == has:
        return x.astype(kind)
    if wanted < has:
        return (x.astype(np.int64) * wanted // has).astype(kind)
    return np.rint(x.astype(np.float64) * (wanted - 1) / (has - 1)).astype(kind)


def change(has: int, wanted: int) -> str:
    """What `with_levels` does, in words."""
    how = "steps of equal width" if wanted < has else "spread evenly"
    return f"{has:,} levels to {wanted:,}, {how}"
