"""FLAC files: the same samples and the same tags and pictures. The file is encoded anew, so that its bytes differ."""

from __future__ import annotations

import zlib

import numpy as np

from arspec.codec.media.base import MOST_FRAME, Media, inflated
from arspec.codec.media.sound import keeps, written
from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.data.sound import opened, whole
from arspec.diagnostics import InputError
from arspec.types import Ints

WIDTHS = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}
# Blocks before the samples (RFC 9639, section 8): the encoder states the first kind itself; padding holds nothing, and
# a table of places is right for the bytes of one encoding alone.
STREAM, PADDING, SEEK_TABLE = 0, 1, 3
LAST = 0x80  # in a block's first byte: no other comes after it


def parse(data: bytes, name: str) -> Media | None:
    """A FLAC file; None for any other sound. InputError for what is no sound."""
    with opened(data, name) as file:
        if file.format != "FLAC" or file.subtype not in WIDTHS:
            return None
        bits, rate = WIDTHS[file.subtype], int(file.samplerate)
        values = whole(file, name, "int32")
    samples = (values.astype(np.int64).T >> 32 - bits) + (1 << bits - 1)
    kept = [block for block in _blocks(data)[0] if block[0] & ~LAST not in (STREAM, PADDING, SEEK_TABLE)]
    tags = b"".join(kept)
    if len(tags) > MOST_FRAME:
        raise InputError("AR804", f"{name} holds {len(tags):,} bytes of tags and pictures, and {MOST_FRAME:,} are kept")
    meta = ByteWriter().byte(bits).number(rate).prefixed(zlib.compress(tags, 9)).done()
    if not keeps(build, meta, samples, values):
        return None
    return Media(np.ascontiguousarray(samples), 1 << bits, meta, exact=False, kept="samples and tags")


def build(meta: ByteReader, samples: Ints) -> bytes:
    """A file of the same samples, rate, width and tags."""
    bits, rate = meta.byte(), meta.number(1 << 20)
    subtype = {width: subtype for subtype, width in WIDTHS.items()}.get(bits)
    tags = inflated(meta.prefixed(), MOST_FRAME + 1)
    if subtype is None:
        raise CorruptContainer("the container states a FLAC file of a width that there is not")
    values = (samples.T - (1 << bits - 1)) << 32 - bits
    anew = written(values.astype(np.int32), rate, "FLAC", subtype)
    blocks, end = _blocks(anew)
    if not blocks:
        raise CorruptContainer("a FLAC file of no samples cannot be written")
    every = [blocks[0], *_split(tags)]
    marked = [bytes([block[0] & ~LAST | (LAST if block is every[-1] else 0)]) + block[1:] for block in every]
    return b"fLaC" + b"".join(marked) + anew[end:]


def _blocks(data: bytes) -> tuple[list[bytes], int]:
    """The blocks before the samples, each with its head of four bytes, and where the samples begin."""
    place = data.find(b"fLaC") + 4  # some programs put other tags in front
    found: list[bytes] = []
    while place + 4 <= len(data):
        size = 4 + int.from_bytes(data[place + 1 : place + 4], "big")
        found.append(data[place : place + size])
        place += size
        if found[-1][0] & LAST:
            break
    return found, place


def _split(tags: bytes) -> list[bytes]:
    """Blocks that were joined."""
    found: list[bytes] = []
    place = 0
    while place < len(tags):
        size = 4 + int.from_bytes(tags[place + 1 : place + 4], "big")
        found.append(tags[place : place + size])
        place += size
    if place != len(tags):
        raise CorruptContainer("the container holds tags that end too early")
    return found
