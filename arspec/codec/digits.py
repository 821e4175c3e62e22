"""A level as digits, and the weights of a digit's values: large alphabets need not be laid out whole for each
symbol."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from arspec.heads import Head, Support
from arspec.types import Ints


@dataclass(frozen=True)
class Digits:
    """level = sum of digit[i] · spans[i], each digit from 0 to radix - 1."""

    radix: int
    spans: tuple[int, ...]

    def of(self, levels: Ints) -> list[Ints]:
        """The digits of levels [n], the highest first."""
        return [levels // span % self.radix for span in self.spans]


@cache
def digits(levels: int, most: int) -> Digits:
    """As few digits of at most `most` values as hold all levels, and of as few values as will do."""
    count = 1
    while most**count < levels:
        count += 1
    radix = max(2, round(levels ** (1 / count)) - 1)
    while radix**count < levels:
        radix += 1
    return Digits(radix, tuple(radix**i for i in reversed(range(count))))


def weights(
    head: Head, support: Support, rounded: Ints, channel: int, earlier: Ints, low: Ints, span: int, radix: int
) -> npt.NDArray[np.float64]:
    """[n, radix]: the weights of the values of a digit of one channel, exact whole numbers.

    rounded [n, Q], earlier [n, channel]; low [n]: what the higher digits say; span: levels to one value of this digit.
    Every level has some weight, so that the model may be wrong about everything."""
    edges = np.minimum(low[:, None] + span * np.arange(radix + 1), support.levels)
    mass = head.masses(support, rounded, channel, earlier, edges)
    return (np.maximum(mass[:, 1:] - mass[:, :-1], 0) + (edges[:, 1:] - edges[:, :-1])).astype(np.float64)
