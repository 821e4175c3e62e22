"""A picture as its file holds it. Shape letters: C planes, H rows, W columns."""

from __future__ import annotations

from dataclasses import dataclass, field

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

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns in the file, before the picture is turned."""
        return int(self.stored.shape[1]), int(self.stored.shape[2])


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
