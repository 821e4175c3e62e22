"""The values of a file as levels of a model, and what is needed beside the levels to have every value back.

A value's level is coded by the model. What the level leaves open is coded evenly: the place of a 16-bit sample within
its level of 8-bit mu-law, say. Values for which there is no level, if they are few, are written out as exceptions.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache

import numpy as np

from arspec.codec.wire import ByteReader, ByteWriter, CorruptContainer, unzigzag, zigzag
from arspec.data.examples import Array
from arspec.diagnostics import InputError
from arspec.types import Bools, Ints

SAME, SPREAD, STEPS, MU_LAW = range(4)
FEWEST = 4  # of so many values one at the most may be an exception


@dataclass(frozen=True)
class Alphabet:
    """How values stand for levels from 0 to `levels` - 1.

    kind: SAME, a value is its level; SPREAD, levels lie evenly among the values from 0 to `values` - 1, as pictures of
    few levels have them; STEPS, levels are steps of equal width; MU_LAW, steps of mu-law companding.
    """

    kind: int
    values: int
    levels: int

    def __post_init__(self) -> None:
        if not SAME <= self.kind <= MU_LAW or not 0 <= self.values <= 1 << 32:
            raise CorruptContainer("the container states an alphabet that there is not")

    def levels_of(self, values: Ints) -> tuple[Ints, Ints, Ints]:
        """Values [n] -> levels, the values' places within them, and how many places there are. SAME: -1 for none."""
        one = np.ones_like(values)
        if self.kind == SAME:
            return np.where((values < 0) | (values >= self.levels), -1, values), one * 0, one
        starts = self._starts()
        levels = np.searchsorted(starts[:-1], values, "right") - 1
        if self.kind == SPREAD:
            return levels, one * 0, one
        return levels, values - starts[levels], starts[levels + 1] - starts[levels]

    def values_of(self, levels: Ints) -> tuple[Ints, Ints]:
        """Levels [n] -> the first value of each, and how many places it has."""
        if self.kind == SAME:
            return levels, np.ones_like(levels)
        starts = self._starts()
        if self.kind == SPREAD:
            return starts[levels], np.ones_like(levels)
        return starts[levels], np.maximum(starts[levels + 1] - starts[levels], 1)

    def _starts(self) -> Ints:
        """[levels + 1]: the first value of each level, and the end."""
        if self.kind == SPREAD:
            return _spread(self.values, self.levels)
        return _mu_law(self.values, self.levels) if self.kind == MU_LAW else _steps(self.values, self.levels)


def alphabet_for(values: Array, span: int | None, levels: int, companding: str | None) -> Alphabet:
    """The alphabet for values from 0 to `span` - 1 (None: whole numbers of any meaning), as `data` reads such files.
    `companding`: of sound, as the spec's data section states it."""
    if span is None:
        return Alphabet(SAME, 0, levels)
    if companding is not None:
        return Alphabet(MU_LAW if companding == "mu_law" else STEPS, span, levels)
    if span == levels:
        return Alphabet(SAME, span, levels)
    if levels < span and np.isin(np.unique(values), _spread(span, levels)[:-1]).all():
        return Alphabet(SPREAD, span, levels)
    return Alphabet(STEPS, span, levels)


def _steps(values: int, levels: int) -> Ints:
    """Level l begins at the first v with v · levels // values = l, or would."""
    edges = np.arange(levels + 1, dtype=object) * values
    return np.array([-(-int(edge) // levels) for edge in edges], np.int64)


@cache
def _spread(values: int, levels: int) -> Ints:
    """Level l is the value round(l (values - 1) / (levels - 1))."""
    places = (2 * np.arange(levels) * (values - 1) + levels - 1) // (2 * (levels - 1))
    return np.append(places, values)


@cache
def _mu_law(values: int, levels: int) -> Ints:
    """The first of the samples -values/2 ... that `encode_mu_law` gives each level, by decimal arithmetic: the same on
    every machine. A level begins where f(x) = (2 l - 1) / mu - 1,
    and f's inverse is sign(f) ((1 + mu)^|f| - 1) / mu."""
    mu, half = levels - 1, Decimal(values) / 2
    starts = [0]
    with localcontext() as context:
        context.prec = 36
        growth = Decimal(1 + mu).ln()
        for level in range(1, levels):
            f = Decimal(2 * level - 1) / mu - 1
            x = ((abs(f) * growth).exp() - 1) / mu
            starts.append(min(values, max(0, int((half + half * x.copy_sign(f)).to_integral_value("ROUND_CEILING")))))
    return np.array([*starts, values], np.int64)


# -- exceptions --------------------------------------------------------------------------------------------------------


def pack_exceptions(values: Ints, where: Bools, name: str, levels: int) -> bytes:
    """The values [n] at `where`, with their places. InputError where they are many."""
    places = np.flatnonzero(where)
    if len(places) * FEWEST > len(values):
        message = (
            f"{name} holds values from {values.min()} to {values.max()}, and the model has the levels 0 to {levels - 1}"
        )
        raise InputError("AR804", message, "use a model with more levels, or convert the data")
    out = ByteWriter()
    for step, value in zip(np.diff(places, prepend=0).tolist(), values[places].tolist(), strict=True):
        out.number(step).number(zigzag(value))
    return out.done()


def unpack_exceptions(data: bytes, count: int) -> tuple[Ints, Ints]:
    """Places and values of the exceptions among `count` values."""
    source, place = ByteReader(data), 0
    places: list[int] = []
    values: list[int] = []
    while source.left:
        place += source.number(count)
        if place >= count:
            raise CorruptContainer("the container holds an exception beyond the end")
        places.append(place)
        values.append(unzigzag(source.number((1 << 64) - 1)))
    return np.array(places, np.int64), np.array(values, np.int64)
