"""Classifier-free guidance (Ho & Salimans 2022): samples that follow their condition more closely than the model says.

Every step is computed twice, under the condition and without it, and drawn from parameters that lead from the second to
the first, `guidance` times as far. 1 is the model as it is, 0 the model without the condition."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from arspec.network.module import Network
    from arspec.network.numbers import Condition


def check_guidance(model: Network, guidance: float, condition: Mapping[str, Condition]) -> None:
    """InputError where the model has no condition that may be left out, where none of these is given, or where its
    head's parameters are no logits."""
    if not math.isfinite(guidance):
        raise InputError("AR808", f"guidance is a finite number; {guidance} came")
    droppable = [name for name, section in model.spec.condition.items() if section.may_be_left_out]
    if not droppable:
        help = "state `drop: 0.1` in a condition of the spec, and train it"
        raise InputError("AR824", f"guidance takes a condition that may be left out, and '{model.spec.name}' has none",
                         help)  # fmt: skip
    if all(condition.get(name) is None for name in droppable):
        raise InputError("AR824", f"guidance leads towards a condition, and none is given of: {', '.join(droppable)}",
                         f"give one, or leave guidance out: {droppable[0]}=...")  # fmt: skip
    none = torch.zeros(1, 1, model.graph.head.parameters(model.graph.support))
    model.graph.head.guided(none, none, guidance)


def without(model: Network, condition: Mapping[str, Tensor], n: int) -> dict[str, Tensor]:
    """The conditions of n examples where all that may be left out is left out."""
    found = dict(condition)
    for name, section in model.spec.condition.items():
        if section.may_be_left_out:
            kind = model.dtype if section.whole is None else torch.long
            found[name] = torch.full((n, *section.shape), section.nothing, dtype=kind, device=model.device)
    return found


def both(model: Network, condition: Mapping[str, Tensor], n: int) -> dict[str, Tensor]:
    """The conditions of 2n examples: n as they are given, and the same without what may be left out."""
    missing = without(model, condition, n)
    return {name: torch.cat([condition.get(name, value), value]) for name, value in missing.items()}


def twice(values: Tensor | None) -> Tensor | None:
    """Values [B, ...] of each example under its conditions, and once more without."""
    return None if values is None else torch.cat([values, values])


def guided_draw(
    model: Network, draw: Callable[[Tensor, Tensor], Tensor], guidance: float
) -> Callable[[Tensor, Tensor], Tensor]:
    """A draw of 2n examples, which are n under their conditions and without them: one of n, given to both."""

    def drawn(sites: Tensor, parameters: Tensor) -> Tensor:
        under, free = parameters.chunk(2)
        values = draw(sites, model.graph.head.guided(under, free, guidance))
        return torch.cat([values, values])

    return drawn
