"""PGM and PPM pictures: binary ones byte for byte, those written out as text with the same samples."""

from __future__ import annotations

import numpy as np

from arspec.codec.media.base import Media, pack_frame, unpack_frame
from arspec.codec.media.samples import contiguous
from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.data.picture.pnm import is_pnm, read_pnm
from arspec.types import Ints


def parse(data: bytes, name: str) -> Media | None:
    """A picture of 8 or 16 bits a sample; None for any other file. InputError for a damaged one."""
    if not is_pnm(data) or data[1:2] in b"14":  # bitmaps, whose bits are packed
        return None
    found = read_pnm(data, name)
    samples, out = contiguous(found.stored), ByteWriter().number(found.highest)
    usual = _usual(samples.shape, found.highest)
    if found.number in (5, 6):
        pack_frame(out, data[: found.start], data[found.end :], usual)
        return Media(samples, found.highest + 1, out.done())
    pack_frame(out, *usual, usual)
    return Media(samples, found.highest + 1, out.done(), None, False, "pixels, in binary")


def build(meta: ByteReader, samples: Ints) -> bytes:
    """The file."""
    highest = meta.number(0xFFFF)
    if samples.shape[0] not in (1, 3):
        raise CorruptContainer("the container states a picture that there is not")
    before, after = unpack_frame(meta, _usual(samples.shape, highest))
    return before + samples.transpose(1, 2, 0).astype(">u2" if highest > 255 else np.uint8).tobytes() + after


def _usual(shape: tuple[int, ...], highest: int) -> tuple[bytes, bytes]:
    planes, rows, columns = shape
    return b"P%d\n%d %d\n%d\n" % (6 if planes == 3 else 5, columns, rows, highest), b""
