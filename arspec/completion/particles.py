"""Particles: many completions of one example go through the order together, weighed by what is given late, and the
unlikely ones give way to copies of the likely (sequential Monte Carlo; Gordon, Salmond and Smith 1993).

One of them is drawn by the final weights. Its distribution tends to the exact conditional as the particles grow in
number, with an error of the order of one over it. Each completion has particles of its own,
so that completions are independent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arspec.completion.clamped import ROWS, Clamped
from arspec.completion.given import Given
from arspec.sampler.drive.drawing import noise_for

if TYPE_CHECKING:
    from arspec.network.module import Network

LOW = 0.5  # effective particles, as a share of all, below which they are resampled


class Islands(Clamped):
    """Islands of `count` particles each, rows that stand together. `lowest`: fewest effective particles, [islands]."""

    def __init__(
        self, model: Network, given: Given, x: Tensor, noise: Tensor, count: int, random: list[np.random.Generator]
    ) -> None:
        super().__init__(model, given, x, noise)
        self.count, self.random = count, random
        self.lowest = np.full(len(random), float(count))

    def ancestors(self) -> Tensor | None:
        """[islands · count]: the particle that each goes on from, or None where all go on as they are.

        An island is drawn again where its effective number of particles is low; its weights are equal then.
        """
        if not self.weighed:
            return None
        share = self.shares()
        effective = 1 / np.square(share).sum(1)
        self.lowest = np.minimum(self.lowest, effective)
        low = np.flatnonzero(effective < LOW * self.count)
        if not len(low):
            return None
        index = np.arange(share.size).reshape(share.shape)
        for island in low.tolist():
            index[island] = index[island, 0] + _systematic(share[island], self.random[island])
        self.log_weights.view(share.shape)[low] = 0
        return torch.from_numpy(index.ravel()).to(self.model.device)

    def shares(self) -> npt.NDArray[np.float64]:
        """[islands, count]: the weights, each island's adding up to one."""
        return self.log_weights.view(-1, self.count).softmax(1).cpu().numpy()


def _systematic(share: npt.NDArray[np.float64], random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Numbers of particles, each as often as its share says, to within one."""
    count = len(share)
    places = (random.random() + np.arange(count)) / count
    return np.searchsorted(np.cumsum(share), places, side="right").clip(max=count - 1)


def by_particles(
    model: Network, given: Given, x: Tensor, condition: dict[str, Tensor], seed: int, count: int
) -> tuple[Tensor, float]:
    """One completion for each row of x [B, *shape], and the fewest effective particles that any of them came down
    to."""
    islands = max(1, ROWS // count)
    out: list[Tensor] = []
    lowest = float(count)
    for start in range(0, len(x), islands):
        rows = x[start : start + islands]
        given_to = {name: v[start : start + islands].repeat_interleave(count, 0) for name, v in condition.items()}
        random = [np.random.default_rng([seed, 6, start + k]) for k in range(len(rows))]
        noise = noise_for(model, seed, start * count, len(rows) * count)
        particles = Islands(model, given, rows.repeat_interleave(count, 0), noise, count, random)
        drawn = particles.run(given_to).view(len(rows), count, *x.shape[1:])
        lowest = min(lowest, float(particles.lowest.min()))
        for k, share in enumerate(particles.shares()):
            chosen = np.searchsorted(np.cumsum(share), random[k].random(), side="right")
            out.append(drawn[k, min(int(chosen), count - 1)])
    return (torch.stack(out) if out else x), lowest
