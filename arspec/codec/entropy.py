"""Streams of symbols: constriction's range coder, with checks among the symbols by which a decoder notices early that
it has lost its way."""

from __future__ import annotations

import zlib
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from arspec.extras import need
from arspec.types import Ints

CHECK = 1 << 16  # values of a check

Weights = npt.NDArray[np.float64]


class _Coding(NamedTuple):
    """Of constriction: the range coders, and the models of symbols by weights, by counts, and by one fixed count."""

    queue: Any
    weighted: Any
    counted: Any
    fixed: Any


@cache
def _coding() -> _Coding:
    """Asked for when something is coded, so that a model without the package can be built. InputError without it."""
    stream = need("constriction").stream
    uniform = stream.model.Uniform
    return _Coding(stream.queue, stream.model.Categorical(perfect=False), uniform(), uniform(CHECK))


class Lost(Exception):
    """A check among the symbols does not hold, or no encoder leaves such a stream."""


@contextmanager
def _losing() -> Generator[None]:
    """constriction raises AssertionError or ValueError at a state that no encoder leaves."""
    try:
        yield
    except (AssertionError, ValueError, OverflowError) as error:
        raise Lost from error


class _Checked:
    """A sum over all symbols, and when it is due to be checked: at the first pause after `every` symbols."""

    def __init__(self, every: int) -> None:
        self.every, self.sum, self.since = every, 0, 0

    def add(self, symbols: npt.NDArray[np.int32]) -> None:
        self.sum = zlib.crc32(symbols.astype("<i4").tobytes(), self.sum)
        self.since += len(symbols)

    def due(self) -> bool:
        if self.since < self.every:
            return False
        self.since = 0
        return True


class SymbolWriter:
    """Symbols by their weights, and a check at some of the pauses."""

    def __init__(self, every: int) -> None:
        self._coder, self._checked = _coding().queue.RangeEncoder(), _Checked(every)

    def put(self, symbols: npt.NDArray[np.int32], weights: Weights) -> None:
        """symbols [n], weights [n, values]."""
        self._coder.encode(symbols, _coding().weighted, weights)
        self._checked.add(symbols)

    def pause(self) -> None:
        """Marks a place where a check may stand, and writes the check where one is due."""
        if self._checked.due():
            self._coder.encode(self._checked.sum % CHECK, _coding().fixed)

    def done(self) -> bytes:
        """The coded bytes of all symbols so far."""
        return _bytes(self._coder)


class SymbolReader:
    """What a SymbolWriter wrote, asked for by the same weights."""

    def __init__(self, data: bytes, every: int) -> None:
        self._coder, self._checked = _coding().queue.RangeDecoder(_words(data)), _Checked(every)

    def take(self, weights: Weights) -> npt.NDArray[np.int32]:
        """weights [n, values] -> symbols [n]."""
        with _losing():
            symbols: npt.NDArray[np.int32] = self._coder.decode(_coding().weighted, weights)
        self._checked.add(symbols)
        return symbols

    def pause(self) -> None:
        """Reads the check where one is due. Raises Lost where it does not hold."""
        if not self._checked.due():
            return
        with _losing():
            found = self._coder.decode(_coding().fixed)
        if found != self._checked.sum % CHECK:
            raise Lost


# -- evenly spread numbers ---------------------------------------------------------------------------------------------


def pack_even(values: Ints, counts: Ints) -> bytes:
    """Numbers [n], each from 0 to its count - 1 with all alike, by log2(count) bits each; counts go up to 2^40."""
    coder, high, low = _coding().queue.RangeEncoder(), values >> 16, values & 0xFFFF
    for number, sizes in ((high, _high(counts)), (low, _low(counts, high))):
        kept = sizes > 1
        if kept.any():
            coder.encode(number[kept].astype(np.int32), _coding().counted, sizes[kept].astype(np.int32))
    return _bytes(coder)


def unpack_even(data: bytes, counts: Ints) -> Ints:
    """What `pack_even` packed. Raises Lost where no `pack_even` packs such bytes."""
    coder = _coding().queue.RangeDecoder(_words(data))

    def take(sizes: Ints) -> Ints:
        found, kept = np.zeros(len(sizes), np.int64), sizes > 1
        if kept.any():
            with _losing():
                found[kept] = coder.decode(_coding().counted, sizes[kept].astype(np.int32))
        return found

    high = take(_high(counts))
    return high << 16 | take(_low(counts, high))


def _high(counts: Ints) -> Ints:
    return (counts - 1 >> 16) + 1


def _low(counts: Ints, high: Ints) -> Ints:
    return np.where(high == counts - 1 >> 16, (counts - 1 & 0xFFFF) + 1, 1 << 16)


# -- words and bytes ---------------------------------------------------------------------------------------------------


def _bytes(coder: Any) -> bytes:
    """The coder's words; zeros at the end are what a decoder finds beyond it, so that they need not be kept."""
    return coder.get_compressed().astype(">u4").tobytes().rstrip(b"\0")


def _words(data: bytes) -> npt.NDArray[np.uint32]:
    return np.frombuffer(data + bytes(-len(data) % 4), ">u4").astype(np.uint32)
