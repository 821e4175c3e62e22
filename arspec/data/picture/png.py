"""The structure of PNG files (ISO/IEC 15948): their chunks, and the stream of pixels, which is written here.

Pillow reads every depth, and writes no colours of 16 bits and no greys of 2 or 4 bits.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from arspec.data.examples import Array

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}
PLANES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
# the passes of Adam7: first row, first column, step of rows, step of columns
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))

FILTERED = 1 << 20  # bytes whose filters are tried at once
INFLATED = 1 << 20  # bytes that are inflated at once


@dataclass(frozen=True)
class Head:
    """The head of a PNG file. colour: a key of DEPTHS."""

    columns: int
    rows: int
    depth: int
    colour: int
    interlaced: bool

    def chunk(self) -> bytes:
        """The head as a chunk."""
        body = (self.columns, self.rows, self.depth, self.colour, 0, 0, int(self.interlaced))
        return chunk(b"IHDR", struct.pack(">IIBBBBB", *body))


def head_of(data: bytes) -> Head | None:
    """The head; None where there is none, or none that the standard knows."""
    if data[:8] != SIGNATURE or data[12:16] != b"IHDR" or len(data) < 33:
        return None
    columns, rows, depth, colour, method, filters, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if colour not in DEPTHS or depth not in DEPTHS[colour] or method or filters or interlace > 1:
        return None
    return Head(columns, rows, depth, colour, bool(interlace))


def around_pixels(data: bytes) -> tuple[bytes, bytes] | None:
    """What stands before the stream of pixels and what stands after it; None where the chunks are not in order."""
    place, first, last = 8, None, None
    while place + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + size
        if end > len(data):
            return None
        if kind == b"IDAT":
            if last is not None and last != place:
                return None
            first, last = place if first is None else first, end
        place = end
        if kind == b"IEND":
            break
    return None if first is None or last is None else (data[:first], data[last:])


def holds_all(data: bytes, head: Head) -> bool:
    """Whether the stream has as many bytes as the size of the picture asks for; pillow fills up what is missing."""
    sizes = [
        (len(range(top, head.rows, down)), len(range(left, head.columns, along))) for top, left, down, along in ADAM7
    ]
    if not head.interlaced:
        sizes = [(head.rows, head.columns)]
    bits = PLANES[head.colour] * head.depth
    wanted = sum(rows * (1 + (columns * bits + 7) // 8) for rows, columns in sizes if columns)
    inflater, place = zlib.decompressobj(), 8
    while place + 12 <= len(data) and wanted > 0:
        size, kind = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + size] if kind == b"IDAT" else b""
        while body and wanted > 0 and not inflater.eof:
            wanted -= len(inflater.decompress(body, INFLATED))
            body = inflater.unconsumed_tail
        place += 12 + size
    return wanted <= 0


def chunks(data: bytes) -> dict[bytes, bytes]:
    """The first chunk of each kind before the pixels."""
    found: dict[bytes, bytes] = {}
    place = 8
    while place + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"IDAT":
            break
        found.setdefault(kind, data[place + 8 : place + 8 + size])
        place += 12 + size
    return found


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def palette_of(found: dict[bytes, bytes]) -> Array:
    """The colours of a palette, uint8 [n, 4]."""
    colours = found.get(b"PLTE", b"")
    palette = np.full((len(colours) // 3, 4), 255, np.uint8)
    palette[:, :3] = np.frombuffer(colours, np.uint8, len(palette) * 3).reshape(-1, 3)
    alpha = found.get(b"tRNS", b"")[: len(palette)]
    palette[: len(alpha), 3] = np.frombuffer(alpha, np.uint8)
    return palette


def transparent_colour(found: dict[bytes, bytes], head: Head) -> tuple[int, ...] | None:
    """The one colour that is transparent, of pictures without a palette and without alpha."""
    body, planes = found.get(b"tRNS", b""), PLANES[head.colour]
    if head.colour not in (GREY, RGB) or len(body) < 2 * planes:
        return None
    return tuple(value & (1 << head.depth) - 1 for value in struct.unpack_from(f">{planes}H", body))


def png_file(stored: Array, depth: int) -> bytes:
    """Numbers [C, H, W] of so many bits as a file: grey, or colours, with alpha where C is 2 or 4."""
    colour = {planes: colour for colour, planes in PLANES.items() if colour != PALETTE}[len(stored)]
    head = Head(stored.shape[2], stored.shape[1], depth, colour, False)
    return SIGNATURE + head.chunk() + pixels_chunk(stored, head) + chunk(b"IEND", b"")


def pixels_chunk(stored: Array, head: Head) -> bytes:
    """Numbers [C, H, W] as the chunk IDAT."""
    parts = [stored[:, top::down, left::along] for top, left, down, along in ADAM7] if head.interlaced else [stored]
    rows = b"".join(_filtered(part, head) for part in parts if part.size)
    return chunk(b"IDAT", zlib.compress(rows, 9))


def packed(stored: Array, bits: int) -> Array:
    """Numbers [C, H, W] of so many bits as rows of bytes, uint8 [H, n]; the highest bits of a byte come first."""
    rows = stored.transpose(1, 2, 0).reshape(stored.shape[1], -1)
    if bits == 16:
        return np.ascontiguousarray(rows, dtype=">u2").view(np.uint8)
    if bits == 8:
        return rows.astype(np.uint8)
    places = (rows[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(places.reshape(len(rows), -1).astype(np.uint8), axis=1)


def _filtered(stored: Array, head: Head) -> bytes:
    """Rows, each with the filter before it that leaves the smallest differences (section 12.7 of the standard)."""
    rows = packed(stored, head.depth)
    if head.colour == PALETTE or head.depth < 8:  # differences of indices and of packed bits mean nothing
        return np.insert(rows, 0, 0, axis=1).tobytes()
    step = PLANES[head.colour] * head.depth // 8
    wide = np.pad(rows, ((1, 0), (step, 0)))
    many = max(1, FILTERED // wide.shape[1])
    return b"".join(_best(wide[top : top + many + 1].astype(np.int16), step) for top in range(0, len(rows), many))


def _best(wide: Array, step: int) -> bytes:
    """Rows [1 + n, step + bytes], of which the first is the one above, each with its filter before it."""
    rows, left, above, both = wide[1:, step:], wide[1:, :-step], wide[:-1, step:], wide[:-1, :-step]
    distances = np.abs(np.stack([above - both, left - both, left + above - 2 * both]))
    paeth = np.choose(distances.argmin(0), [left, above, both])
    guesses = (np.zeros_like(left), left, above, (left + above) >> 1, paeth)
    candidates = np.stack([(rows - guess).astype(np.uint8) for guess in guesses])
    kinds = np.abs(candidates.view(np.int8).astype(np.int32)).sum(2).argmin(0)
    return np.insert(candidates[kinds, np.arange(len(rows))], 0, kinds, axis=1).tobytes()
