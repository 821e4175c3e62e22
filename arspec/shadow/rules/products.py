"""Products of matrices: a factor that is zero in every pass cuts exactly."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from arspec.shadow.call import Call
from arspec.shadow.rules.pieces import factor, product
from arspec.shadow.rules.pointwise import after_masks, mask_of
from arspec.shadow.rules.table import Labels, rule


def _row(part: Tensor) -> Tensor:
    return part[None]


def _column(part: Tensor) -> Tensor:
    return part[:, None]


def times(call: Call, left: Any, right: Any) -> Tensor:
    """The labels of a product of two tensors, as `torch.matmul` takes them."""
    one, other = factor(call, left), factor(call, right)
    flat_left, flat_right = left.dim() == 1, right.dim() == 1
    if flat_left:
        one = one.map(_row)
    if flat_right:
        other = other.map(_column)
    out = product(call.algebra, one, other)
    if flat_right:
        out = out.squeeze(-1)
    return out.squeeze(-1 if flat_right else -2) if flat_left else out


@rule("mm", "bmm", "mv", "dot", "vdot", "_int_mm")
def multiply(call: Call) -> Tensor:
    """A product."""
    names = list(call.arguments)
    return times(call, call[names[0]], call[names[1]])


@rule("addmm", "baddbmm", "addmv", "addr", "_addmm_activation", "addbmm")
def add_multiply(call: Call) -> Labels:
    """A product and a term, which may be a mask; a factor of zero cuts either."""
    names = list(call.arguments)
    left, right = call[names[1]], call[names[2]]
    if left.dim() == 1 and right.dim() == 1:
        one, other = factor(call, left), factor(call, right)
        out = product(call.algebra, one.map(_column), other.map(_row))
    else:
        out = times(call, left, right)
    if call.operator.name().startswith("aten::addbmm"):
        out = out.expand(left.shape[0], left.shape[1], right.shape[2])
        out = call.algebra.reduce(out, [0], keepdim=False)
    if call.get("alpha", 1) == 0:
        out = torch.zeros_like(out)
    beta = call.get("beta", 1)
    if beta == 0:
        return out
    term = call["self"]
    marks = [] if beta < 0 or (mark := mask_of(call, term, 1)) is None else [mark]
    labels = call.algebra.join(out, call.labels(term))
    if not call.targets[0].is_floating_point() or (not marks and call.masked(term) is None):
        return labels
    if call.masked(left) is not None or call.masked(right) is not None:
        return labels
    return after_masks(call, labels, marks)


@rule("linear")
def linear(call: Call) -> Tensor:
    """A product with a transposed matrix, and a bias."""
    names = list(call.arguments)
    value, weight, bias = (call[name] for name in names[:3])
    one, other = factor(call, value), factor(call, weight)
    if value.dim() == 1:
        one = one.map(_row)
    if weight.dim() == 1:
        other = other.map(_row)
    out = product(call.algebra, one, other.mT)
    if value.dim() == 1:
        out = out.squeeze(-2)
    if weight.dim() == 1:
        out = out.squeeze(-1)
    return out if bias is None else call.algebra.join(out, call.labels(bias))


@rule("_trilinear")
def trilinear(call: Call) -> Tensor:
    """Three factors: all that is read, by all."""
    return call.everything()
