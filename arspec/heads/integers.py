"""Exponentials and sigmoids of whole numbers in whole numbers, the same on every machine:
what a codec's tables are made of.

Tables are computed by Python's own integers, everything after them is integer addition, multiplication, division and
shifting of int64. Arguments count 2^-24, values 2^-31.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from arspec.types import Ints

ONE = 31  # bits of a value: 1 is 2^31
FINE = 24  # bits of an argument: 1 is 2^24
COARSE = 8  # bits of the coarse table's argument
LARGEST = 23  # e^-23 · 2^31 is below 1/2
_BITS = 160  # of the integers by which tables are computed


def exp_minus(x: Ints) -> Ints:
    """e^-x for x >= 0."""
    coarse, fine = _tables()
    x = np.minimum(x, LARGEST << FINE)
    return (coarse[x >> (FINE - COARSE)] * fine[x & ((1 << (FINE - COARSE)) - 1)]) >> ONE


def sigmoid(x: Ints) -> Ints:
    """1 / (1 + e^-x)."""
    small = exp_minus(np.abs(x))
    small = (small << ONE) // ((1 << ONE) + small)
    return np.where(x < 0, small, (1 << ONE) - small)


@cache
def exp_from(lowest: int, highest: int, bits: int) -> Ints:
    """e^-(k · 2^-8) in units of 2^-bits, for k from 256 · lowest to 256 · highest; lowest is below zero."""
    down = _powers(COARSE, ((highest - lowest) << COARSE) + 1)
    first = (1 << (2 * _BITS)) // _powers(COARSE, (-lowest << COARSE) + 1)[-1]
    return np.array([(first * power) >> (2 * _BITS - bits) for power in down], np.int64)


@cache
def _tables() -> tuple[Ints, Ints]:
    coarse = [power >> (_BITS - ONE) for power in _powers(COARSE, (LARGEST << COARSE) + 1)]
    fine = [power >> (_BITS - ONE) for power in _powers(FINE, 1 << (FINE - COARSE))]
    return np.array(coarse, np.int64), np.array(fine, np.int64)


def _powers(bits: int, count: int) -> list[int]:
    """e^-(k · 2^-bits) for k from 0 to count - 1, in units of 2^-160."""
    base, term, n = 0, 1 << _BITS, 0
    while term:  # the series of e^-x at x = 2^-bits
        base += -term if n % 2 else term
        n += 1
        term = (term >> bits) // n
    powers = [1 << _BITS]
    for _ in range(count - 1):
        powers.append((powers[-1] * base) >> _BITS)
    return powers
