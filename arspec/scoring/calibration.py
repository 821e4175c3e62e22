"""Calibration of the distributions of single variables: of what is given a probability of 0.3,
three in ten should happen.

A scalar's distribution is the one from which it would be drawn: given the true values of all before it, and of the
earlier channels of its own pixel where these are modelled jointly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arspec.network.evaluating import evaluating
from arspec.progress import track

if TYPE_CHECKING:
    from arspec.network.module import Network

Floats = npt.NDArray[np.float64]
BINS = 20
CELLS = 1 << 22  # probabilities that are held at once


@dataclass(frozen=True, eq=False)
class Reliability:
    """Predictions sorted into bins of equal width by their probability: how many, [bins], their mean probability, and
    the share that came true. Both are NaN where a bin is empty."""

    count: Floats
    predicted: Floats
    observed: Floats

    @property
    def error(self) -> float:
        """The expected calibration error: Σ n_b / n |observed − predicted| (Guo et al. 2017, equation 3)."""
        full = self.count > 0
        gaps = np.abs(self.observed[full] - self.predicted[full])
        return float((self.count[full] * gaps).sum() / self.count.sum())


@dataclass(frozen=True, eq=False)
class Calibration:
    """likeliest: of the likeliest level of each scalar. levels: of all levels of all scalars, pooled.
    pit [bins]: the density of the probability integral transform, flat at 1 where the predictions are right; for
        discrete levels in the form without chance (Czado, Gneiting and Held 2009, section 2.2). It speaks of levels in
        their order.
    nats, expected: mean −log p of the scalars, and the mean entropy of their distributions: equal where it is right on
        average. examples: how many."""

    likeliest: Reliability
    levels: Reliability
    pit: Floats
    nats: float
    expected: float
    examples: int

    @property
    def pit_distance(self) -> float:
        """The largest distance of the transform's distribution from the uniform one, at the bins' edges."""
        return float(np.abs(np.cumsum(self.pit - 1)).max() / len(self.pit))

    def __str__(self) -> str:
        bits = math.log(2)
        return (
            f"calibration error {self.likeliest.error:.4f} (likeliest level), {self.levels.error:.5f} (all levels); "
            f"PIT {self.pit_distance:.4f} from uniform; entropy {self.expected / bits:.4f} bits where "
            f"{self.nats / bits:.4f} were needed; {self.examples:,} examples"
        )

    def to_json(self) -> dict[str, Any]:
        """The same as plain values; null where a bin is empty."""
        return {
            "likeliest_error": self.likeliest.error, "levels_error": self.levels.error,
            "pit_distance": self.pit_distance, "pit": self.pit.tolist(),
            "bits": self.nats / math.log(2), "expected_bits": self.expected / math.log(2), "examples": self.examples,
            **{name: {"count": [int(n) for n in table.count], "predicted": _plain(table.predicted),
                      "observed": _plain(table.observed)}
               for name, table in (("likeliest", self.likeliest), ("levels", self.levels))},
        }  # fmt: skip


def _plain(values: Floats) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]


class _Table:
    """Counts of a reliability table as they grow."""

    def __init__(self, bins: int) -> None:
        self.sums = torch.zeros(3, bins, dtype=torch.float64)

    def add(self, probability: Tensor, happened: Tensor) -> None:
        bins = self.sums.shape[1]
        probability, happened = probability.flatten().cpu(), happened.flatten().cpu().double()
        which = (probability * bins).long().clamp(0, bins - 1)
        for row, value in enumerate((torch.ones_like(probability), probability, happened)):
            self.sums[row] += torch.bincount(which, value, minlength=bins)

    def done(self) -> Reliability:
        count, predicted, observed = self.sums.numpy()
        with np.errstate(invalid="ignore"):
            return Reliability(count, predicted / count, observed / count)


@torch.no_grad()
def calibrate(
    model: Network, x: Tensor, condition: dict[str, Tensor] | None = None, *, members: int = 0, bins: int = BINS
) -> Calibration:
    """Of the distributions that the model gives for x [N, *shape]. members: of a family, how many are looked at, each
    for itself (0: all)."""
    condition = model.conditions(condition or {}, len(x))
    graph = model.graph
    head, support = graph.head, graph.support
    likeliest, levels = _Table(bins), _Table(bins)
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64, device=model.device)
    below = torch.zeros(bins + 1, dtype=torch.float64, device=model.device)
    nats = expected = 0.0
    scalars = 0
    batch = max(1, CELLS // (graph.data.out.sites * support.levels))
    with evaluating(model):
        for member in range(min(members, model.members) if members else model.members):
            for start in track(range(0, len(x), batch), "calibrating", "batches"):
                rows = slice(start, start + batch)
                own = {name: value[rows] for name, value in condition.items()}
                parameters = model(x[rows], member, **own).double()
                value = model.by_variable(x[rows].to(model.device))
                there = (
                    model.by_variable(torch.ones_like(x[rows])).to(model.device) > 0
                )  # a part may have fewer channels
                there[:, model.given] = False  # which has no distribution
                for channel in range(support.channels):
                    real = there[..., channel].flatten()
                    each = head.conditionals(support, parameters, value, channel).flatten(0, 1)[real]
                    true = value[..., channel].flatten()[real].long()
                    p = each.exp()
                    top, which = p.max(-1)
                    likeliest.add(top, which == true)
                    possible = each.isfinite()  # a part may have fewer levels
                    levels.add(p[possible], torch.nn.functional.one_hot(true, support.levels)[possible])
                    own_nats = -each.gather(-1, true[:, None])[:, 0]
                    after = p.cumsum(-1).gather(-1, true[:, None])
                    share = (-own_nats).exp()[:, None]
                    before = after - share
                    # the distribution of a uniform draw between F(x − 1) and F(x), averaged over all scalars
                    below += ((edges - before) / share.clamp(min=1e-300)).clamp(0, 1).sum(0)
                    nats += float(own_nats.sum())
                    expected += float(-(p * each.clamp(min=-1e6)).sum())
                    scalars += len(true)
    pit = np.diff((below / scalars).cpu().numpy()) * bins
    return Calibration(likeliest.done(), levels.done(), pit, nats / scalars, expected / scalars, len(x))
