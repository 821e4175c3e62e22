"""What a file is to the codec: whole numbers in an array, and the rest of it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer
from arspec.diagnostics import InputError
from arspec.types import Ints

MOST_FRAME = 1 << 24  # bytes of a file around its samples


@dataclass(frozen=True)
class Media:
    """The content of a file.

    samples: whole numbers: a picture's [planes, rows, columns], sound [channels, T], bytes [T], an array as it is.
    span: they lie in 0 .. span - 1; None where they are whole numbers of any meaning.
    meta: what the format needs to make the file of the samples, as bytes.
    suffix: the ending under which the file is restored, where it is not its own.
    exact: whether the file comes back byte for byte; where it does not, what `kept` names is the same.
    """

    samples: Ints
    span: int | None
    meta: bytes
    suffix: str | None = None
    exact: bool = True
    kept: str = "pixels"


def pack_frame(out: ByteWriter, before: bytes, after: bytes, usual: tuple[bytes, bytes]) -> None:
    """The bytes before and after the samples; one byte where they are the usual ones.
    InputError where they are too many."""
    if len(before) > MOST_FRAME or len(after) > MOST_FRAME:
        message = f"the file holds {len(before) + len(after):,} bytes around its samples, and {MOST_FRAME:,} are kept"
        raise InputError("AR804", message, "strip what it holds beside its samples, or mend its header")
    if (before, after) == usual:
        out.byte(0)
    else:
        out.byte(1).prefixed(zlib.compress(before, 9)).prefixed(zlib.compress(after, 9))


def unpack_frame(source: ByteReader, usual: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """What `pack_frame` packed."""
    if source.byte() == 0:
        return usual
    return inflated(source.prefixed(), MOST_FRAME + 1), inflated(source.prefixed(), MOST_FRAME + 1)


def inflated(data: bytes, most: int) -> bytes:
    """zlib's data, of `most` bytes at the most."""
    inflater = zlib.decompressobj()
    try:
        found = inflater.decompress(data, most)
    except zlib.error as error:
        raise CorruptContainer(f"the container holds a piece that cannot be read: {error}") from error
    if not inflater.eof:
        raise CorruptContainer("the container holds a piece that is too long")
    return found
