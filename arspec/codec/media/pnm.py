"""Binary PGM and PPM pictures, byte for byte."""

from __future__ import annotations

import re

import numpy as np

from arspec.codec.media.base import Media, pack_frame, unpack_frame
from arspec.codec.wire import Damaged, In, Out
from arspec.types import Ints

_HEADER = re.compile(rb"P([56])(?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,5})\s")


def parse(data: bytes, name: str) -> Media | None:
    """A picture of 8 or 16 bits a sample; None for any other file."""
    head = _HEADER.match(data[: 1 << 16])
    if head is None:
        return None
    planes = 3 if head[1] == b"6" else 1
    columns, rows, highest = (int(head[i]) for i in (2, 3, 4))
    if not 1 <= highest <= 0xFFFF:
        return None
    width = 1 if highest < 256 else 2
    size, start = planes * columns * rows * width, head.end()
    if start + size > len(data):
        return None
    flat = np.frombuffer(data, ">u2" if width == 2 else np.uint8, planes * columns * rows, start)
    samples = flat.astype(np.int64).reshape(rows, columns, planes).transpose(2, 0, 1)
    if samples.size and int(samples.max()) > highest:
        return None
    out = Out().number(highest)
    pack_frame(out, data[:start], data[start + size :], _usual(samples.shape, highest))
    return Media(np.ascontiguousarray(samples), highest + 1, out.done())


def build(meta: In, samples: Ints) -> bytes:
    """The file."""
    highest = meta.number(0xFFFF)
    if samples.shape[0] not in (1, 3):
        raise Damaged("the container states a picture that there is not")
    before, after = unpack_frame(meta, _usual(samples.shape, highest))
    return before + samples.transpose(1, 2, 0).astype(">u2" if highest > 255 else np.uint8).tobytes() + after


def _usual(shape: tuple[int, ...], highest: int) -> tuple[bytes, bytes]:
    planes, rows, columns = shape
    return b"P%d\n%d %d\n%d\n" % (6 if planes == 3 else 5, columns, rows, highest), b""
