"""The route of a pass: indices that were found by sorting or selecting. Two passes of one route can be compared row by
row, also where rows stand in the order of the route."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.shadow.history import History, Recorded

FINDERS = {
    "sort", "argsort", "topk", "argmax", "argmin", "nonzero", "unique", "unique2", "unique_dim", "bincount",
    "bucketize", "searchsorted", "multinomial", "histc", "kthvalue", "msort",
}  # fmt: skip


def route(history: History) -> list[Recorded]:
    """The calls that sorted or selected."""
    return [call for call in history.calls if call.name in FINDERS]


def chosen_rows(base: History, positions: int) -> list[Tensor]:
    """Rows of positions [n] that calls of a pass chose: n different numbers below `positions`."""
    found: list[Tensor] = []
    for call in base.calls:
        for out in call.outs:
            value = out.value.reshape(-1)
            if value.dtype != torch.int64 or not 2 <= len(value) <= positions:
                continue
            if int(value.min()) < 0 or int(value.max()) >= positions or len(value.unique()) != len(value):
                continue
            natural = torch.equal(value, torch.arange(len(value)))
            if not natural and not any(torch.equal(value, known) for known in found):
                found.append(value)
    return found[:12]
