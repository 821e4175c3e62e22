"""Lists of tensors, each by itself."""

from __future__ import annotations

from torch import Tensor

from arspec.shadow.call import Call, tensors
from arspec.shadow.rules.pieces import constant
from arspec.shadow.rules.table import Labels, rule

NAMES = (  # after `_foreach_`
    "abs acos add addcdiv addcmul asin atan ceil clamp_max clamp_min cos cosh div erf erfc exp expm1 floor frac lerp "
    "lgamma log log10 log1p log2 maximum minimum mul neg pow reciprocal round rsqrt sigmoid sign sin sinh sqrt sub tan "
    "tanh trunc"
)


@rule(*[f"_foreach_{name}" for name in NAMES.split()])
def each(call: Call) -> Labels:
    """The tensors at one place of all lists, element by element; tensors that are given alone, with each."""
    lists = [value for value in call.arguments.values() if isinstance(value, (list, tuple)) and list(tensors(value))]
    alone = [call.labels(value) for value in call.arguments.values() if isinstance(value, Tensor)]
    out: list[Tensor] = []
    for row in zip(*lists, strict=True):
        out.append(call.algebra.join(*[call.labels(value) for value in row], *alone))
    return out


@rule("_foreach_zero")
def zeros(call: Call) -> Tensor:
    """The same in every pass."""
    return constant()
