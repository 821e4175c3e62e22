"""Text files for a model with an alphabet: a character is a level. Every file comes back byte for byte.

Characters that the alphabet lacks, and bytes that are no UTF-8, lie beyond the levels, as exceptions do.
"""

from __future__ import annotations

import numpy as np

from arspec.codec.alphabet import FEWEST
from arspec.codec.media.base import Media
from arspec.codec.wire import ByteReader, CorruptContainer
from arspec.data.symbols import code_points, numbered, said
from arspec.diagnostics import InputError
from arspec.types import Ints

LAST = 0x10FFFF  # of Unicode's code points


def parse(data: bytes, name: str) -> Media:
    """Any file, as code points; a byte that is no UTF-8 is a lone surrogate (PEP 383)."""
    return Media(code_points(data.decode("utf-8", "surrogateescape")).astype(np.int64), None, b"")


def build(meta: ByteReader, samples: Ints) -> bytes:
    """The file."""
    if samples.size and not 0 <= int(samples.min()) <= int(samples.max()) <= LAST:
        raise CorruptContainer("the container holds a character that there is not")
    try:
        text = samples.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        return text.encode("utf-8", "surrogateescape")
    except UnicodeError as error:
        raise CorruptContainer("the container holds a character that there is not") from error


def numbers_of(points: Ints, alphabet: str, name: str) -> Ints:
    """Code points [n] as places in the alphabet; those that it lacks behind its end. InputError where they are many."""
    places = numbered(points, alphabet)
    lacking = np.flatnonzero(places < 0)
    if len(lacking) * FEWEST > len(points):
        first = int(lacking[0])
        character = chr(int(points[first]))
        line = int(np.count_nonzero(points[:first] == ord("\n"))) + 1
        message = (
            f"{name} holds {said(character)} at line {line}, and the model's alphabet of {len(alphabet)} characters "
            f"has no such symbol; {len(lacking):,} of {len(points):,} characters are not in it"
        )
        raise InputError("AR861", message, "use a model of such text, or one of bytes (levels: 256)")
    return np.where(places < 0, points + len(alphabet), places)


def points_of(numbers: Ints, alphabet: str) -> Ints:
    """The inverse of `numbers_of`."""
    table = code_points(alphabet).astype(np.int64)
    inside = (numbers >= 0) & (numbers < len(table))
    return np.where(inside, table[np.where(inside, numbers, 0)], numbers - len(table))
