"""Text as the levels of a model and back: by its bytes, by the alphabet of characters that the spec states, or by the
tokenizer of the model."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from arspec.data.examples import Array
from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from arspec.language.sections import SequenceData

# Says where the byte of this number stands in its file: "line 3, column 5 of a.txt".
At = Callable[[int], str]


def code_points(text: str) -> Array:
    """The Unicode code points of a text, uint32 [n]; a lone surrogate is one as well."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def numbered(points: Array, alphabet: str) -> Array:
    """Code points [n] -> the places of their characters in the alphabet, int64 [n]; -1 for those that it lacks."""
    table = code_points(alphabet).astype(np.int64)
    order = np.argsort(table)
    found = order[np.searchsorted(table, points, sorter=order).clip(max=len(table) - 1)]
    return np.where(table[found] == points, found, -1)


def levels_of(text: Array, data: SequenceData, name: str, at: At | None = None) -> Array:
    """The bytes of a text in UTF-8, uint8 [n], as the levels of a spec: a byte each, a character each where the spec
    has an alphabet, or tokens. InputError names the first symbol that has no level, and where it stands."""
    where = at or _byte
    if data.tokenizer is not None:
        return _tokens(decoded(text, name, where), data, name)
    if data.alphabet is None:
        beyond = np.flatnonzero(text >= data.levels)
        if len(beyond):
            first = int(beyond[0])
            raise InputError(
                "AR804",
                f"{name} holds the value {int(text[first])}, of {said(_character(text, first))} at {where(first)}; "
                f"the spec has the levels 0 to {data.levels - 1}, a byte each",
                f"{data.told('levels', 256)} takes any byte, "
                f"{'one trained with ' if data.trained else ''}@alphabet=auto behind the data's name has a level for "
                "each character",
            )  # fmt: skip
        return text
    levels = numbered(code_points(decoded(text, name, where)), data.alphabet)
    lacking = np.flatnonzero(levels < 0)
    if len(lacking):
        first = int(np.flatnonzero((text & 0xC0) != 0x80)[lacking[0]])
        raise InputError(
            "AR861",
            f"{name} holds {said(_character(text, first))} at {where(first)}, and the model's alphabet of "
            f"{len(data.alphabet)} characters has no such symbol; {len(lacking):,} of {len(levels):,} characters are "
            "not in it",
            "replace them in the text, or train a model on a text that has them",
        )  # fmt: skip
    return levels


def _tokens(text: str, data: SequenceData, name: str) -> Array:
    """A text as tokens [n]. InputError for one that the model has no level for."""
    tokens: Array = data.tokenizer.numbers_of(text)
    beyond = tokens[tokens >= data.levels]
    if len(beyond):
        message = f"{name} holds the token {int(beyond[0]):,}, and the model has the levels 0 to {data.levels - 1:,}"
        raise InputError("AR868", message, f"leave {said(data.tokenizer.text_of(beyond[:1]))} out of the text")
    return tokens


def decoded(text: Array, name: str, at: At | None = None) -> str:
    """Bytes [n] as text. InputError where they are not UTF-8."""
    try:
        return text.tobytes().decode("utf-8")
    except UnicodeDecodeError as error:
        where = (at or _byte)(error.start)
        message = f"{name} is not UTF-8: the byte {int(text[error.start])} at {where} is no part of a character"
        raise InputError("AR803", message, "save the file as UTF-8, or use a model of bytes (levels: 256)") from error


def bytes_of(levels: Array, data: SequenceData) -> bytes:
    """The inverse of `levels_of`: levels [n] as the bytes of a text."""
    if data.tokenizer is not None:
        return data.tokenizer.text_of(levels).encode("utf-8", "surrogatepass")
    if data.alphabet is None:
        return levels.astype(np.uint8).tobytes()
    return code_points(data.alphabet)[levels].tobytes().decode("utf-32-le").encode()


def text_of(levels: Array, data: SequenceData) -> str:
    """Levels [n] as text; bytes that are not UTF-8 show as U+FFFD."""
    return bytes_of(levels, data).decode("utf-8", errors="replace")


def pieces_of(levels: Array, data: SequenceData) -> list[str]:
    """The text that each of the levels [n] adds; none where a character is not whole yet. Their sum is `text_of`."""
    grow, decoder = growing_text(data), codecs.getincrementaldecoder("utf-8")("replace")
    last = len(levels) - 1
    return [decoder.decode(grow(levels[k : k + 1], k == last), k == last) for k in range(len(levels))]


def growing_text(data: SequenceData) -> Callable[[Array, bool], bytes]:
    """What makes the bytes of a text whose levels come piece by piece: (levels [n], whether they are the last)."""
    if data.tokenizer is None:
        return lambda levels, last: bytes_of(levels, data)
    grown = data.tokenizer.growing()
    return lambda levels, last: grown.more(levels, last).encode("utf-8", "surrogatepass")


def _byte(byte: int) -> str:
    return f"byte {byte:,}"


def said(character: str) -> str:
    """A character for people: as it is, and by its number where a reader could mistake it."""
    if len(character) != 1 or character.isascii():
        return repr(character)
    return f"{character!r} (U+{ord(character):04X})"


def _character(text: Array, byte: int) -> str:
    """The character that a byte belongs to; the byte itself where it belongs to none."""
    start = byte
    while start > 0 and byte - start < 3 and int(text[start]) & 0xC0 == 0x80:
        start -= 1
    for length in range(1, 5):
        try:
            return text[start : start + length].tobytes().decode("utf-8")
        except UnicodeDecodeError:
            continue
    return f"\\x{int(text[byte]):02x}"
