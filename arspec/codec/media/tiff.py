"""TIFF files (Adobe, TIFF 6.0, 1992), written again: one strip, deflated, with the tags of the file before."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from arspec.codec.wire import CorruptContainer
from arspec.data.examples import Array
from arspec.data.picture.base import Picture

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # bytes of a value of each type
SHORT, LONG, UNDEFINED = 3, 4, 7
DEFLATE, DIFFERENCES = 8, 2  # compression, and the predictor: differences along a row
# tags that this file writes itself, or that say how and where the numbers lay, or where other tables lie
PLACES = {273, 279, 288, 289, 324, 325}
OTHER_TABLES = {330, 34665, 34853, 40965}
REWRITTEN = {
    256,
    257,
    258,
    259,
    262,
    266,
    277,
    278,
    284,
    292,
    293,
    317,
    322,
    323,
    347,
    *range(512, 522),
    *range(529, 533),
}
MOST_TAGS = 1 << 12


@dataclass(frozen=True)
class Written:
    """A TIFF file up to its numbers. length_at: where the length of the strip is to be put. lost: tables left out."""

    head: bytes
    length_at: int
    order: str
    lost: bool


def rewritten(picture: Picture, data: bytes) -> Written | None:
    """The file for a picture, with the tags of `data`, where that is a TIFF file; None where its tags can't be read."""
    order = ">" if data[:2] == b"MM" else "<"
    tags: dict[int, tuple[int, int, bytes]] = {}
    if data[:4] in (b"II*\0", b"MM\0*"):
        found = _tags(data, order)
        if found is None:
            return None
        tags = found
    elif data[:2] in (b"II", b"MM"):  # BigTIFF
        return None
    lost = any(tag in OTHER_TABLES for tag in tags)
    tags = {tag: entry for tag, entry in tags.items() if tag not in PLACES | OTHER_TABLES | REWRITTEN}
    planes, rows, columns = picture.stored.shape
    photometric = (
        3
        if picture.palette is not None
        else {"CMYK": 5, "RGB": 2, "RGBA": 2}.get(picture.kind, int(not picture.inverted))
    )

    def put(tag: int, kind: int, *values: int) -> None:
        tags[tag] = (kind, len(values), struct.pack(f"{order}{len(values)}{'H' if kind == SHORT else 'L'}", *values))

    put(256, LONG, columns)
    put(257, LONG, rows)
    put(258, SHORT, *[picture.bits] * planes)
    put(259, SHORT, DEFLATE)
    put(262, SHORT, photometric)
    put(273, LONG, 0)
    put(277, SHORT, planes)
    put(278, LONG, rows)
    put(279, LONG, 0)
    put(284, SHORT, 1)
    if picture.bits in (8, 16):
        put(317, SHORT, DIFFERENCES)
    if picture.kind in ("LA", "RGBA") and 338 not in tags:
        put(338, SHORT, 1 if picture.premultiplied else 2)
    if picture.orientation != 1 or 274 in tags:
        put(274, SHORT, picture.orientation)
    if data[:2] not in (b"II", b"MM"):
        for tag, key in ((34675, "icc"), (700, "xmp")):
            if key in picture.info:
                tags[tag] = (UNDEFINED, len(picture.info[key]), picture.info[key])
    return _table(tags, order, lost)


def differences(stored: Array) -> Array:
    """Numbers [C, H, W] of 8 or 16 bits as the differences from those on their left (TIFF 6.0, section 14)."""
    found = stored.copy()
    found[:, :, 1:] -= stored[:, :, :-1]
    return found


def _tags(data: bytes, order: str) -> dict[int, tuple[int, int, bytes]] | None:
    """The tags of the first table: number -> type, count and the bytes of the values."""
    try:
        (place,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, place)
        if count > MOST_TAGS:
            return None
        tags: dict[int, tuple[int, int, bytes]] = {}
        for number in range(count):
            tag, kind, many, inside = struct.unpack_from(f"{order}HHI4s", data, place + 2 + 12 * number)
            size = SIZES.get(kind, 0) * many
            if size <= 4:
                value = inside[:size]
            else:
                (start,) = struct.unpack(f"{order}I", inside)
                value = data[start : start + size]
            if kind in SIZES and len(value) == size:
                tags[tag] = (kind, many, value)
        return tags
    except struct.error:
        return None


def _table(tags: dict[int, tuple[int, int, bytes]], order: str, lost: bool) -> Written:
    place = 8 + 2 + 12 * len(tags) + 4
    entries, more, length_at = bytearray(), bytearray(), 0
    for tag, (kind, count, value) in sorted(tags.items()):
        entries += struct.pack(f"{order}HHI", tag, kind, count)
        if tag == 279:
            length_at = 10 + len(entries)
        if len(value) <= 4:
            entries += value.ljust(4, b"\0")
        else:
            entries += struct.pack(f"{order}I", place + len(more))
            more += value + bytes(len(value) % 2)
    start = 10 + 12 * sorted(tags).index(273) + 8
    head = bytearray(b"II" if order == "<" else b"MM")
    head += struct.pack(f"{order}HIH", 42, 8, len(tags)) + entries + bytes(4) + more
    struct.pack_into(f"{order}I", head, start, len(head))
    return Written(bytes(head), length_at, order, lost)


def with_strip(head: bytes, length_at: int, little: bool, numbers: bytes) -> bytes:
    """The file of a head, and of the bytes of the numbers, which are deflated."""
    body = zlib.compress(numbers, 9)
    if length_at + 4 > len(head):
        raise CorruptContainer("the container states a TIFF file that cannot be")
    return head[:length_at] + struct.pack("<I" if little else ">I", len(body)) + head[length_at + 4 :] + body
