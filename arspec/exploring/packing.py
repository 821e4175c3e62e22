"""Packing: facts and the arrays behind them as one block of bytes, deflated, and back.

The block is: the length of the facts in bytes (four bytes, little endian), the facts as JSON, filled up with spaces to
a multiple of four, then the bytes of the arrays. Arrays and relations that are equal are kept once.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from arspec.exploring.facts import ArrayFacts, Facts, RelationFacts
from arspec.runs import Listing
from arspec.types import Ints

Stored = Literal["i8", "i16", "i32"]
DTYPES: dict[Stored, npt.DTypeLike] = {"i8": "<i1", "i16": "<i2", "i32": "<i4"}
BITS: dict[Stored, int] = {"i8": 8, "i16": 16, "i32": 32}
MAX_BLOCK = 1 << 28  # bytes of a block that is read back


@dataclass(eq=False)
class Store:
    """The arrays and relations of some facts, each once."""

    arrays: list[ArrayFacts] = field(default_factory=list[ArrayFacts])
    relations: list[RelationFacts] = field(default_factory=list[RelationFacts])
    block: bytearray = field(default_factory=bytearray)
    _arrays: dict[tuple[bytes, str, bool], int] = field(default_factory=dict[tuple[bytes, str, bool], int])
    _relations: dict[tuple[int | None, ...], int] = field(default_factory=dict[tuple[int | None, ...], int])

    def array(self, values: npt.NDArray[Any], delta: bool = True) -> int:
        """The number of an array [n] of whole numbers that fit in 31 bits; as differences, if `delta`."""
        whole = np.ascontiguousarray(values, np.int64).ravel()
        stored = np.diff(whole, prepend=0) if delta and len(whole) else whole
        kind = _narrowest(stored)
        raw = stored.astype(DTYPES[kind]).tobytes()
        key = raw, kind, delta
        if key not in self._arrays:
            self._arrays[key] = len(self.arrays)
            self.arrays.append({"type": kind, "at": len(self.block), "length": len(whole), "delta": delta})
            self.block += raw + bytes(-len(raw) % 4)
        return self._arrays[key]

    def relation(self, listing: Listing) -> int:
        """The number of a relation."""
        before = _column_before(listing.counts)
        starts, lengths = listing.starts, listing.stops - listing.starts
        order = None if listing.order is None else self.array(listing.order)
        key = (
            len(listing.counts), listing.in_sites, self.array(listing.counts),
            self.array(_by_column(starts, before), delta=False), self.array(_by_column(lengths, before), delta=False),
            order,
        )  # fmt: skip
        if key not in self._relations:
            self._relations[key] = len(self.relations)
            outs, ins, counts, firsts, sizes, _ = key
            self.relations.append({"outSites": outs, "inSites": ins, "counts": counts, "starts": firsts,
                                   "lengths": sizes, "order": order})  # fmt: skip
        return self._relations[key]


def _narrowest(values: Ints) -> Stored:
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    for kind, bits in BITS.items():
        if -(1 << (bits - 1)) <= low and high < 1 << (bits - 1):
            return kind
    raise OverflowError(f"{low} … {high} do not fit in 32 bits")


def _column_before(counts: Ints) -> Ints:
    """[runs]: the run of the same column of the site before; -1 where it has none."""
    ends = np.cumsum(counts)
    site = np.repeat(np.arange(len(counts)), counts)
    column = np.arange(len(site)) - (ends - counts)[site]
    has = (site > 0) & (column < counts[site - 1])
    return np.where(has, (ends - counts)[site - 1] + column, -1)


def _by_column(values: Ints, before: Ints) -> Ints:
    return values - np.append(values, 0)[before]


# -- as bytes ----------------------------------------------------------------------------------------------------------


def packed(facts: Facts, block: bytes | bytearray) -> bytes:
    """The facts and the block of their arrays, deflated (zlib)."""
    text = json.dumps(facts, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return zlib.compress(len(text).to_bytes(4, "little") + text + bytes(block), 9)


def in_base64(data: bytes) -> str:
    """Bytes as text: none of its characters ends a script or a string."""
    return base64.b64encode(data).decode("ascii")


def as_json(several: Sequence[tuple[Facts, bytes | bytearray]]) -> str:
    """Facts for programs: a list of objects with the `facts`, and the `block` of their arrays in base64."""
    return json.dumps([{"facts": facts, "block": in_base64(bytes(block))} for facts, block in several]) + "\n"


@dataclass(eq=False)
class Unpacked:
    """Facts, and their arrays as numbers."""

    facts: Facts
    block: bytes

    def array(self, number: int) -> Ints:
        """[n]: an array."""
        shape = self.facts["arrays"][number]
        found = np.frombuffer(self.block, DTYPES[shape["type"]], shape["length"], shape["at"]).astype(np.int64)
        return np.cumsum(found) if shape["delta"] else found

    def relation(self, number: int) -> Listing:
        """A relation, its runs as they were before they were packed."""
        shape = self.facts["relations"][number]
        counts = self.array(shape["counts"])
        before = _column_before(counts)
        starts, lengths = (_summed(self.array(shape[key]), before) for key in ("starts", "lengths"))
        order = None if shape["order"] is None else self.array(shape["order"])
        return Listing(shape["inSites"], counts, starts, starts + lengths, order)


def _summed(values: Ints, before: Ints) -> Ints:
    out = [0] * (len(values) + 1)  # -1 is the place behind the last
    for k, (value, last) in enumerate(zip(values.tolist(), before.tolist(), strict=True)):
        out[k] = value + out[last]
    return np.array(out[:-1], np.int64)


def unpacked(data: bytes | str) -> Unpacked:
    """What `packed` gave, or that in base64. Raises ValueError for anything else."""
    try:
        raw = base64.b64decode(data, validate=True) if isinstance(data, str) else data
        reader = zlib.decompressobj()
        block = reader.decompress(raw, MAX_BLOCK)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"these are no packed facts: {error}") from None
    if not reader.eof or len(block) < 4:
        raise ValueError("these are no packed facts: they end early, or are too large")
    end = 4 + int.from_bytes(block[:4], "little")
    return Unpacked(json.loads(block[4:end]), block[end:])
