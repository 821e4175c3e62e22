"""The noise of sampling: a fixed number of uniforms for every variable of every example, keyed by (seed, example)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from arspec.diagnostics import InputError

MAX_EXAMPLES = 1 << 20  # that have noise at once
MAX_NUMBERS = 1 << 30  # of noise that are made at once: 8 GiB
BLOCK = 4  # numbers that the generator makes at each count of its counter


class Uniforms:
    """The uniforms of some examples, variable after variable: an example's depend on (seed, its number) alone."""

    def __init__(self, seed: int, numbers: Sequence[int], each: int) -> None:
        _check(len(numbers), each)
        self._numbers, self._each, self._at = numbers, each, 0
        bits = np.random.Philox(key=np.array([int(seed) % (1 << 64), 0], np.uint64))
        # One generator goes from example to example: to make one takes ten times as long as to move it.
        self._bits, self._state, self._generator = bits, bits.state, np.random.Generator(bits)

    def next(self, variables: int) -> npt.NDArray[np.float64]:
        """[examples, variables, each] in [0, 1): those of the variables that come next."""
        count = variables * self._each
        _check(len(self._numbers), count)
        out = np.empty((len(self._numbers), variables, self._each))
        flat, inner = out.reshape(len(out), count), self._state["state"]
        blocks, begun = divmod(self._at, BLOCK)
        inner["counter"][0] = blocks
        for k, number in enumerate(self._numbers):
            inner["key"][1] = number
            self._bits.state = self._state
            flat[k] = self._generator.random(begun + count)[begun:]
        self._at += count
        return out


def uniforms(seed: int, first: int, examples: int, variables: int, each: int) -> npt.NDArray[np.float64]:
    """[examples, variables, each] in [0, 1): example k's depend on (seed,
    first + k) and the variable's number alone."""
    return Uniforms(seed, numbered(first, examples, variables * each), each).next(variables)


def numbered(first: int, examples: int, each: int) -> range:
    """The numbers of examples that have so many uniforms each."""
    _check(examples, each)
    return range(first, first + examples)


def _check(examples: int, numbers: int) -> None:
    """InputError for more noise than is made at once."""
    if examples > MAX_EXAMPLES or examples * numbers > MAX_NUMBERS:
        limit = min(MAX_EXAMPLES, MAX_NUMBERS // max(numbers, 1))
        raise InputError("AR808", f"{examples:,} examples are drawn at once, and {limit:,} is the limit here",
                         "draw fewer at a time; in Python `first=` goes on with the next examples")  # fmt: skip
