"""The container: a head that says whose it is, and for each part a body with a checksum.

    head    magic, version, hash of the spec, hash of the weights, member, tiles side by side, noise, conditions, parts,
            checksum (8 bytes)
    part    length, body, checksum (4 bytes) that depends on the head and on the part's number

Numbers are written in groups of seven bits (`wire`). Every length is checked against what is left of the file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from arspec.codec.guard import LEAST_NOISE, MOST_NOISE
from arspec.codec.media.base import inflated
from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer

MAGIC = b"ARS\x1a"
VERSION = 1
HASH, CHECKSUM = 8, 4  # bytes
MOST_PARTS = 1 << 24
MOST_INTERLEAVED = 4096
MOST_CONDITIONS = 1 << 28  # bytes


@dataclass(frozen=True)
class Head:
    """What all parts have in common. spec, weights: hashes of 8 bytes. conditions: as `conditions.pack` makes them."""

    spec: bytes
    weights: bytes
    member: int
    interleaved: int
    noise: int
    conditions: bytes
    parts: int

    def pack(self) -> bytes:
        """The head as bytes, with its checksum at the end."""
        out = ByteWriter().raw(MAGIC).byte(VERSION).raw(self.spec).raw(self.weights)
        out.number(self.member).number(self.interleaved).byte(self.noise)
        out.prefixed(zlib.compress(self.conditions, 9) if self.conditions else b"").number(self.parts)
        return out.raw(digest(out.done())).done()

    @staticmethod
    def unpack(source: ByteReader, data: bytes) -> Head:
        """Reads the head at the start of `data`. CorruptContainer where it is none, or not whole."""
        if data[: len(MAGIC)] != MAGIC:
            raise CorruptContainer(
                "this is no arspec container" if data else "the file is empty", "arspec compress makes them"
            )
        source.raw(len(MAGIC))
        version = source.byte()
        if version != VERSION:
            raise CorruptContainer(f"the container has the version {version}, and this arspec reads version {VERSION}")
        spec, weights = source.raw(HASH), source.raw(HASH)
        member, interleaved, noise = source.number(1 << 12), source.number(MOST_INTERLEAVED), source.byte()
        packed, parts = source.prefixed(), source.number(MOST_PARTS)
        if source.raw(HASH) != digest(data[: source.place - HASH]):
            raise CorruptContainer("the container's head is not as it was written")
        if not interleaved or not MOST_NOISE <= noise <= LEAST_NOISE:
            raise CorruptContainer("the container's head states what cannot be")
        conditions = inflated(packed, MOST_CONDITIONS) if packed else b""
        return Head(spec, weights, member, interleaved, noise, conditions, parts)


def write(head: Head, bodies: list[bytes]) -> bytes:
    """The container of the bodies of all parts."""
    out = ByteWriter().raw(head.pack())
    key = out.done()[-HASH:]
    for number, body in enumerate(bodies):
        out.prefixed(body).raw(_checksum(key, number, body))
    return out.done()


def read(data: bytes) -> tuple[Head, Iterator[bytes]]:
    """The head, and the bodies of the parts one after another.

    The iteration raises CorruptContainer where the damage is.
    """
    source = ByteReader(data)
    head = Head.unpack(source, data)
    return head, _bodies(source, head, data[source.place - HASH : source.place])


def _bodies(source: ByteReader, head: Head, key: bytes) -> Iterator[bytes]:
    for number in range(head.parts):
        try:
            body = source.prefixed()
            checksum = source.raw(CHECKSUM)
        except CorruptContainer as error:
            raise CorruptContainer(f"part {number + 1} of {head.parts}: {error.message}") from error
        if checksum != _checksum(key, number, body):
            raise CorruptContainer(f"part {number + 1} of {head.parts} is not as it was written")
        yield body
    source.end()


def digest(data: bytes, key: bytes = b"") -> bytes:
    """8 bytes of BLAKE2b."""
    return blake2b(data, digest_size=HASH, key=key).digest()


def _checksum(key: bytes, number: int, body: bytes) -> bytes:
    return blake2b(body, digest_size=CHECKSUM, key=key + number.to_bytes(4, "little")).digest()
