"""Nats and bits/dim of examples under a model."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from arspec.data import Examples
from arspec.diagnostics import InputError
from arspec.progress import track
from arspec.training.parallel import NegativeLogProb, Processes


@dataclass(frozen=True)
class Evaluation:
    """nats: mean of -log p(x) over the examples. standard_error: of that mean. bits_per_dim: nats / (variables ln 2).

    members: how many members of a family of orders or masks were averaged, as probabilities. one_member_nats: mean of
    -log p_m(x) over examples and these members, that is of one order alone.
    """

    nats: float
    standard_error: float
    bits_per_dim: float
    bits_per_dim_error: float
    examples: int
    variables: int
    members: int
    one_member_nats: float

    def __str__(self) -> str:
        averaged = (
            f", {self.members} members averaged (one alone: {self.one_member_nats:.3f} nats)"
            if self.members > 1
            else ""
        )
        return (
            f"{self.bits_per_dim:.4f} bits/dim (± {self.bits_per_dim_error:.4f}), "
            f"{self.nats:.3f} nats (± {self.standard_error:.3f}), {self.examples:,} examples{averaged}"
        )

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def evaluate(
    model: nn.Module,
    examples: Examples,
    batch: int = 64,
    members: int = 0,
    through: nn.Module | None = None,
    processes: Processes | None = None,
) -> Evaluation:
    """Evaluates `model` on `examples`, without dropout.

    members: of a family of orders or masks, how many are averaged: p(x) = 1/M sum_m p_m(x) (0: all).
    through: the module by which the model is called, where it is sharded over processes.
    processes: share the examples among these.
    """
    if len(examples) == 0:
        raise InputError("AR803", "there is no example to evaluate")
    processes = processes or Processes(torch.device(next(model.parameters()).device))
    # the weights stay what they are, so that masks are folded into them once; sharded ones come and go
    held: Any = nullcontext() if through is not None else getattr(model, "held", nullcontext)()
    through = through or NegativeLogProb(model)
    family = int(getattr(model, "members", 1))
    members = min(members, family) if members else family
    variables = examples.dimensions
    # every process makes the same number of calls, for a sharded model gathers its weights at each
    count = -(-len(examples) // processes.size)
    own = np.arange(processes.rank * count, (processes.rank + 1) * count)
    counted = own < len(examples)
    own = np.minimum(own, len(examples) - 1)
    sums = torch.zeros(4, dtype=torch.float64)
    training = model.training
    model.eval()
    try:
        with held:
            for start in track(range(0, count, batch), "evaluating", "batches"):
                x, condition = processes.put(*examples.take(own[start : start + batch]))
                each = _nats(through, x, condition, members)[:, torch.from_numpy(counted[start : start + batch])]
                nats = math.log(members) - torch.logsumexp(-each, 0)  # p(x) = 1/M sum_m p_m(x)
                number = torch.tensor(float(len(nats)), dtype=torch.float64)
                sums += torch.stack([nats.sum(), nats.square().sum(), number, each.mean(0).sum()])
    finally:
        model.train(training)
    total, squares, number, alone = (float(value) for value in processes.sum(sums))
    mean = total / number
    variance = max(0.0, squares / number - mean**2) * number / max(1.0, number - 1)
    error = math.sqrt(variance / number)
    unit = variables * math.log(2)
    return Evaluation(mean, error, mean / unit, error / unit, round(number), variables, members, alone / number)


@torch.no_grad()
def _nats(through: nn.Module, x: Tensor, condition: dict[str, Tensor], members: int) -> Tensor:
    """-log p_m(x) [members, B] on the CPU in float64."""
    return torch.stack([through(x, member, condition).double().cpu() for member in range(members)])
