"""Operators that treat every element by itself."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, DTYPE
from arspec.shadow.call import Call
from arspec.shadow.rules.table import rule


def elementwise(call: Call) -> Tensor:
    """The union of all inputs, element by element: right for every operator that torch tags as pointwise."""
    read = [call.labels(value) for value in call.inputs]
    return call.algebra.join(*read) if read else torch.full((), CONSTANT, dtype=DTYPE)


@rule("mul")
def product(call: Call) -> Tensor:
    """A factor that is zero in every pass cuts, where the other one is finite."""
    one, other = call["self"], call["other"]
    out = call.algebra.join(call.labels(one), call.labels(other))
    cut = (call.zero(one) & call.value(other).isfinite()) | (call.zero(other) & call.value(one).isfinite())
    return torch.where(cut, CONSTANT, out)
