"""The noise of sampling: a fixed number of uniforms for every variable of every example, keyed by (seed, example)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def uniforms(seed: int, first: int, examples: int, variables: int, each: int) -> npt.NDArray[np.float64]:
    """[examples, variables, each] in [0, 1): example k's depend on (seed, first + k) and the variable's number alone."""
    out = np.empty((examples, variables, each))
    for k in range(examples):
        key = np.array([seed % (1 << 64), first + k], np.uint64)
        out[k] = np.random.Generator(np.random.Philox(key=key)).random((variables, each))
    return out
