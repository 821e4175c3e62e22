"""Sound files whose samples lie in them as they are (WAV, AIFF, AU, CAF, W64 ...), byte for byte.

soundfile says what the samples are; where they lie is found by looking for their bytes. A model codes whole numbers: of
a float it codes the nearest one of 16 or 24 bits, of a companded byte the one that it stands for. What that leaves open
is the difference of the bytes from those that the whole number predicts, and is kept beside.
"""

from __future__ import annotations

import zlib
from functools import cache

import numpy as np

from arspec.codec.media.base import Media, inflated, pack_frame, unpack_frame
from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.data.examples import Array
from arspec.data.sound import opened, whole
from arspec.types import Ints

# subtypes of soundfile: bytes a sample, and what they are read as. New ones come at the end.
SUBTYPES = {"PCM_S8": (1, "int32"), "PCM_U8": (1, "int32"), "PCM_16": (2, "int32"), "PCM_24": (3, "int32"),
            "PCM_32": (4, "int32"), "FLOAT": (4, "float32"), "DOUBLE": (8, "float64"), "ULAW": (1, "int16"),
            "ALAW": (1, "int16")}  # fmt: skip
ORDERS = ("little", "big")


def parse(data: bytes, name: str) -> Media | None:
    """A sound file that is not compressed; None for any other file that is sound. InputError for what is none."""
    with opened(data, name) as file:
        subtype = str(file.subtype)
        if subtype not in SUBTYPES or file.format == "FLAC":  # which calls its samples so, and codes them
            return None
        values = whole(file, name, SUBTYPES[subtype][1])
    bits, samples = _samples(values, subtype)
    for order in ORDERS:
        predicted = _bytes(samples, bits, subtype, order)
        # floats and companded bytes are looked for as they were read, for the prediction leaves something open
        place = _place(data, values, predicted, subtype, order)
        if place >= 0:
            found = np.frombuffer(data, np.uint8, predicted.size, place).reshape(predicted.shape)
            out = ByteWriter().byte(list(SUBTYPES).index(subtype)).byte(ORDERS.index(order)).byte(bits)
            pack_frame(out, data[:place], data[place + predicted.size :], (b"", b""))
            out.prefixed(_packed(_as_numbers(found, order) - _as_numbers(predicted, order), predicted.shape[-1]))
            return Media(np.ascontiguousarray(samples.T), 1 << bits, out.done())
    return None


def build(meta: ByteReader, samples: Ints) -> bytes:
    """The file."""
    number, big, bits = meta.byte(), meta.byte(), meta.byte()
    if number >= len(SUBTYPES) or big > 1 or bits not in (8, 16, 24, 32):
        raise CorruptContainer("the container states a kind of sound that there is not")
    subtype, order = list(SUBTYPES)[number], ORDERS[big]
    width, kind = SUBTYPES[subtype]
    if bits != 8 * width if kind == "int32" else bits == 32 or (kind == "int16" and bits != 16):
        raise CorruptContainer("the container states samples of a width that there is not")
    before, after = unpack_frame(meta, (b"", b""))
    predicted = _bytes(samples.T, bits, subtype, order)
    open_ = _unpacked(meta.prefixed(), predicted.shape)
    found = predicted if open_ is None else _as_bytes(_as_numbers(predicted, order) + open_, width, order)
    return before + found.tobytes() + after


# -- samples and their bytes -------------------------------------------------------------------------------------------


def _samples(values: Array, subtype: str) -> tuple[int, Ints]:
    """What the model codes, whole numbers from 0 to 2^bits - 1, and `bits`."""
    width, kind = SUBTYPES[subtype]
    if kind == "int32":  # soundfile puts whole numbers into the highest bits
        bits, numbers = 8 * width, values.astype(np.int64) >> 32 - 8 * width
    elif kind == "int16":
        bits, numbers = 16, values.astype(np.int64)
    else:
        with np.errstate(invalid="ignore"):  # of NaNs that signal
            inside = np.clip(np.nan_to_num(values.astype(np.float64)), -1, 1)
        bits = 16 if (inside * 2.0**15 == np.rint(inside * 2.0**15)).all() else 24
        half = 1 << bits - 1
        numbers = np.clip(np.trunc(inside * half), -half, half - 1).astype(np.int64)
    return bits, numbers + (1 << bits - 1)


def _bytes(samples: Ints, bits: int, subtype: str, order: str) -> Array:
    """The bytes [frames, channels, width] of a file that holds just these samples."""
    width, kind = SUBTYPES[subtype]
    signed = samples - (1 << bits - 1)
    if subtype == "PCM_U8":
        return _as_bytes(samples.astype(np.uint64), 1, order)
    if kind == "int32":
        return _as_bytes(signed.astype(np.uint64), width, order)
    if kind == "int16":
        table = _companding(subtype)
        codes = np.argsort(table, kind="stable")
        return codes[np.searchsorted(table[codes], signed).clip(0, 255)].astype(np.uint8)[..., None]
    floats = (signed / 2.0 ** (bits - 1)).astype(kind)
    return _as_bytes(floats.view(f"u{width}").astype(np.uint64), width, order)


def _place(data: bytes, values: Array, predicted: Array, subtype: str, order: str) -> int:
    """Where in the file the samples begin; -1 where they are not to be found."""
    width, kind = SUBTYPES[subtype]
    if kind == "int32":
        return data.find(predicted.tobytes())
    if kind == "int16":  # two bytes may stand for the same sample: both are looked for as the first of them
        table = _companding(subtype).tolist()
        first = bytes(table.index(value) for value in table)
        return data.translate(first).find(predicted.tobytes().translate(first))
    return data.find(values.astype(f"{'<' if order == 'little' else '>'}f{width}").tobytes())


def _as_bytes(numbers: Array, width: int, order: str) -> Array:
    """Numbers modulo 2^(8 width) -> [..., width]."""
    planes = np.arange(width, dtype=np.uint64) * np.uint64(8)
    low_first = (numbers[..., None] >> planes & np.uint64(0xFF)).astype(np.uint8)
    return low_first if order == "little" else low_first[..., ::-1]


def _as_numbers(found: Array, order: str) -> Array:
    """[..., width] -> numbers."""
    low_first = found if order == "little" else found[..., ::-1]
    planes = np.arange(found.shape[-1], dtype=np.uint64) * np.uint64(8)
    return (low_first.astype(np.uint64) << planes).sum(-1, dtype=np.uint64)


@cache
def _companding(subtype: str) -> Ints:
    """[256]: the 16-bit sample of each byte (ITU-T G.711)."""
    codes = np.arange(256)
    if subtype == "ULAW":
        codes = ~codes & 0xFF
        size = (((codes & 15) << 3) + 132 << (codes >> 4 & 7)) - 132
        return np.where(codes & 128, -size, size)
    codes ^= 0x55
    step = codes >> 4 & 7
    size = ((codes & 15) << 4) + np.where(step > 0, 264, 8) << np.maximum(step - 1, 0)
    return np.where(codes & 128, size, -size)


# -- what the samples leave open ---------------------------------------------------------------------------------------


def _packed(numbers: Array, width: int) -> bytes:
    """Numbers modulo 2^(8 width), their lowest bytes first; nothing where all are 0."""
    if not numbers.any():
        return b""
    return zlib.compress(np.ascontiguousarray(_as_bytes(numbers, width, "little").reshape(-1, width).T).tobytes(), 9)


def _unpacked(packed: bytes, shape: tuple[int, ...]) -> Array | None:
    """Numbers [frames, channels] that `_packed` packed for bytes of `shape`."""
    if not packed:
        return None
    frames, channels, width = shape
    size = frames * channels * width
    planes = np.frombuffer(inflated(packed, size + 1), np.uint8)
    if planes.size != size:
        raise CorruptContainer("the container holds a piece that has not the length of its samples")
    return _as_numbers(planes.reshape(width, -1).T, "little").reshape(frames, channels)
