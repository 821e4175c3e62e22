"""PBM, PGM and PPM pictures, binary and plain (netpbm's formats P1 to P6), at their own depth.

Pillow 13 reads them too, but not all as they are stored. It gives the same samples of bitmaps, of grey with the largest
value 255 or 65535, and of colours with 255. With any other largest value it scales the samples, and colours of 16 bits
lose eight. It does not say where the samples lie in the file either, which the codec needs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from arspec.data.examples import Array
from arspec.data.picture.base import Picture, check_size
from arspec.diagnostics import InputError

_SPACE = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P([1-6])" + _SPACE + rb"(\d{1,9})" + _SPACE + rb"(\d{1,9})")
_HIGHEST = re.compile(_SPACE + rb"(\d{1,5})")


@dataclass(frozen=True)
class Pnm:
    """A picture of this kind. number: the digit behind the P. highest: the largest number that a sample can be.

    start, end: the place of the samples in the file. stored: uint8 or uint16 [C, H, W]; of bitmaps 1 is black.
    """

    number: int
    highest: int
    start: int
    end: int
    stored: Array


def is_pnm(data: bytes) -> bool:
    """Whether a file begins like one of these."""
    return data[:1] == b"P" and data[1:2].isdigit() and data[1:2] in b"123456" and data[2:3] in b" \t\r\n\v\f#"


def read_pnm(data: bytes, name: str) -> Pnm:
    """The picture of a file that `is_pnm`. InputError where it is damaged."""
    head = _HEADER.match(data[: 1 << 16])
    if head is None:
        raise _damaged(name, "its header states no size")
    number, columns, rows = (int(head[i]) for i in (1, 2, 3))
    check_size(columns, rows, name)
    highest, start = 1, head.end()
    if number not in (1, 4):
        found = _HIGHEST.match(data[: 1 << 17], start)
        if found is None or not 1 <= int(found[1]) <= 0xFFFF:
            raise _damaged(name, "its header states no largest value from 1 to 65535")
        highest, start = int(found[1]), found.end()
    if not data[start : start + 1].isspace():
        raise _damaged(name, "its header has no end")
    start += 1
    planes = 3 if number in (3, 6) else 1
    count = planes * columns * rows
    if number == 4:
        stored, end = _bitmap(data, name, start, columns, rows)
    elif number in (5, 6):
        width = 1 if highest < 256 else 2
        end = start + count * width
        _enough(data, end, name)
        flat = np.frombuffer(data, ">u2" if width == 2 else np.uint8, count, start)
        stored = flat.reshape(rows, columns, planes).transpose(2, 0, 1)
    else:
        stored, end = _plain(data[start:], name, count, number == 1), len(data)
        stored = stored.reshape(rows, columns, planes).transpose(2, 0, 1)
    if (top := int(stored.max())) > highest:
        raise _damaged(name, f"it holds the value {top}, and its header states {highest} as the largest")
    return Pnm(number, highest, start, end, stored.astype(np.uint8 if highest < 256 else np.uint16))


def decode(data: bytes, name: str) -> Picture:
    """The picture of a file that `is_pnm`."""
    found = read_pnm(data, name)
    bitmap = found.number in (1, 4)
    bits = 1 if bitmap else 8 if found.highest < 256 else 16
    return Picture(
        1 - found.stored if bitmap else found.stored,
        found.highest + 1,
        bits,
        "RGB" if len(found.stored) == 3 else "L",
        "PPM",
        inverted=bitmap,
    )


def _bitmap(data: bytes, name: str, start: int, columns: int, rows: int) -> tuple[Array, int]:
    across = -(-columns // 8)
    end = start + across * rows
    _enough(data, end, name)
    packed = np.frombuffer(data, np.uint8, across * rows, start).reshape(rows, across)
    return np.unpackbits(packed, axis=1)[None, :, :columns], end


def _plain(text: bytes, name: str, count: int, bitmap: bool) -> Array:
    """Samples that are written out as decimal numbers; those of a bitmap need no space between them."""
    words = re.sub(rb"#[^\n]*", b"", text)
    found = re.findall(rb"[01]" if bitmap else rb"\d{1,5}", words)[:count]
    if len(found) < count or re.search(rb"[^\d\s]", words):
        raise _damaged(name, "it ends too early" if len(found) < count else "it holds something else than numbers")
    return np.array(found, dtype="S5").astype(np.uint32)


def _enough(data: bytes, end: int, name: str) -> None:
    if end > len(data):
        raise _damaged(name, f"it ends {end - len(data)} bytes too early")


def _damaged(name: str, why: str) -> InputError:
    return InputError("AR803", f"cannot read {name} as an image: {why}")
