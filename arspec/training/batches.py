"""The order of the examples: a function of (seed, step) alone, so that a resumed run sees what it would have seen."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arspec.data import Examples


class Batches:
    """Batches of examples by step.

    Examples that stand alone are shuffled anew for each pass, each used once a pass. Overlapping ones (windows of a
    long sequence) are drawn at random: a pass over every window would show every variable many times.
    """

    def __init__(self, examples: Examples, batch: int, seed: int) -> None:
        self.examples = examples
        self.batch = batch
        self.seed = seed
        self._shuffled = lru_cache(maxsize=2)(self._shuffle)

    def _shuffle(self, number: int) -> NDArray[np.int64]:
        return np.random.default_rng([self.seed, 1, number]).permutation(len(self.examples))

    def indices(self, step: int) -> NDArray[np.int64]:
        """Examples of `step`, [batch]; a batch may reach over the end of a pass."""
        count = len(self.examples)
        if self.examples.overlapping:
            return np.random.default_rng([self.seed, 2, step]).integers(0, count, self.batch)
        places = np.arange(step * self.batch, (step + 1) * self.batch)
        passes = places // count
        return np.concatenate([self._shuffled(int(n))[places[passes == n] % count] for n in np.unique(passes)])

    def at(self, step: int, part: int = 0, parts: int = 1) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        """The part-th of `parts` equal shares of the batch of `step`: x [batch / parts, *shape] and the conditions."""
        share = self.batch // parts
        return self.examples.take(self.indices(step)[part * share : (part + 1) * share])


def mutated(x: NDArray[np.int64], share: float, levels: tuple[int, ...], key: list[int]) -> NDArray[np.int64]:
    """x with a `share` of its integers, each drawn on its own,
    replaced by a level drawn at random (it may be the same).

    x [B, *shape]; levels: of each channel, of one where all are alike. `key` seeds the draw."""
    if not share:
        return x
    random = np.random.default_rng(key)
    chosen = random.random(x.shape, dtype=np.float32) < share
    most = levels[0] if len(set(levels)) == 1 else np.array(levels).reshape(-1, *[1] * (x.ndim - 2))
    return np.where(chosen, random.integers(most, size=x.shape), x)


def draw_member(members: int, seed: int, step: int) -> int:
    """The member of a family of orders or masks that `step` trains, the same in every process."""
    return int(np.random.default_rng([seed, 3, step]).integers(members)) if members > 1 else 0


def noise_seed(seed: int, step: int, process: int) -> int:
    """Seed of torch's generator for one step (dropout), so that no generator's state needs to be kept."""
    return int(np.random.SeedSequence([seed, 4, step, process]).generate_state(1, np.uint64)[0] >> np.uint64(1))
