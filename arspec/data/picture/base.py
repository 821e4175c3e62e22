"""A picture as its file holds it. Shape letters: C planes, H rows, W columns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from arspec.data.examples import Array
from arspec.diagnostics import InputError

MOST_PIXELS = 1 << 26  # of one picture; checked before the pixels are decoded

# how many planes a kind of picture has
PLANES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}


@dataclass(frozen=True)
class Picture:
    """A picture as its file holds it, neither turned nor converted.

    stored: uint8 or uint16 [C, H, W], the numbers of the file: 0 is black, or an index into `palette`.
    span: values, or the colours of a palette, lie in 0 .. span - 1. bits: the width of a number in the file.
    kind: what the planes mean, a key of PLANES; of pictures with a palette, what its colours mean.
    palette: uint8 [n, 4], red, green, blue and alpha of each index; None where numbers are values.
    opaque_but: a colour [C] of which all pixels are transparent, the others opaque; None where alpha is a plane.
    premultiplied: whether colours are multiplied by alpha already. inverted: whether 0 is white in the file.
    orientation: 1 .. 8 as in EXIF; 1 is upright. format: as pillow names it. frames: pictures in the file.
    info: what else decides how the picture looks, by name: icc, exif and xmp, where the file has them.
    """

    stored: Array
    span: int
    bits: int
    kind: str
    format: str
    palette: Array | None = None
    opaque_but: tuple[int, ...] | None = None
    premultiplied: bool = False
    inverted: bool = False
    orientation: int = 1
    frames: int = 1
    info: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def colours(self) -> tuple[Array, Array | None]:
        """The colours [1, 3 or 4, H, W] and the alpha [1, H, W], where there is any, in 0 .. span - 1; not turned."""
        planes = self.stored
        if self.palette is not None:
            palette = np.zeros((max(len(self.palette), int(planes.max()) + 1), 4), np.uint8)
            palette[: len(self.palette)] = self.palette
            planes = palette[planes[0]].transpose(2, 0, 1)[: PLANES[self.kind]]
        if self.kind in ("LA", "RGBA"):
            return planes[:-1], planes[-1:]
        if self.opaque_but is None:
            return planes, None
        through = (planes == np.array(self.opaque_but)[:, None, None]).all(0, keepdims=True)
        return planes, np.where(through, 0, self.span - 1).astype(planes.dtype)


def check_size(columns: int, rows: int, name: str) -> None:
    """Refuses a picture that states more pixels than are decoded, or none."""
    if columns < 1 or rows < 1:
        raise InputError("AR803", f"cannot read {name} as an image: it states a size of {rows}x{columns}")
    if columns * rows > MOST_PIXELS:
        raise too_large(name, f"{rows}x{columns}")


def too_large(name: str, size: str = "too many") -> InputError:
    """The error about a picture that states more pixels than are decoded."""
    message = f"{name} states {size} pixels; a picture of at most {MOST_PIXELS:,} pixels is read"
    return InputError("AR803", message, "scale it down, or cut it into parts")
