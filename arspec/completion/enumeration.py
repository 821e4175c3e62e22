"""Every completion with its probability, where there are few enough: exact draws,
and what the tests hold all others to."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from arspec.completion.clamped import ROWS
from arspec.completion.given import Given
from arspec.diagnostics import InputError
from arspec.progress import track

if TYPE_CHECKING:
    from arspec.network.module import Network

MOST = 1 << 16  # completions that are enumerated


def completions(model: Network, given: Given) -> int:
    """How many completions there are."""
    return math.prod(given.levels(model).tolist())


def few_enough(count: int) -> int:
    """The count of completions; InputError where they are too many to be enumerated."""
    if count > MOST:
        raise InputError("AR808", f"enumeration is for {MOST:,} completions at the most; here are {count:,}",
                          "take another way, or how='auto' (--how auto)")  # fmt: skip
    return count


@torch.no_grad()
def enumerated(model: Network, given: Given, x: Tensor, condition: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """All completions [n, *shape] of one example x [1, *shape], and their probabilities [n]."""
    count, levels = few_enough(completions(model, given)), given.levels(model).tolist()
    every = np.array(list(itertools.product(*map(range, levels))), np.int64).reshape(count, -1)
    rows = x.flatten(1).repeat(count, 1)
    rows[:, torch.from_numpy(given.places).to(x.device)] = torch.from_numpy(every).to(x.device)
    rows = rows.view(count, *x.shape[1:])
    parts = [
        model.log_prob(part, given.member, **{n: v.expand(len(part), *v.shape[1:]) for n, v in condition.items()})
        for part in rows.split(ROWS)
    ]
    return rows, torch.cat(parts).double().softmax(0)


def by_enumeration(model: Network, given: Given, x: Tensor, condition: dict[str, Tensor], seed: int) -> Tensor:
    """One completion for each row of x [B, *shape]. Equal rows are enumerated once."""
    out: list[Tensor] = []
    given_to = [x.flatten(1)[:, torch.from_numpy(given.scalars[given.known]).to(x.device)], *condition.values()]
    told = [value.cpu().numpy() for value in given_to]  # by row: all that its completions depend on
    last, rows, cumulative, total = b"", x, np.empty(0), 0.0
    for k in track(range(len(x)), "enumerating", "examples"):
        key = b" ".join(value[k : k + 1].tobytes() for value in told)
        if not k or key != last:  # equal rows stand together; to keep more than one would be a memory that grows
            own = {name: value[k : k + 1] for name, value in condition.items()}
            rows, probability = enumerated(model, given, x[k : k + 1], own)
            last, summed = key, probability.cumsum(0)
            cumulative, total = summed.cpu().numpy(), float(summed[-1])
        u = np.random.default_rng([seed, 8, k]).random() * total
        out.append(rows[min(int(cumulative.searchsorted(u, "right")), len(rows) - 1)])
    return torch.stack(out) if out else x
