"""Rejection: whole completions are proposed, and each is kept with the probability of what is given late. Exact.

A probability is at most one, so that keeping a proposal drawn by q with probability w leaves the distribution q · w,
which is the conditional up to its constant (see `clamped`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from arspec.completion.clamped import ROWS, Clamped
from arspec.completion.given import Given
from arspec.diagnostics import InputError
from arspec.sampler.drive.drawing import noise_of

if TYPE_CHECKING:
    from arspec.network.module import Network


def by_rejection(
    model: Network, given: Given, x: Tensor, condition: dict[str, Tensor], seed: int, tries: int
) -> tuple[Tensor, float]:
    """One completion for each row of x [B, *shape], and the share of proposals that was kept. InputError where a row
    finds none in `tries` proposals: nothing is returned then,
    for what comes quickly is no fair part of what there is."""
    out = x.clone()
    pending, done, proposed = list(range(len(x))), 0, 0
    while pending and done < tries:
        each = min(max(1, ROWS // len(pending)), tries - done)
        waiting: list[int] = []
        for start in range(0, len(pending), ROWS):
            some = pending[start : start + ROWS]
            kept = _proposed(model, given, x, condition, some, each, seed, tries, done)
            for row, found in zip(some, kept, strict=True):
                proposed += each
                if found is None:
                    waiting.append(row)
                else:
                    out[row] = found
        pending, done = waiting, done + each
    if pending:
        raise InputError(
            "AR820",
            f"no proposal was kept in {tries:,} for {len(pending)} of {len(x)} completions: what is given is too "
            "unlikely before it is looked at",
            "how='gibbs', 'metropolis' or 'particles' (--how) need no luck; or allow more tries",
        )
    return out, len(x) / max(proposed, 1)


def _proposed(
    model: Network, given: Given, x: Tensor, condition: dict[str, Tensor], some: list[int], each: int, seed: int,
    tries: int, done: int,
) -> list[Tensor | None]:  # fmt: skip
    """The first proposal that is kept, of `each` for each of these rows."""
    index = torch.tensor(some, device=x.device).repeat_interleave(each)
    first = [row * tries + done for row in some]
    noise = noise_of(model, seed, [number + k for number in first for k in range(each)])
    clamped = Clamped(model, given, x[index], noise)
    drawn = clamped.run({name: value[index] for name, value in condition.items()}).view(len(some), each, *x.shape[1:])
    log_weights = clamped.log_weights.view(len(some), each).cpu().numpy()
    found: list[Tensor | None] = []
    for k, row in enumerate(some):
        chance = np.random.default_rng([seed, 7, row, done]).random(each)
        kept = np.flatnonzero(np.log(np.maximum(chance, 1e-300)) < log_weights[k])
        found.append(drawn[k, kept[0]] if len(kept) else None)
    return found
