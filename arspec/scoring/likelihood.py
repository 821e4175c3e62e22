"""Nats of every variable and of every example, in batches."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arspec.layers.helpers import channels_first
from arspec.progress import track

if TYPE_CHECKING:
    from arspec.network.module import Network

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Likelihood:
    """bits [N]: −log2 p(x) of each example; of a family, of the mean of its members' probabilities.
    places [N, G, *grid]: bits of each variable at its place; of a family, the mean over its members."""

    bits: Floats
    places: npt.NDArray[np.float32]


@torch.no_grad()
def likelihood(
    model: Network, x: Tensor, condition: dict[str, Tensor], batch: int = 64, members: int = 0
) -> Likelihood:
    """Of x [N, *shape]. members: of a family, how many are averaged (0: all)."""
    count = min(members, model.members) if members else model.members
    kind = model.graph.data.out
    bits: list[Floats] = []
    places: list[npt.NDArray[np.float32]] = []
    training = model.training
    model.eval()
    try:
        for start in track(range(0, len(x), batch), "scoring", "batches"):
            rows = slice(start, start + batch)
            own = {name: value[rows] for name, value in condition.items()}
            each = torch.stack([model.log_probs(x[rows], member, **own).double() for member in range(count)])
            total = each.sum(-1).logsumexp(0) - math.log(count)
            bits.append(-total.cpu().numpy() / math.log(2))
            mean = channels_first(each.mean(0).unsqueeze(-1), replace(kind, channels=1))
            places.append((-mean.cpu().numpy() / math.log(2)).astype(np.float32))
    finally:
        model.train(training)
    return Likelihood(np.concatenate(bits), np.concatenate(places))
