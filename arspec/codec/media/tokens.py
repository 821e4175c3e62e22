"""Text files for a model of tokens: the tokenizer of the model makes whole numbers of them. Every file comes back byte
for byte.

A tokenizer need not give back what it took. The text is cut between lines where it does not, and a line that still
comes back otherwise, or is no UTF-8, is kept beside the tokens as it is.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from arspec.codec.alphabet import FEWEST
from arspec.codec.media.base import MOST_FRAME, Media, inflated
from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.diagnostics import InputError
from arspec.types import Ints

if TYPE_CHECKING:
    from arspec.data.tokenizer import Tokenizer

LINE = b"\n"


def parse(data: bytes, name: str, tokenizer: Tokenizer | None = None) -> Media | None:
    """Any text as tokens, in pieces that the tokenizer gives back as they are. None without a tokenizer. InputError for
    a file of which less than three quarters are such text."""
    if tokenizer is None:
        return None
    numbers: list[Ints] = []
    out, lost = ByteWriter(), 0
    for text, tokens in _pieces(data, tokenizer):
        numbers.append(tokens)
        beside = b"" if len(tokens) or not text else text
        lost += len(beside)
        out.number(len(tokens)).prefixed(beside)
    if lost * FEWEST > len(data):
        message = f"{name} is no text that the model's tokenizer gives back: {lost:,} of {len(data):,} bytes are none"
        raise InputError("AR868", message, "use a model of bytes (levels: 256)")
    packed = out.done()
    if len(packed) > MOST_FRAME:
        raise InputError("AR804", f"{name} holds too much beside its text: {lost:,} bytes", "use a model of bytes")
    samples = np.concatenate(numbers) if numbers else np.zeros(0, np.int64)
    return Media(samples, None, zlib.compress(packed, 9))


def _pieces(data: bytes, tokenizer: Tokenizer) -> Iterator[tuple[bytes, Ints]]:
    """A file in pieces, each with its tokens; without any where they would not give it back."""
    if not data:
        return
    try:
        tokens = tokenizer.numbers_of(data.decode("utf-8"))
        if tokenizer.text_of(tokens).encode("utf-8", "surrogatepass") == data:
            yield data, tokens
            return
    except (UnicodeDecodeError, InputError):
        pass
    cut = _between_lines(data)
    if cut is None:
        yield data, np.zeros(0, np.int64)
        return
    yield from _pieces(data[:cut], tokenizer)
    yield from _pieces(data[cut:], tokenizer)


def _between_lines(data: bytes) -> int | None:
    """A place between two lines, as near to the middle as there is one; None in a single line."""
    middle = len(data) // 2
    before, behind = data.rfind(LINE, 0, middle) + 1, data.find(LINE, middle) + 1
    if behind in (0, len(data)):
        return before or None
    return behind if not before or behind - middle < middle - before else before


def build(meta: ByteReader, samples: Ints, tokenizer: Tokenizer | None = None) -> bytes:
    """The file. CorruptContainer where there is none of these tokens."""
    if tokenizer is None:
        raise CorruptContainer("the container holds a text of tokens, and the model has no tokenizer")
    source = ByteReader(inflated(meta.raw(meta.left), MOST_FRAME + 1))
    found, place = bytearray(), 0
    while source.left:
        count = source.number(len(samples))
        tokens = samples[place : place + count]
        if len(tokens) < count or (count and int(tokens.min()) < 0):
            raise CorruptContainer("the container holds a text with more tokens than there are")
        found += tokenizer.text_of(tokens).encode("utf-8", "surrogatepass") if count else b""
        found += source.prefixed()
        place += count
    if place != len(samples):
        raise CorruptContainer("the container holds tokens that stand nowhere in the text")
    return bytes(found)
