"""The body of a part: what is needed to make a file of its levels, the streams, and the hash of the content."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass

import numpy as np

from arspec.codec.alphabet import Alphabet
from arspec.codec.container import HASH, digest
from arspec.codec.media import FORMATS
from arspec.codec.wire import Damaged, In, Out
from arspec.types import Ints

MOST_AXES = 8
MOST_NAME = 4096
MOST_APART = 20  # 2^20 symbols, between two checks


@dataclass(frozen=True)
class Part:
    """A part of a container.

    name: of the file, with / between folders. form: number of its format. meta: the format's own bytes.
    shape: of the samples. every: symbols between checks, a power of two. marks, exceptions, places: packed guarded numbers, values
    without a level, places of values within their level. symbols: the stream. content: hash of name, meta and samples.
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
        return math.prod(self.shape)

    def pack(self) -> bytes:
        out = Out().piece(self.name.encode()).byte(self.form).piece(self.meta).byte(len(self.shape))
        for size in self.shape:
            out.number(size)
        out.byte(self.alphabet.kind).number(self.alphabet.values).byte(self.every.bit_length() - 1)
        out.piece(self.marks).piece(self.exceptions).piece(self.places).raw(self.content).raw(self.symbols)
        return out.done()

    @staticmethod
    def unpack(body: bytes, levels: int, limit: int) -> Part:
        """Reads a body. limit: how many values a part may have at the most."""
        source = In(body)
        name, form, meta, axes = checked_name(source.piece()), source.byte(), source.piece(), source.byte()
        if form >= len(FORMATS) or axes > MOST_AXES or FORMATS[form][2] not in (None, axes):
            raise Damaged("the container holds a part of a kind that there is not")
        shape = tuple(source.number(1 << 40) for _ in range(axes))
        if math.prod(max(size, 1) for size in shape) > limit:
            raise Damaged(f"{name} claims more than {limit:,} values", "raise --limit if you trust the container")
        alphabet = Alphabet(source.byte(), source.number(1 << 32), levels)
        every, marks, exceptions, places = source.byte(), source.piece(), source.piece(), source.piece()
        content = source.raw(HASH)
        if every > MOST_APART:
            raise Damaged("the container states checks that are never made")
        return Part(name, form, meta, shape, alphabet, 1 << every, marks, exceptions, places, source.rest(), content)


def content_hash(name: str, form: int, meta: bytes, samples: Ints) -> bytes:
    """The hash of what a file is made of."""
    head = Out().piece(name.encode()).byte(form).piece(meta)
    for size in samples.shape:
        head.number(size)
    return digest(digest(head.done()) + np.ascontiguousarray(samples, "<i8").tobytes())


def checked_name(raw: bytes) -> str:
    """A relative path that stays in the folder that it is written to; Damaged for any other."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise Damaged("the container holds a name that is no text") from None
    pieces = name.split("/")
    odd = any(unicodedata.category(char) in ("Cc", "Cs") or char in "\\:" for char in name)
    if not name or len(raw) > MOST_NAME or odd or any(piece in ("", ".", "..") for piece in pieces):
        raise Damaged(f"the container holds the name {name[:80]!r}, which is no plain relative path")
    return name
