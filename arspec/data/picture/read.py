"""Reading a picture's file. Pillow decodes; what it would narrow to 8 bits is decoded in two halves of 8 bits each."""

from __future__ import annotations

import io
import struct
import sys
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from arspec.data.examples import Array
from arspec.data.picture import png, pnm
from arspec.data.picture.base import PLANES, Picture, check_size, too_large
from arspec.data.picture.turn import turned_back
from arspec.diagnostics import InputError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "GIF", "TIFF")
KNOWN = "PNG, JPEG, WebP, BMP, GIF, TIFF, PBM, PGM and PPM are read"
# tags of TIFF
BITS, PHOTOMETRIC, ORIENTATION, SAMPLES, PLANAR, SAMPLE_FORMAT = 258, 262, 274, 277, 284, 339
COMPRESSION, STRIPS, STRIP_ROWS, TILE_COLUMNS, TILE_ROWS, TILES = 259, 273, 278, 322, 323, 324
TAGS = (BITS, PHOTOMETRIC, ORIENTATION, SAMPLES, PLANAR, SAMPLE_FORMAT,
        COMPRESSION, STRIPS, STRIP_ROWS, TILE_COLUMNS, TILE_ROWS, TILES)  # fmt: skip
WHITE_IS_ZERO, SEPARATE, UNSIGNED = 0, 2, 1  # values of them
INFO = {"icc": "icc_profile", "exif": "exif", "xmp": "xmp"}  # and pillow's names
PNG_KINDS = {png.GREY: "L", png.RGB: "RGB", png.PALETTE: "RGB", png.GREY_ALPHA: "LA", png.RGB_ALPHA: "RGBA"}


def decode(data: bytes, name: str) -> Picture:
    """The picture in the bytes of a file, at the file's own depth. `name` is for messages.

    Raises InputError where the file is damaged, too large, of another kind, or of a depth that can't be kept.
    """
    if pnm.is_pnm(data):
        return pnm.decode(data, name)
    try:
        with warnings.catch_warnings():
            # what pillow warns of is checked here, or does not touch the pixels (broken EXIF, say)
            warnings.simplefilter("ignore")
            return _decode(data, name)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise too_large(name) from error
    except UnidentifiedImageError as error:
        raise InputError("AR803", f"cannot read {name} as an image: its format is not known", KNOWN) from error
    except Exception as error:  # a damaged picture raises nearly anything
        told = str(error) if isinstance(error, (OSError, SyntaxError, ValueError)) else type(error).__name__
        raise InputError("AR803", f"cannot read {name} as an image: {told[:200]}") from error


def _decode(data: bytes, name: str) -> Picture:
    with Image.open(io.BytesIO(data), formats=FORMATS) as file:
        check_size(*file.size, name)
        frames = int(getattr(file, "n_frames", 1))
        stated: Any = getattr(file, "tag_v2", None)  # pillow forgets some tags as it loads
        tags = {} if stated is None else {tag: stated.get(tag) for tag in TAGS if tag in stated}
        rawmode = _rawmode(file.tile[0]) if file.tile else ""
        head = _head(data, name) if file.format == "PNG" else None
        if tags and not _holds_all(tags, *file.size, len(data)):
            raise _too_few(name)
        file.load()
        if head is not None:
            picture = _of_png(file, data, head)
        else:
            picture = _of_tiff(file, data, tags, rawmode) if tags else _of_bytes(file, data)
        if picture is None:
            message = f"{name} holds pixels that would not be kept as they are (mode {rawmode or file.mode})"
            hint = "whole numbers of up to 16 bits are read, of a TIFF those whose planes are not stored apart"
            raise InputError("AR804", message, f"{hint}; convert it to PNG")
        info = {key: file.info[place] for key, place in INFO.items() if isinstance(file.info.get(place), bytes)}
        orientation = picture.orientation if tags else _orientation(file)
    return replace(picture, orientation=orientation, frames=frames, info=info)


def _too_few(name: str) -> InputError:
    return InputError("AR803", f"cannot read {name} as an image: it holds fewer pixels than it states")


def _planes(file: Image.Image) -> Array:
    """[C, H, W]."""
    array = np.asarray(file)
    return array.reshape(*array.shape[:2], -1).transpose(2, 0, 1)


def _orientation(file: Image.Image) -> int:
    try:
        return _legal(file.getexif().get(ORIENTATION))
    except Exception:  # broken EXIF says nothing
        return 1


def _legal(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


# -- pictures of 8 bits or fewer: JPEG, WebP, BMP, GIF -----------------------------------------------------------------


def _of_bytes(file: Image.Image, data: bytes) -> Picture | None:
    form, see_through = str(file.format), file.info.get("transparency")
    if file.mode == "1":
        return Picture(_planes(file).astype(np.uint8), 2, 1, "L", form)
    if file.mode == "P":
        palette = _palette(file)
        if isinstance(see_through, int):
            palette[see_through, 3] = 0
        bits = struct.unpack_from("<H", data, 28)[0] if form == "BMP" else 8
        return Picture(_planes(file), 256, bits if bits in (1, 4) else 8, _kind(palette), form, palette)
    if file.mode not in PLANES:
        return None
    key = (see_through,) if file.mode == "L" and isinstance(see_through, int) else None
    return Picture(_planes(file), 256, 8, file.mode, form, opaque_but=key)


def _palette(file: Image.Image) -> Array:
    """The colours of all indices, uint8 [256, 4]; those that the file does not state are black."""
    colours = np.array(file.getpalette() or [], np.uint8).reshape(-1, 3)[:256]
    palette = np.full((256, 4), (0, 0, 0, 255), np.uint8)
    palette[: len(colours), :3] = colours
    return palette


def _kind(palette: Array) -> str:
    return "RGBA" if (palette[:, 3] < 255).any() else "RGB"


# -- PNG ---------------------------------------------------------------------------------------------------------------


def _head(data: bytes, name: str) -> png.Head:
    head = png.head_of(data)
    if head is None:
        raise InputError("AR803", f"cannot read {name} as an image: its head is none that PNG knows")
    if not png.holds_all(data, head):
        raise _too_few(name)
    return head


def _of_png(file: Image.Image, data: bytes, head: png.Head) -> Picture:
    found, kind = png.chunks(data), PNG_KINDS[head.colour]
    if head.depth == 16 and head.colour != png.GREY:
        if kind == "LA":  # as wide as RGBA of 8 bits: all four bytes come at once
            halves = _again(data, "RGBA", "RGBA")
            stored = _joined(halves[::2], halves[1::2])
        else:
            stored = _joined(_again(data, kind, f"{kind};16B"), _again(data, kind, f"{kind};16L"))
    else:
        stored = _planes(file)
        if head.colour == png.GREY and head.depth in (2, 4):  # pillow spreads them over 0 .. 255
            stored = stored // (255 // ((1 << head.depth) - 1))
        stored = stored.astype(np.uint16 if head.depth == 16 else np.uint8)
    palette = png.palette_of(found) if head.colour == png.PALETTE else None
    if palette is not None:
        kind = _kind(palette)
    key = png.transparent_colour(found, head)
    span = 256 if palette is not None else 1 << head.depth
    return Picture(stored, span, head.depth, kind, "PNG", palette, opaque_but=key)


# -- TIFF --------------------------------------------------------------------------------------------------------------


def _of_tiff(file: Image.Image, data: bytes, tags: dict[int, Any], rawmode: str) -> Picture | None:
    """A TIFF picture. Pillow turns its pixels as it loads them, and they are turned back here."""
    bits = tags.get(BITS, (1,))
    bits = bits[0] if isinstance(bits, tuple) else bits
    signs = tags.get(SAMPLE_FORMAT, UNSIGNED)
    apart = tags.get(PLANAR) == SEPARATE and tags.get(SAMPLES, 1) > 1  # pillow takes some of these for something else
    if apart or any(sign != UNSIGNED for sign in (signs if isinstance(signs, tuple) else (signs,))):
        return None
    letters, _, depth = rawmode.partition(";")
    kind = {"LX": "LA", "La": "LA", "RGBX": "RGBA", "RGBa": "RGBA"}.get(letters, letters)
    ycbcr = file.mode == "RGB" and kind == "RGBA" and tags.get(PHOTOMETRIC) == 6
    if file.mode in ("1", "P") or (file.mode == "L" and kind == "L"):
        stored = _planes(file)
        if file.mode == "L" and bits < 8:
            stored = stored // (255 // ((1 << bits) - 1))
        kind = "L"
    elif file.mode.startswith("I;16") and kind == "I":
        stored, kind = _planes(file).astype(np.uint16), "L"
        if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # pillow leaves these as they are
            stored = (1 << bits) - 1 - stored
    elif ycbcr:
        stored, kind = _planes(file), "RGB"
    elif kind in PLANES and bits == 16 and depth.startswith("16"):
        other = {"16L": "16B", "16B": "16L", "16N": "16B" if sys.byteorder == "little" else "16L"}[depth]
        stored = _joined(_again(data, kind, f"{kind};{depth}"), _again(data, kind, f"{kind};{other}"))
    elif kind in PLANES and bits == 8 and not depth:
        stored = _planes(file) if letters == file.mode else _again(data, kind, kind)
    else:
        return None
    orientation = _legal(tags.get(ORIENTATION))
    palette = None
    if file.mode == "P":
        palette, kind = _palette(file), "RGB"
    return Picture(
        turned_back(stored.astype(np.uint8 if bits <= 8 else np.uint16), orientation),
        256 if palette is not None else 1 << bits,
        bits,
        kind,
        "TIFF",
        palette,
        premultiplied=letters in ("La", "RGBa"),
        inverted=tags.get(PHOTOMETRIC) == WHITE_IS_ZERO,
        orientation=orientation,
    )


def _holds_all(tags: dict[int, Any], columns: int, rows: int, size: int) -> bool:
    """Whether a TIFF file of so many bytes has all strips or tiles; pillow fills up what is missing."""
    if 5 <= _legal(tags.get(ORIENTATION)) <= 8:  # pillow states the size of the turned picture
        columns, rows = rows, columns
    if TILES in tags:
        across, down = (max(1, int(tags.get(tag) or 1)) for tag in (TILE_COLUMNS, TILE_ROWS))
        wanted, there = -(-columns // across) * -(-rows // down), tags[TILES]
    else:
        wanted, there = -(-rows // max(1, int(tags.get(STRIP_ROWS) or rows))), tags.get(STRIPS, ())
    bits = tags.get(BITS, (1,))
    depth = sum(bits) if isinstance(bits, tuple) and len(bits) > 1 else tags.get(SAMPLES, 1)
    plain = tags.get(COMPRESSION, 1) == 1 and columns * rows * depth > 8 * size
    return not plain and (len(there) if isinstance(there, tuple) else 1) >= wanted


# -- decoding in two halves --------------------------------------------------------------------------------------------


def _rawmode(tile: Any) -> str:
    """How the bytes of a pixel lie in the file, as pillow calls it."""
    return str(tile.args[0] if isinstance(tile.args, tuple) else tile.args)


def _again(data: bytes, mode: str, rawmode: str) -> Array:
    """The picture's bytes, taken as they were of this raw mode, uint8 [C, H, W]."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as file:
        file._mode = mode  # pyright: ignore[reportPrivateUsage]
        for number, tile in enumerate(file.tile):
            args = tile.args if isinstance(tile.args, tuple) else None
            file.tile[number] = tile._replace(args=(rawmode, *args[1:]) if args else rawmode)
        file.load()
        return _planes(file)


def _joined(high: Array, low: Array) -> Array:
    return high.astype(np.uint16) << 8 | low
