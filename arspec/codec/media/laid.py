"""BMP, TIFF and PBM files. Where the numbers of the pixels lie in the file as they are, it comes back byte for byte.

`decode` says what the numbers are; where they lie is found by looking for their bytes. TIFF files that are compressed
are written again with the same tags, and so are pictures that no other format keeps, such as those of a CMYK JPEG file.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from arspec.codec.media.base import Media, pack_frame, unpack_frame
from arspec.codec.media.png import one_picture
from arspec.codec.media.samples import check_shape, contiguous, narrowed, span_of, widened, within
from arspec.codec.media.tiff import differences, rewritten, with_strip
from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.data.examples import Array
from arspec.data.picture.base import Picture
from arspec.data.picture.png import packed
from arspec.data.picture.read import decode
from arspec.types import Ints

# how the numbers lie; bits of a byte in the container
LITTLE, UPWARDS, BLUE_FIRST, PADDED, WHITE_IS_ZERO, WIDENED, DEFLATED = (1 << place for place in range(7))
BITS = (1, 2, 4, 8, 12, 16)


def parse(data: bytes, name: str) -> Media | None:
    """A BMP, TIFF or PBM file; None for any other, and where its numbers can't be laid out again."""
    if data[:2] not in (b"BM", b"II", b"MM", b"P1", b"P4"):
        return None
    picture = decode(data, name)
    one_picture(picture, name)
    if picture.bits not in BITS or picture.format not in ("BMP", "TIFF", "PPM"):
        return None
    for how in _ways(picture):
        numbers = _laid(picture.stored, picture.bits, how)
        place = data.find(numbers)
        if place >= 0:
            return _media(picture, how, data[:place], data[place + len(numbers) :])
    if picture.format == "PPM":
        rows, columns = picture.stored.shape[1:]
        head = b"P4\n%d %d\n" % (columns, rows)
        return replace(_media(picture, WHITE_IS_ZERO, head, b""), exact=False, kept="pixels, in binary")
    return None if picture.format == "BMP" else rewrite(data, name)


def rewrite(data: bytes, name: str) -> Media | None:
    """Any picture, as TIFF; None where its tags can't be read."""
    picture = decode(data, name)
    one_picture(picture, name)
    written = rewritten(picture, data) if picture.bits in BITS else None
    if written is None:
        return None
    how = DEFLATED | (LITTLE if written.order == "<" else 0) | (WHITE_IS_ZERO if picture.inverted else 0)
    kept = "pixels and colour profile" if picture.format != "TIFF" else "pixels and tags"
    kept += ", without the blocks of EXIF and GPS" if written.lost else ""
    suffix = None if picture.format == "TIFF" else ".tif"
    media = _media(picture, how, written.head, b"", written.length_at)
    return replace(media, suffix=suffix, exact=False, kept=kept)


def build(meta: ByteReader, samples: Ints) -> bytes:
    """The file."""
    check_shape(samples)
    bits, how = meta.byte(), meta.byte()
    length_at = meta.number(1 << 30) if how & DEFLATED else 0
    before, after = unpack_frame(meta, (b"", b""))
    if bits not in BITS:
        raise CorruptContainer("the container states numbers of a width that there is not")
    stored = narrowed(samples, bits) if how & WIDENED else within(samples, bits)
    stored = stored.astype(np.uint16 if bits > 8 else np.uint8)
    if not how & DEFLATED:
        return before + _laid(stored, bits, how) + after
    if how & WHITE_IS_ZERO:
        stored, how = ((1 << bits) - 1 - stored).astype(stored.dtype), how & ~WHITE_IS_ZERO
    numbers = _laid(differences(stored) if bits in (8, 16) else stored, bits, how)
    return with_strip(before, length_at, bool(how & LITTLE), numbers)


def _media(picture: Picture, how: int, before: bytes, after: bytes, length_at: int | None = None) -> Media:
    samples, span = contiguous(picture.stored), 1 << picture.bits
    if picture.palette is None and picture.bits < 8:
        samples, span, how = widened(samples, picture.bits), span_of(picture.bits), how | WIDENED
    out = ByteWriter().byte(picture.bits).byte(how)
    if length_at is not None:
        out.number(length_at)
    pack_frame(out, before, after, (b"", b""))
    return Media(samples, span, out.done())


def _ways(picture: Picture) -> Iterator[int]:
    """The ways in which the numbers may lie, the likeliest first."""
    inverted = WHITE_IS_ZERO if picture.inverted else 0
    orders = (LITTLE, 0) if picture.bits == 16 else (0,)
    if picture.format != "BMP":
        yield from (inverted | order for order in orders)
        return
    blue = (BLUE_FIRST,) if len(picture.stored) > 1 else (0,)
    yield from (inverted | PADDED | up | first for up, first in itertools.product((UPWARDS, 0), blue))


def _laid(stored: Array, bits: int, how: int) -> bytes:
    """Numbers [C, H, W] as their bytes."""
    if how & WHITE_IS_ZERO:
        stored = ((1 << bits) - 1 - stored).astype(stored.dtype)
    if how & UPWARDS:
        stored = stored[:, ::-1]
    if how & BLUE_FIRST:
        stored = np.concatenate([stored[2::-1], stored[3:]])
    rows = packed(stored, bits)
    if how & LITTLE and bits == 16:
        rows = rows.reshape(len(rows), -1, 2)[..., ::-1].reshape(len(rows), -1)
    if how & PADDED:
        rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    return rows.tobytes()
