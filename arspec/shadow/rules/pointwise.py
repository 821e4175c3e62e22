"""Operators that treat every element by itself, and those whose constants cut."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT
from arspec.shadow.call import Call
from arspec.shadow.rules.pieces import MASKED, constant, margin
from arspec.shadow.rules.spectral import multiplied
from arspec.shadow.rules.table import Labels, Masked, rule

UNTAGGED = (
    "complex polar xlogy hardsigmoid hardswish hardtanh softplus gelu mish elu celu leaky_relu "
    "relu tanh rsub __lshift__ __rshift__ log_sigmoid_forward frexp angle _conj_physical _neg_view heaviside "
    "copysign ldexp threshold hardshrink softshrink isnan isinf pow bernoulli _prelu_kernel eq ne lt le gt ge abs "
    "gcd lcm floor_divide remainder fmod bitwise_xor bitwise_left_shift bitwise_right_shift _add_relu _conj_copy "
    "_neg_view_copy poisson rrelu_with_noise "
)


@rule(*UNTAGGED.split())
def elementwise(call: Call) -> Labels:
    """The union of all inputs, element by element: right for every operator that torch tags as pointwise."""
    return union(call)


def union(call: Call) -> Tensor:
    """The union of all inputs, element by element."""
    read = [call.labels(value) for value in call.inputs]
    return call.algebra.join(*read) if read else constant()


@rule("mul")
def product(call: Call) -> Labels:
    """A factor that is zero in every pass cuts, where the other one is finite. A scaled mask is a mask."""
    one, other = call["self"], call["other"]
    out = call.algebra.join(call.labels(one), call.labels(other))
    for zero, partner in ((one, other), (other, one)):
        cut = call.zero(zero)
        if bool(cut.any()):
            out = torch.where(cut & call.value(partner).isfinite(), CONSTANT, out)
    if call.targets[0].is_complex():
        multiplied(call)
    return still_masked(call, out)


@rule("div")
def quotient(call: Call) -> Labels:
    """A zero that is divided cuts, where the divisor is neither zero nor NaN."""
    one, other = call["self"], call["other"]
    out = call.algebra.join(call.labels(one), call.labels(other))
    cut = call.zero(one)
    if bool(cut.any()):
        divisor = call.value(other)
        out = torch.where(cut & (divisor != 0) & (divisor == divisor), CONSTANT, out)
    if call.targets[0].is_complex():
        multiplied(call)
    return still_masked(call, out)


def still_masked(call: Call, labels: Tensor) -> Labels:
    """Labels of a product, and where a mask is scaled by a constant and stays far below any score."""
    one, other = call["self"], call["other"]
    marks = [
        mark & (call.labels(partner) == CONSTANT)  # a number that varies may lift it
        for value, partner in ((one, other), (other, one))
        if (mark := call.masked(value)) is not None
    ]
    if not marks or not call.targets[0].is_floating_point():
        return labels
    mark = marks[0] if len(marks) == 1 else marks[0] | marks[1]
    return Masked(labels, mark & (call.targets[0].detach() <= MASKED))


@rule("maximum", "clamp", "clamp_min", "clamp_max")
def bounded(call: Call) -> Labels:
    """A masked score stays one where its bounds are constants, or masked too."""
    out = union(call)
    value = call["self"]
    mark = call.masked(value)
    if mark is None or not call.targets[0].is_floating_point():
        return out
    for bound in call.inputs:
        if bound is not value:
            own = call.masked(bound)
            still = call.labels(bound) == CONSTANT
            mark = mark & (still if own is None else still | own)
    return Masked(out, mark & (call.targets[0].detach() <= MASKED))


def mask_of(call: Call, value: Any, sign: int) -> Tensor | None:
    """Where a term is a masking constant."""
    if not isinstance(value, Tensor):
        return torch.tensor(True) if isinstance(value, (int, float)) and sign * value <= MASKED else None
    number = call.value(value)
    if not number.is_floating_point():
        return None
    low = (number * sign <= MASKED) & (call.labels(value) == CONSTANT)
    return low if bool(low.any()) else None


@rule("add", "sub")
def total(call: Call) -> Labels:
    """A constant of minus infinity cuts where the other term is below infinity; a finite mask marks its place."""
    one, other = call["self"], call["other"]
    out = call.algebra.join(call.labels(one), call.labels(other))
    result = call.targets[0].detach()
    if not result.is_floating_point():
        return out
    alpha = call.get("alpha", 1)
    sign = -1 if "sub" in call.operator.name() else 1
    sign = -sign if isinstance(alpha, (int, float)) and alpha < 0 else sign
    marks = [m for m in (mask_of(call, one, 1), mask_of(call, other, sign)) if m is not None]
    return after_masks(call, out, marks)


def after_masks(call: Call, labels: Tensor, marks: list[Tensor]) -> Labels:
    """Labels of a sum with masking constants at `marks`: cut where it is minus infinity, else marked."""
    result = call.targets[0].detach()
    if marks:
        gone = marks[0] if len(marks) == 1 else marks[0] | marks[1]
        labels = torch.where(gone & (result == -torch.inf), CONSTANT, labels)
    marks = [*marks, *(mark for value in call.inputs if (mark := call.masked(value)) is not None)]
    if not marks:
        return labels
    mark = marks[0]
    for more in marks[1:]:
        mark = mark | more
    return Masked(labels, mark & (result <= MASKED))


@rule("exp", "sigmoid", "exp2")
def exponential(call: Call) -> Tensor:
    """An exponential of a masked score is zero."""
    value = call["self"]
    labels = call.labels(value)
    mark = call.masked(value)
    if mark is None:
        return labels
    number = call.value(value)
    return torch.where(mark & (number <= -margin(number)) & (call.targets[0].detach() == 0), CONSTANT, labels)


def chosen(call: Call, condition: Any, one: Any, other: Any) -> Labels:
    """`one` where a condition holds, else `other`; a condition that is not constant is read, with both."""
    own, yes, no = call.labels(condition), call.labels(one), call.labels(other)
    which = call.value(condition).bool()
    out = torch.where(which, yes, no)
    if bool(own.any()):
        out = torch.where(own == CONSTANT, out, call.algebra.join(own, yes, no))
    marks = [_low(call, value) for value in (one, other)]
    if all(mark is None for mark in marks):
        return out
    first, second = (torch.tensor(False) if mark is None else mark for mark in marks)
    return Masked(out, torch.where(own == CONSTANT, torch.where(which, first, second), first & second))


def _low(call: Call, value: Any) -> Tensor | None:
    """Where a value is masked, or a masking constant."""
    marks = [mark for mark in (call.masked(value), mask_of(call, value, 1)) if mark is not None]
    return None if not marks else marks[0] if len(marks) == 1 else marks[0] | marks[1]


@rule("where")
def where(call: Call) -> Labels:
    """By the condition."""
    if call.get("self") is None:
        return call.everything()
    return chosen(call, call["condition"], call["self"], call["other"])


@rule("masked_fill")
def masked_fill(call: Call) -> Labels:
    """The value where the mask is set."""
    return chosen(call, call["mask"], call["value"], call["self"])


@rule("logical_and", "bitwise_and")
def conjunction(call: Call) -> Tensor:
    """A constant that is false, or zero, decides."""
    out = union(call)
    for value in (call["self"], call["other"]):
        out = torch.where(call.zero(value), CONSTANT, out)
    return out


@rule("logical_or", "bitwise_or")
def disjunction(call: Call) -> Tensor:
    """A constant that is true decides."""
    out = union(call)
    for value in (call["self"], call["other"]):
        number = call.value(value)
        whole = number == -1 if number.dtype != torch.bool else number
        whole = number != 0 if "logical" in call.operator.name() else whole
        out = torch.where((call.labels(value) == CONSTANT) & whole, CONSTANT, out)
    return out


@rule("glu")
def glu(call: Call) -> Tensor:
    """Two halves, element by element."""
    one, other = call.labels(call["self"]).chunk(2, call["dim"])
    return call.algebra.join(one, other)
