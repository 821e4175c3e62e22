"""From a picture of a file to what a spec models, in this order: turned upright, channels, crop, resize.

All of it keeps the depth of the file; levels are changed last, by `arspec.data.levels`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arspec.data.colours import rgb_of
from arspec.data.examples import Array
from arspec.data.picture.base import MOST_PIXELS, Picture
from arspec.data.picture.turn import turned
from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from arspec.data.options import Options
    from arspec.data.tally import Tally

LUMA = (19595, 38470, 7471)  # of 65536: 0.299, 0.587, 0.114 (ITU-R BT.601), as pillow has them
BACKGROUND, FILTER = "white", "lanczos"


def fitted(picture: Picture, channels: int, options: Options, told: Tally) -> Array:
    """The planes of a picture [channels, H, W] in 0 .. span - 1, as the options want them."""
    colours, alpha = _upright(picture, told)
    if len(colours) == 4:
        colours = _from_cmyk(colours, picture.span - 1)
        told.add("CMYK to red, green and blue without a colour profile")
    planes = with_channels(colours, alpha, picture.premultiplied, picture.span, channels, options, told)
    fitting = resized(planes, picture.span, options, has_alpha=channels in (2, 4))
    if fitting.shape != planes.shape:
        told.add("brought to a size, " + size_words(options))
    return fitting


def _upright(picture: Picture, told: Tally) -> tuple[Array, Array | None]:
    """The colours [1, 3 or 4, H, W] of a picture, and its alpha [1, H, W] where it has any."""
    colours, alpha = picture.colours()
    if picture.orientation == 1:
        return colours, alpha
    told.add("turned upright, as EXIF says")
    return turned(colours, picture.orientation), None if alpha is None else turned(alpha, picture.orientation)


def with_channels(
    colours: Array, alpha: Array | None, premultiplied: bool, span: int, channels: int, options: Options, told: Tally
) -> Array:
    """Colours [1 or 3, H, W] and alpha [1, H, W] in the channels of a spec: grey or colours, with alpha or without."""
    top, wanted = span - 1, 3 if channels >= 3 else 1
    if channels in (1, 3) and alpha is not None:
        if (alpha < top).any():
            name = options.background or BACKGROUND
            ground = rgb_of(name)
            if len(colours) == wanted == 1:
                ground = (int(_luma(np.array(ground).reshape(3, 1, 1))[0, 0, 0]),)
            elif len(colours) == 1:
                colours = colours.repeat(3, 0)
            colours = _over(colours, alpha, np.array(ground), top, premultiplied)
            told.add(f"alpha composited on {name} (@background= takes another colour)")
        alpha = None
    elif premultiplied and alpha is not None:
        colours = _divided(colours, alpha, top)
    if len(colours) == 3 and wanted == 1:
        colours = _luma(colours)
        told.add("colours to grey, 0.299 red + 0.587 green + 0.114 blue")
    elif len(colours) == 1 and wanted == 3:
        colours = colours.repeat(3, 0)
        told.add("grey in all three channels")
    if channels in (1, 3):
        return colours
    if alpha is None:
        alpha = np.full_like(colours[:1], top)
        told.add("made opaque, as alpha is missing")
    return np.concatenate([colours, alpha.astype(colours.dtype)])


def _over(colours: Array, alpha: Array, ground: Array, top: int, premultiplied: bool) -> Array:
    """Colours over a ground, whose parts lie in 0 .. 255, by the numbers as they are stored."""
    wide, cover = colours.astype(np.int64), alpha.astype(np.int64)
    ground = ((ground.astype(np.int64) * top * 2 + 255) // 510)[:, None, None]
    own = wide * top if premultiplied else wide * cover
    return np.minimum((own + ground * (top - cover) + top // 2) // top, top).astype(colours.dtype)


def _divided(colours: Array, alpha: Array, top: int) -> Array:
    cover = np.maximum(alpha.astype(np.int64), 1)
    return np.minimum((colours.astype(np.int64) * top + cover // 2) // cover, top).astype(colours.dtype)


def _luma(colours: Array) -> Array:
    """[3, H, W] -> [1, H, W]."""
    weighted = np.tensordot(np.array(LUMA), colours.astype(np.int64), 1)
    return ((weighted + 32768) >> 16).astype(colours.dtype)[None]


def _from_cmyk(planes: Array, top: int) -> Array:
    """[4, H, W] -> [3, H, W]: what the inks leave of the light."""
    inks, light = planes[:3].astype(np.int64), top - planes[3:].astype(np.int64)
    return (light - (inks * light + top // 2) // top).astype(planes.dtype)


def size_words(options: Options) -> str:
    """What `resized` does, in words."""
    cut = ["cut to the middle"] if options.crop or options.size else []
    scaled = [f"scaled by the filter {options.filter or FILTER}"] if options.resize or options.size else []
    return ", ".join(cut + scaled if options.crop else scaled + cut)


# -- sizes -------------------------------------------------------------------------------------------------------------


def resized(planes: Array, span: int, options: Options, has_alpha: bool = False) -> Array:
    """Planes [C, H, W] of the size that the options want: cut by @crop, then stretched by @resize or fitted by @size.

    has_alpha: the last plane is alpha, by which colours are weighted as they are mixed.
    """
    if 0 in planes.shape:
        raise InputError("AR804", f"an image of {planes.shape[1]}x{planes.shape[2]} has no pixels")
    if options.crop is not None:
        planes = _cropped(planes, options.crop)
    size = options.resize
    if options.size is not None:
        rows, columns = options.size
        scale = max(rows / planes.shape[1], columns / planes.shape[2])  # the smallest that covers the size
        size = (max(rows, round(planes.shape[1] * scale)), max(columns, round(planes.shape[2] * scale)))
    if size is not None and size[0] * size[1] > MOST_PIXELS:
        message = f"an image of {planes.shape[1]}x{planes.shape[2]} would be scaled to {size[0]}x{size[1]}"
        raise InputError("AR804", f"{message}; images of at most {MOST_PIXELS:,} pixels are made",
                         "give a smaller size, or cut long images by @crop= before")  # fmt: skip
    if size is not None and size != planes.shape[1:]:
        planes = _stretched(planes, span - 1, size, options.filter or FILTER, has_alpha)
    return planes if options.size is None else _cropped(planes, options.size)


def _cropped(planes: Array, size: tuple[int, int]) -> Array:
    """The middle; where it cannot be halved, the odd row or column is left out at the bottom or on the right."""
    (rows, columns), (height, width) = size, planes.shape[1:]
    if rows > height or columns > width:
        message = f"an image of {height}x{width} is smaller than @crop={rows}x{columns}"
        raise InputError("AR804", message, f"@size={rows}x{columns} makes smaller images larger")
    top, left = (height - rows) // 2, (width - columns) // 2
    return planes[:, top : top + rows, left : left + columns]


def _stretched(planes: Array, top: int, size: tuple[int, int], name: str, has_alpha: bool) -> Array:
    """By pillow in floats of 32 bits, which hold 16 bits exactly; rounded to the nearest level at the end."""
    from PIL import Image

    method = Image.Resampling[name.upper()]
    floats = planes.astype(np.float32)
    if has_alpha and name != "nearest":
        floats[:-1] *= floats[-1:] / top
    rows, columns = size
    mixed = np.stack([np.asarray(Image.fromarray(plane).resize((columns, rows), method)) for plane in floats])
    if has_alpha and name != "nearest":
        mixed[:-1] *= top / np.maximum(mixed[-1:], 0.5)
    return np.clip(np.rint(mixed), 0, top).astype(planes.dtype)
