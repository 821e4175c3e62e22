"""Operators that make tensors: constants, random draws, copies."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.shadow.algebra import DTYPE, LOOSE
from arspec.shadow.call import Call
from arspec.shadow.rules.pieces import constant
from arspec.shadow.rules.table import Labels, Masked, rule


def copied(call: Call, name: str) -> Labels:
    """What an argument holds, element by element, masks with it."""
    mark = call.masked(call[name])
    labels = call.labels(call[name])
    return labels if mark is None else Masked(labels, mark)


@rule(
    "clone", "_to_copy", "detach_copy", "alias_copy", "lift_fresh_copy", "_unsafe_view", "_reshape_copy", "view_copy",
    "_conj",
)  # fmt: skip
def clone(call: Call) -> Labels:
    """The same elements, in order."""
    name = next(iter(call.arguments))
    found = copied(call, name)
    if isinstance(found, Masked):
        return Masked(*(part.expand(call[name].shape).reshape(call.targets[0].shape) for part in found))
    assert isinstance(found, Tensor)
    return found.expand(call[name].shape).reshape(call.targets[0].shape)


@rule("copy")
def copy(call: Call) -> Labels:
    """What comes, broadcast."""
    return copied(call, "src")


@rule("fill", "full_like", "new_full")
def fill(call: Call) -> Tensor:
    """One value, everywhere."""
    return call.labels(call.get("value", call.get("fill_value")))


@rule(
    "zero", "zeros_like", "ones_like", "new_zeros", "new_ones", )  # fmt: skip
def constants(call: Call) -> Tensor:
    """The same in every pass."""
    return constant()


@rule("linspace", "logspace")
def ramp(call: Call) -> Tensor:
    """Numbers between two that may be tensors."""
    return call.everything()


@rule("empty_like", "new_empty", "new_empty_strided")
def unwritten(call: Call) -> Tensor:
    """What memory held: of this pass alone."""
    return torch.full((), LOOSE, dtype=DTYPE)


@rule(
    "rand_like", "randn_like", "randint_like", "uniform", "normal_functional", "random", "exponential", "cauchy",
    "log_normal", "geometric", "bernoulli.float",
)  # fmt: skip
def draws(call: Call) -> Tensor:
    """Draws by numbers: of this pass alone. What a draw replaces is not read."""
    read = [
        call.labels(value) for name, value in call.arguments.items() if name != "self" and isinstance(value, Tensor)
    ]
    return call.algebra.join(torch.full((), LOOSE, dtype=DTYPE), *read)


@rule("normal", "bernoulli.Tensor", "_standard_gamma", "binomial")
def drawn_by(call: Call) -> Tensor:
    """Draws whose law the inputs are, element by element."""
    read = [call.labels(v) for v in call.inputs if not any(v is m for m in call.mutated)]
    return call.algebra.join(torch.full((), LOOSE, dtype=DTYPE), *read)


@rule("native_dropout", "_fused_dropout")
def native_dropout(call: Call) -> list[Tensor]:
    """The input with draws; the mask is draws alone."""
    loose = torch.full((), LOOSE, dtype=DTYPE)
    return [call.algebra.join(call.labels(call[next(iter(call.arguments))]), loose), loose]
