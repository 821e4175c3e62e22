"""The eight orientations of EXIF (tag 274), which say how a picture in a file is turned and mirrored."""

from __future__ import annotations

import numpy as np

from arspec.data.examples import Array


def turned(planes: Array, orientation: int) -> Array:
    """Planes [C, H, W] as they lie in a file, turned upright."""
    if orientation >= 5:  # rows and columns change places
        planes = planes.swapaxes(1, 2)
    if orientation in (3, 4, 7, 8):
        planes = planes[:, ::-1]
    if orientation in (2, 3, 6, 7):
        planes = planes[:, :, ::-1]
    return planes


def turned_back(planes: Array, orientation: int) -> Array:
    """The inverse of `turned`: planes [C, H, W] as a file with this orientation holds them."""
    # a quarter to the right takes back a quarter to the left; the others take back themselves
    return np.ascontiguousarray(turned(planes, {6: 8, 8: 6}.get(orientation, orientation)))
