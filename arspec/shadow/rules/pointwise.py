"""Operators that treat every element by itself, and those whose constants cut."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, agreed, agreed_of_two, broadcast, compact, only, some
from arspec.shadow.call import Call
from arspec.shadow.elements import at_most, equals, is_finite
from arspec.shadow.rules.pieces import LOWERED, MASKED, constant, margin, replaced
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
    shape = call.targets[0].shape
    for zero, partner in ((one, other), (other, one)):
        cut = call.zero(zero)
        if some(cut):
            finite = agreed(cut.expand(shape), is_finite, call.value(partner).expand(shape))
            out = replaced(out.expand(shape), finite)
    if call.targets[0].is_complex():
        multiplied(call)
    return still_masked(call, out)


@rule("div")
def quotient(call: Call) -> Labels:
    """A zero that is divided cuts, where the divisor is neither zero nor NaN."""
    one, other = call["self"], call["other"]
    out = call.algebra.join(call.labels(one), call.labels(other))
    cut = call.zero(one)
    if some(cut):
        divisor = call.value(other)
        out = only(out, ~(cut & (divisor != 0) & (divisor == divisor)))
    if call.targets[0].is_complex():
        multiplied(call)
    return still_masked(call, out)


def still_masked(call: Call, labels: Tensor) -> Labels:
    """Labels of a product, and where a mask is scaled by a constant and stays far below any score."""
    one, other = call["self"], call["other"]
    marks = [
        (compact(mark) & (compact(call.labels(partner)) == CONSTANT))  # a number that varies may lift it
        for value, partner in ((one, other), (other, one))
        if (mark := call.masked(value)) is not None
    ]
    if not marks or not call.targets[0].is_floating_point():
        return labels
    return Masked(labels, still(either(marks), call.targets[0]))


def either(marks: list[Tensor]) -> Tensor:
    """Where one of several marks stands; what all are expanded along stays so."""
    mark = compact(marks[0])
    for more in marks[1:]:
        mark = mark | compact(more)
    return mark.expand(broadcast(*(each.shape for each in marks)))


def still(mark: Tensor, result: Tensor) -> Tensor:
    """Where a masked score stays far below any other."""
    return agreed(mark.expand(result.shape), lambda number: at_most(number, LOWERED), result.detach())


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
            steady = call.labels(bound) == CONSTANT
            mark = mark & (steady if own is None else steady | own)
    return Masked(out, still(mark, call.targets[0]))


def mask_of(call: Call, value: Any, sign: int) -> Tensor | None:
    """Where a term is a masking constant."""
    if not isinstance(value, Tensor):
        return torch.tensor(True) if isinstance(value, (int, float)) and sign * value <= MASKED else None
    number = call.value(value)
    if not number.is_floating_point():
        return None
    steady = equals(compact(call.labels(value)), CONSTANT)
    if not some(steady):
        return None
    low = agreed(steady.expand(number.shape), lambda part: at_most(part if sign > 0 else -part, MASKED), number)
    return low if some(low) else None


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
        gone = agreed(either(marks).expand(result.shape), lambda number: equals(number, -torch.inf), result)
        labels = replaced(labels.expand(result.shape), gone)
    marks = [*marks, *(mark for value in call.inputs if (mark := call.masked(value)) is not None)]
    if not marks:
        return labels
    return Masked(labels, still(either(marks), result))


@rule("exp", "sigmoid", "exp2")
def exponential(call: Call) -> Tensor:
    """An exponential of a masked score is zero."""
    value = call["self"]
    labels = call.labels(value)
    mark = call.masked(value)
    if mark is None:
        return labels
    number = call.value(value)
    gone = agreed_of_two(
        mark, lambda score, result: at_most(score, -margin(score)) & equals(result, 0), number, call.targets[0].detach()
    )
    return replaced(labels, gone)


def chosen(call: Call, condition: Any, one: Any, other: Any) -> Labels:
    """`one` where a condition holds, else `other`; a condition that is not constant is read, with both."""
    own, yes, no = (compact(call.labels(value)) for value in (condition, one, other))
    which = compact(call.value(condition)).bool()
    out = torch.where(which, yes, no)
    if some(own):
        out = torch.where(own == CONSTANT, out, call.algebra.join(own, yes, no))
    marks = [_low(call, value) for value in (one, other)]
    if all(mark is None for mark in marks):
        return out
    first, second = (torch.tensor(False) if mark is None else compact(mark) for mark in marks)
    return Masked(out, torch.where(own == CONSTANT, torch.where(which, first, second), first & second))


def _low(call: Call, value: Any) -> Tensor | None:
    """Where a value is masked, or a masking constant."""
    marks = [mark for mark in (call.masked(value), mask_of(call, value, 1)) if mark is not None]
    return either(marks) if marks else None


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
        out = only(out, ~call.zero(value))
    return out


@rule("logical_or", "bitwise_or")
def disjunction(call: Call) -> Tensor:
    """A constant that is true decides."""
    out = union(call)
    for value in (call["self"], call["other"]):
        number = call.value(value)
        whole = number == -1 if number.dtype != torch.bool else number
        whole = number != 0 if "logical" in call.operator.name() else whole
        out = only(out, ~((call.labels(value) == CONSTANT) & whole))
    return out


@rule("glu")
def glu(call: Call) -> Tensor:
    """Two halves, element by element."""
    one, other = call.labels(call["self"]).chunk(2, call["dim"])
    return call.algebra.join(one, other)
