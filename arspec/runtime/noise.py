"""The noise of sampling: a fixed number of uniforms for every variable of every example, keyed by (seed, example)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class Uniforms:
    """The uniforms of some examples, variable after variable: example k's depend on (seed, first + k) alone."""

    def __init__(self, seed: int, first: int, examples: int, each: int) -> None:
        keys = [np.array([seed % (1 << 64), first + k], np.uint64) for k in range(examples)]
        self._generators = [np.random.Generator(np.random.Philox(key=key)) for key in keys]
        self._each = each

    def next(self, variables: int) -> npt.NDArray[np.float64]:
        """[examples, variables, each] in [0, 1): those of the variables that come next."""
        out = np.empty((len(self._generators), variables, self._each))
        for k, generator in enumerate(self._generators):
            out[k] = generator.random((variables, self._each))
        return out


def uniforms(seed: int, first: int, examples: int, variables: int, each: int) -> npt.NDArray[np.float64]:
    """[examples, variables, each] in [0, 1): example k's depend on (seed, first + k) and the variable's number alone."""
    return Uniforms(seed, first, examples, each).next(variables)
