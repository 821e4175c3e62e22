"""The body of a part: what is needed to make a file of its levels, the streams, and the hash of the content."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass

import numpy as np

from arspec.codec.alphabet import Alphabet
from arspec.codec.container import HASH, digest
from arspec.codec.media import FORMATS
from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.types import Ints

MOST_AXES = 8
MOST_NAME = 4096
MOST_APART = 20  # 2^20 symbols, between two checks


@dataclass(frozen=True)
class Part:
    """A part of a container.

    name: of the file, with / between folders. form: number of its format. meta: the format's own bytes.
    shape: of the samples. every: symbols between checks, a power of two. marks, exceptions, places: packed guarded
    numbers, values without a level, places of values within their level. symbols: the stream. content:
    hash of name, meta and samples.
    """

    name: str
    form: int
    meta: bytes
    shape: tuple[int, ...]
    alphabet: Alphabet
    every: int
    marks: bytes
    exceptions: bytes
    places: bytes
    symbols: bytes
    content: bytes

    @property
    def size(self) -> int:
        """How many values the part has."""
        return math.prod(self.shape)

    def pack(self, before: Part | None = None) -> bytes:
        """The body. What is as in the part before is not repeated."""
        alike = before is not None and (self.form, self.meta, self.alphabet) == (
            before.form,
            before.meta,
            before.alphabet,
        )
        shaped = before is not None and self.shape == before.shape
        optional = (self.marks, self.exceptions, self.places)
        flags = sum(1 << k for k, is_so in enumerate((alike, shaped, *map(bool, optional))) if is_so)
        out = ByteWriter().prefixed(self.name.encode()).byte(flags)
        if not alike:
            out.byte(self.form).prefixed(self.meta).byte(self.alphabet.kind).number(self.alphabet.values)
        if not shaped:
            out.byte(len(self.shape))
            for size in self.shape:
                out.number(size)
        out.byte(self.every.bit_length() - 1)
        for piece in optional:
            if piece:
                out.prefixed(piece)
        return out.raw(self.content).raw(self.symbols).done()

    @staticmethod
    def unpack(body: bytes, levels: int, limit: int, before: Part | None = None) -> Part:
        """Reads a body, knowing the part before. limit: how many values a part may have at the most."""
        source = ByteReader(body)
        name, flags = checked_name(source.prefixed()), source.byte()
        if flags >> 5 or (before is None and flags & 3):
            raise CorruptContainer(f"{name} is like a part that there is not")
        if before is not None and flags & 1:
            form, meta, alphabet = before.form, before.meta, before.alphabet
        else:
            form, meta = source.byte(), source.prefixed()
            alphabet = Alphabet(source.byte(), source.number(1 << 32), levels)
        if before is not None and flags & 2:
            shape = before.shape
        else:
            axes = source.byte()
            shape = tuple(source.number(1 << 40) for _ in range(min(axes, MOST_AXES + 1)))
        if form >= len(FORMATS) or len(shape) > MOST_AXES or FORMATS[form].axes not in (None, len(shape)):
            raise CorruptContainer("the container holds a part of a kind that there is not")
        if math.prod(max(size, 1) for size in shape) > limit:
            raise CorruptContainer(
                f"{name} claims more than {limit:,} values", "raise --limit if you trust the container"
            )
        every = source.byte()
        if every > MOST_APART:
            raise CorruptContainer("the container states checks that are never made")
        marks, exceptions, places = (source.prefixed() if flags & (4 << k) else b"" for k in range(3))
        content = source.raw(HASH)
        return Part(name, form, meta, shape, alphabet, 1 << every, marks, exceptions, places, source.rest(), content)


def content_hash(name: str, form: int, meta: bytes, samples: Ints) -> bytes:
    """The hash of what a file is made of."""
    head = ByteWriter().prefixed(name.encode()).byte(form).prefixed(meta)
    for size in samples.shape:
        head.number(size)
    return digest(digest(head.done()) + np.ascontiguousarray(samples, "<i8").tobytes())


def checked_name(raw: bytes) -> str:
    """A relative path that stays in the folder that it is written to; CorruptContainer for any other."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise CorruptContainer("the container holds a name that is no text") from None
    pieces = name.split("/")
    odd = any(unicodedata.category(char) in ("Cc", "Cs") or char in "\\:" for char in name)
    if not name or len(raw) > MOST_NAME or odd or any(piece in ("", ".", "..") for piece in pieces):
        raise CorruptContainer(f"the container holds the name {name[:80]!r}, which is no plain relative path")
    return name
