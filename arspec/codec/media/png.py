"""PNG files: every pixel at its depth, and every chunk but those of the pixels byte for byte.

What is no PNG and can't be written again as it is (JPEG, GIF ...) becomes one: its pixels, its colour profile,
EXIF and XMP.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import numpy as np

from arspec.codec.media.base import Media, pack_frame, unpack_frame
from arspec.codec.media.palette import colours_of, indices_of
from arspec.codec.media.samples import check_shape, contiguous, narrowed, span_of, widened, within
from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.data.picture.base import Picture
from arspec.data.picture.png import (
    DEPTHS,
    GREY,
    GREY_ALPHA,
    PALETTE,
    PLANES,
    RGB,
    RGB_ALPHA,
    SIGNATURE,
    Head,
    around_pixels,
    chunk,
    chunks,
    head_of,
    palette_of,
    pixels_chunk,
)
from arspec.data.picture.read import decode
from arspec.diagnostics import InputError
from arspec.types import Ints

KINDS = {"L": GREY, "LA": GREY_ALPHA, "RGB": RGB, "RGBA": RGB_ALPHA}
END = chunk(b"IEND", b"")
INDICES, COLOURS = 0, 1  # what the samples of a picture with a palette are


def parse(data: bytes, name: str) -> Media | None:
    """The pixels of a picture that `decode` reads; None where a PNG file can't hold them.
    InputError where it is none."""
    picture = decode(data, name)
    head = head_of(data)
    around = around_pixels(data) if head is not None else None
    if head is not None and around is not None:  # all that stands around the pixels is kept, other frames too
        # how pixels are deflated is up to the library that does it, here and where the file is restored
        return replace(media_of(picture, head, *around), exact=False, kept="pixels and the same other chunks")
    one_picture(picture, name)
    colour = PALETTE if picture.palette is not None else KINDS.get(picture.kind)
    if colour is None or picture.bits not in DEPTHS[colour] or picture.premultiplied:
        return None
    rows, columns = picture.stored.shape[1:]
    head = Head(columns, rows, picture.bits, colour, False)
    media = media_of(picture, head, SIGNATURE + head.chunk() + _beside(picture), END)
    return replace(media, suffix=".png", exact=False, kept=kept(picture))


def one_picture(picture: Picture, name: str) -> None:
    """Refuses a file of several pictures, of which one would be kept."""
    if picture.frames > 1:
        message = f"{name} holds {picture.frames} pictures, of which one would be kept"
        raise InputError("AR804", message, "split it into one file for each")


def media_of(picture: Picture, head: Head, before: bytes, after: bytes) -> Media:
    """The content of a picture that becomes a PNG file with these bytes around its pixels."""
    samples, what = contiguous(picture.stored), INDICES
    colours = None if picture.palette is None else colours_of(samples, palette_of(chunks(before)))
    if colours is not None:
        samples, span, what = colours, 256, COLOURS
    elif head.colour == PALETTE:
        span = 1 << head.depth
    else:
        samples, span = widened(samples, head.depth), span_of(head.depth)
    out = ByteWriter().byte(what).byte(head.depth).byte(head.colour).byte(head.interlaced)
    pack_frame(out, before, after, (SIGNATURE + head.chunk(), END))
    return Media(samples, span, out.done())


def build(meta: ByteReader, samples: Ints) -> bytes:
    """The file."""
    check_shape(samples)
    what, depth, colour, interlaced = (meta.byte() for _ in range(4))
    if what > COLOURS or depth not in DEPTHS.get(colour, ()) or interlaced > 1 or (what and colour != PALETTE):
        raise CorruptContainer("the container states a kind of PNG that there is not")
    head = Head(samples.shape[2], samples.shape[1], depth, colour, bool(interlaced))
    before, after = unpack_frame(meta, (SIGNATURE + head.chunk(), END))
    if head_of(before) != head:
        raise CorruptContainer("the container states a head that its picture has not")
    if what == COLOURS:
        samples = indices_of(samples, palette_of(chunks(before)))
    stored = within(samples, depth) if colour == PALETTE else narrowed(samples, depth)
    if len(stored) != PLANES[colour]:
        raise CorruptContainer("the container states a head that its picture has not")
    return before + pixels_chunk(stored.astype(np.uint16 if depth == 16 else np.uint8), head) + after


# -- what becomes PNG --------------------------------------------------------------------------------------------------


def _beside(picture: Picture) -> bytes:
    """Chunks for what decides how a picture looks (section 11.3 of the standard)."""
    parts: list[bytes] = []
    if icc := picture.info.get("icc"):
        parts.append(chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc, 9)))
    if picture.palette is not None:
        clear = np.flatnonzero(picture.palette[:, 3] < 255)
        used = picture.palette[: max(int(picture.stored.max()), int(clear.max(initial=0))) + 1]
        parts.append(chunk(b"PLTE", used[:, :3].tobytes()))
        if clear.size:
            parts.append(chunk(b"tRNS", used[:, 3].tobytes()))
    elif picture.opaque_but is not None:
        parts.append(chunk(b"tRNS", struct.pack(f">{len(picture.opaque_but)}H", *picture.opaque_but)))
    if exif := picture.info.get("exif", b"").removeprefix(b"Exif\0\0"):
        parts.append(chunk(b"eXIf", exif))
    if xmp := picture.info.get("xmp"):
        parts.append(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
    return b"".join(parts)


def kept(picture: Picture) -> str:
    """What of a picture is the same after it was written in another way, in words."""
    names = {"icc": "colour profile", "exif": "EXIF", "xmp": "XMP"}
    parts = ["pixels", *(names[key] for key in picture.info)]
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
