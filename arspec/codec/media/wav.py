"""WAV files of PCM samples, byte for byte.

soundfile reads the same samples, but does not say where they lie in the file, nor what stands around them. Without that
a file cannot come back byte for byte, and without soundfile none can be read.
"""

from __future__ import annotations

import struct

import numpy as np

from arspec.codec.media.base import Media, pack_frame, unpack_frame
from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.types import Ints

PCM, EXTENSIBLE = 1, 0xFFFE
MOST = 0xFFFFFFFF  # bytes a second


def parse(data: bytes, name: str) -> Media | None:
    """A WAV file of 8 to 32 bits a sample; None for any other file."""
    found = _chunks(data)
    if found is None:
        return None
    (tag, channels, rate, _, block, bits), start, size = found
    width = bits // 8
    if tag != PCM or bits not in (8, 16, 24, 32) or not channels or block != width * channels or rate * block > MOST:
        return None
    size = min(size, len(data) - start) // block * block
    raw = np.frombuffer(data, np.uint8, size, start).reshape(-1, channels, width).astype(np.int64)
    samples = (raw << 8 * np.arange(width)).sum(-1)
    if bits > 8:  # eight bits are unsigned in WAV, wider samples are signed
        samples = (samples + (1 << bits - 1)) & ((1 << bits) - 1)
    out = ByteWriter().byte(width).number(rate)
    pack_frame(out, data[:start], data[start + size :], _usual(rate, channels, width, size))
    return Media(np.ascontiguousarray(samples.T), 1 << bits, out.done())


def build(meta: ByteReader, samples: Ints) -> bytes:
    """The file."""
    width, rate = meta.byte(), meta.number(0xFFFFFFFF)
    if not 1 <= width <= 4 or samples.shape[0] > 0xFFFF or rate * samples.shape[0] * width > MOST:
        raise CorruptContainer("the container states samples that there are not")
    size = samples.size * width
    before, after = unpack_frame(meta, _usual(rate, samples.shape[0], width, size))
    values = samples.T if width == 1 else samples.T - (1 << 8 * width - 1)
    raw = (values[..., None] >> 8 * np.arange(width)) & 0xFF
    return before + raw.astype(np.uint8).tobytes() + after


def _usual(rate: int, channels: int, width: int, size: int) -> tuple[bytes, bytes]:
    """What stands before and after the samples in the plainest file."""
    block = channels * width
    total = min(36 + size + size % 2, 0xFFFFFFFF)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", total, b"WAVE", b"fmt ", 16, PCM, channels, rate,
                       min(rate * block, 0xFFFFFFFF), block, 8 * width, b"data", min(size, 0xFFFFFFFF))  # fmt: skip
    return head, bytes(size % 2)


def _chunks(data: bytes) -> tuple[tuple[int, ...], int, int] | None:
    """The fields of the format, and where the samples begin and how many bytes they claim."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    place, fields = 12, None
    while place + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        if name == b"fmt " and size >= 16 and place + 24 <= len(data):
            fields = struct.unpack_from("<HHIIHH", data, place + 8)
            if fields[0] == EXTENSIBLE and size >= 40 and place + 34 <= len(data):  # the kind stands in a longer field
                fields = (*struct.unpack_from("<H", data, place + 32), *fields[1:])
        if name == b"data":
            return None if fields is None else (fields, place + 8, size)
        place += 8 + size + size % 2
    return None
