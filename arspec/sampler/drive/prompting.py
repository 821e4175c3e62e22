"""Prompts: sequences whose first steps are given. What follows is drawn exactly as if they had been drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from arspec.diagnostics import InputError
from arspec.network.ranks import scalar_ranks

if TYPE_CHECKING:
    from arspec.network.module import Network


def rows_of(model: Network, n: int, prefix: Tensor) -> Tensor:
    """A prefix [k] or [n, k] as whole numbers [n, k] on the model's device. InputError for another shape, and for what
    is no level of the data."""
    rows = prefix.unsqueeze(0) if prefix.ndim == 1 else prefix
    if rows.ndim != 2 or len(rows) not in (1, n):
        raise InputError("AR862", f"a prompt has the shape [steps] or [{n}, steps]; {list(prefix.shape)} came")
    levels = model.spec.data.levels
    if rows.is_floating_point() and not torch.equal(rows, rows.round()):
        raise InputError(
            "AR804", "the prompt holds fractions; its steps are levels of the data, which are whole numbers"
        )
    if rows.numel() and not 0 <= int(rows.min()) <= int(rows.max()) < levels:
        wrong = int(rows.min()) if rows.min() < 0 else int(rows.max())
        raise InputError("AR804", f"the prompt holds the value {wrong}, and the data's levels are 0 to {levels - 1}")
    return rows.to(model.device, torch.long).expand(n, -1)


def started(model: Network, n: int) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """n examples that begin with the start that the spec states, as `begun` gives them; None where nothing is given.

    InputError where steps are given, and the spec states no start."""
    data = model.spec.data
    if not data.given:
        return None, None
    if data.start is None:
        what = "step is" if data.given == 1 else f"{data.given:,} steps are"
        raise InputError("AR862", f"the first {what} given, not modelled, and a sample was given none",
                         "give a prompt (--prompt, --prefix; in Python prefix=), or state `start:` in the spec's data "
                         "section")  # fmt: skip
    return _examples(model, torch.full((n, data.given), data.start, device=model.device))


def anything(model: Network, n: int) -> dict[str, Any]:
    """What is given of n examples, as arguments of draws, where it does not matter what it is; nothing where nothing is
    given."""
    if not model.spec.data.given:
        return {}
    x, known = _examples(model, torch.zeros(n, model.spec.data.given, dtype=torch.long, device=model.device))
    return {"given": x, "known": known}


def begun(model: Network, n: int, prefix: Tensor, member: int) -> tuple[Tensor, Tensor]:
    """n examples [n, length] that begin with `prefix` [k] or [n, k], and which steps are given, [length].

    InputError where the model is not of sequences that are generated from their beginning, or the prefix leaves nothing
    to draw.
    """
    data = model.spec.data
    if data.kind != "sequence":
        raise InputError("AR862", f"a prompt is of a sequence, and this model is of {article(data.kind)}",
                         "arspec complete goes on with any part of an example")  # fmt: skip
    rows = rows_of(model, n, prefix)
    count = rows.shape[1]
    if count < data.given:
        raise InputError("AR862", f"a prompt of {count:,} step{'s' * (count != 1)}, where the first {data.given:,} are "
                         "given, not modelled", "a prompt has all of these at the least")  # fmt: skip
    if not 0 < count < data.length:
        raise InputError("AR862", f"a prompt of {count:,} steps, where a sequence has {data.length:,}",
                         f"a prompt of this model has from 1 to {data.length - 1:,} steps")  # fmt: skip
    ranks = scalar_ranks(model, member)
    if ranks[:count].max() >= ranks[count:].min():
        raise InputError("AR862",
                         f"the order '{model.graph.members[member].order.name}' does not begin with the prompt",
                         "arspec complete takes any part as given")  # fmt: skip
    return _examples(model, rows)


def _examples(model: Network, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Examples [n, length] that begin with rows [n, k], and which steps these are, [length]."""
    length = model.spec.data.length
    x = torch.zeros(len(rows), length, dtype=torch.long, device=model.device)
    x[:, : rows.shape[1]] = rows
    return x, torch.arange(length, device=model.device) < rows.shape[1]


def article(kind: str) -> str:
    """A kind of data with its article."""
    return "an image" if kind == "image" else f"a {kind}"
