"""The noise of sampling: a fixed number of uniforms for every variable of every example, keyed by (seed, example)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from arspec.diagnostics import InputError

MAX_EXAMPLES = 1 << 20  # that have noise at once: each has a generator of its own
MAX_NUMBERS = 1 << 30  # of noise that are made at once: 8 GiB


class Uniforms:
    """The uniforms of some examples, variable after variable: example k's depend on (seed, first + k) alone."""

    def __init__(self, seed: int, first: int, examples: int, each: int) -> None:
        _check(examples, each)
        keys = [np.array([seed % (1 << 64), first + k], np.uint64) for k in range(examples)]
        self._generators = [np.random.Generator(np.random.Philox(key=key)) for key in keys]
        self._each = each

    def next(self, variables: int) -> npt.NDArray[np.float64]:
        """[examples, variables, each] in [0, 1): those of the variables that come next."""
        _check(len(self._generators), variables * self._each)
        out = np.empty((len(self._generators), variables, self._each))
        for k, generator in enumerate(self._generators):
            out[k] = generator.random((variables, self._each))
        return out


def uniforms(seed: int, first: int, examples: int, variables: int, each: int) -> npt.NDArray[np.float64]:
    """[examples, variables, each] in [0, 1): example k's depend on (seed, first + k) and the variable's number alone."""
    _check(examples, variables * each)
    return Uniforms(seed, first, examples, each).next(variables)


def _check(examples: int, numbers: int) -> None:
    """InputError for more noise than is made at once."""
    if examples > MAX_EXAMPLES or examples * numbers > MAX_NUMBERS:
        limit = min(MAX_EXAMPLES, MAX_NUMBERS // max(numbers, 1))
        raise InputError("AR808", f"{examples:,} examples are drawn at once, and {limit:,} is the limit here",
                         "draw fewer at a time; in Python `first=` goes on with the next examples")  # fmt: skip
