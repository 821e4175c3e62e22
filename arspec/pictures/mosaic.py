"""Images side by side in one pair of axes: examples, and maps of numbers at their places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arspec.pictures.style import INK, TINY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[Any]
GAP = 0.06  # of a cell, between images
UNKNOWN = (64, 96, 160)  # what is not given, in a colour that grey data cannot have
BARS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # pixels of a bar that says how large images are


def pixels(images: Array, levels: int) -> npt.NDArray[np.uint8]:
    """Images [N, C, H, W] of levels, with C of 1, 3 or 4, as 8 bits, [N, H, W, 3 or 4]; -1 marks what is not given."""
    values = np.rint(np.clip(images, 0, levels - 1).astype(np.float64) * 255 / (levels - 1)).astype(np.uint8)
    values = values.repeat(3, 1) if values.shape[1] == 1 else values
    blank = np.array([*UNKNOWN, 255][: values.shape[1]], np.uint8)[:, None, None]
    return np.where((images < 0).any(1, keepdims=True), blank, values).transpose(0, 2, 3, 1)


def cells(count: int, columns: int, height: int, width: int, below: float = 0.0) -> list[tuple[float, float]]:
    """The left and upper edges of so many images, in pixels of theirs. below: what stands below each, in their
    heights."""
    return [
        (k % columns * width * (1 + GAP), k // columns * height * (1 + GAP + below)) for k in range(count)
    ]  # fmt: skip


def place(axes: Axes, image: Array, left: float, top: float, **how: Any) -> Any:
    """Draws an image [H, W, ...] whose pixels are squares of 1 by 1."""
    height, width = image.shape[:2]
    extent = (left, left + width, top + height, top)
    return axes.imshow(image, extent=extent, interpolation="none", aspect="equal", **how)


def bare(axes: Axes, right: float, bottom: float, above: float = 0.0) -> None:
    """Axes of a mosaic: no frame and no numbers, from 0 to its right and lower edge."""
    axes.set_axis_off()
    axes.set_xlim(0, right)
    axes.set_ylim(bottom, -above)


def pixel_bar(axes: Axes, width: int, top: float, pixel: float) -> None:
    """A bar that says how large the images are. top: where it stands; pixel: points of a pixel as it is printed."""
    length = max(bar for bar in BARS if bar <= max(1, width // 2))
    axes.plot([0, length], [top, top], color=INK, linewidth=1.0, solid_capstyle="butt", clip_on=False)
    words = f"{length} pixel{'s' * (length > 1)}"
    axes.text(length + 3 / pixel, top, words, ha="left", va="center", fontsize=TINY)


def label(axes: Axes, words: str, left: float, top: float, width: float, **how: Any) -> None:
    """Words centred below an image; or above, as `va` says."""
    options: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": TINY, "parse_math": False, **how}
    axes.text(left + width / 2, top, words, **options)


def shortened(words: Sequence[str], width: float, size: float = TINY) -> list[str]:
    """Words that fit into so many inches each, in letters of so many points."""
    most = max(3, int(width * 72 / (0.5 * size)))
    return [word if len(word) <= most else f"{word[: most - 1]}…" for word in words]
