"""Exact contexts: for each output of a forward pass, the set of variables that it reads, in slices of variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arspec.shadow.findings import Opaque, Read, Unseen
from arspec.shadow.sets import Sets, TooMany
from arspec.shadow.tracing import trace

BUDGET = 1 << 28  # bytes for the table of sets


@dataclass(frozen=True)
class Contexts:
    """Which variables each output reads, `[outputs, variables]`, and what the passes met that they could not see."""

    reads: NDArray[np.bool_]
    passes: int
    sets: int
    opaque: list[Opaque]
    python: list[Read]
    unseen: list[Unseen]


def contexts(
    run: Callable[[], Any],
    sources: Sequence[tuple[Tensor, Tensor]],
    variables: int,
    outputs: Tensor | None = None,
    *,
    pick: Callable[[Any], Tensor] | None = None,
    route_given: bool = False,
    budget: int = BUDGET,
) -> Contexts:
    """The exact contexts of what `run` gives.

    `sources` are as in `trace`: inputs with the number of the variable that each element holds. `outputs` says for each
    element of the result which output it belongs to, by number from 0 (-1: none); it broadcasts. By default each
    element is one. `pick` takes the tensor out of a result that holds several. The table of sets stays below `budget`
    bytes: where one pass for all variables would need more, there are several, each for a slice of them.
    """
    columns: list[NDArray[np.bool_]] = []
    first, width, passes, largest = 0, variables, 0, 0
    opaque: list[Opaque] = []
    python: list[Read] = []
    unseen: list[Unseen] = []
    while first < variables:
        width = min(width, variables - first)
        algebra = Sets(width, first=first, budget=budget)
        passes += 1
        try:
            pass_ = trace(run, sources, algebra=algebra, route_given=route_given)
            result = pass_.output if pick is None else pick(pass_.output)
            columns.append(_grouped(algebra, pass_.labels(result), outputs))
        except TooMany:
            if width <= 64:
                raise
            width = max(64, -(-width // 128) * 64)
            continue
        largest = max(largest, len(algebra))
        for found, own in ((opaque, pass_.opaque), (python, pass_.reads), (unseen, pass_.unseen)):
            found.extend(item for item in own if item not in found)  # type: ignore[arg-type]
        first += width
    reads = np.concatenate(columns, 1) if columns else np.zeros((0, 0), np.bool_)
    return Contexts(reads, passes, largest, opaque, python, unseen)


def _grouped(algebra: Sets, labels: Tensor, outputs: Tensor | None) -> NDArray[np.bool_]:
    """`[outputs, variables]` from the labels of a result."""
    if outputs is None:
        return algebra.members(labels.reshape(-1))
    number = int(outputs.max()) + 1 if outputs.numel() else 0
    pairs = torch.stack([outputs.expand(labels.shape).reshape(-1).to(torch.int64), labels.reshape(-1).to(torch.int64)])
    pairs = torch.unique(pairs[:, pairs[0] >= 0], dim=1)
    out = np.zeros((number, algebra.count), np.bool_)
    for output, label in zip(*pairs.tolist(), strict=True):
        out[output] |= algebra.members(torch.tensor([label]))[0]
    return out
