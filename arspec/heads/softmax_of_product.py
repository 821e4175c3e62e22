"""Nats of a softmax whose logits are a product: log_softmax(x · Wᵀ + b) at one level of each row.

Logits are as many as rows times levels, far more than all else of a model of words. They are made for some levels at a
time, so that caches still hold those that are gone through next, and kept once: their exponentials are written over
them, and the gradient over these. Torch's own calls keep them three times. Each row of a product begins with a line of
the cache; where rows have an odd number of levels, BLAS takes half as long again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from arspec.layers.gradient_memory import gradient_of
from arspec.layers.helpers import many
from arspec.layers.linear_product import by_inputs, times
from arspec.layers.shared_table import unshared

LARGE = 1 << 18  # logits from which it is quicker than torch's own calls
NEAR = 1 << 21  # logits that are made at once: they should stay in a cache
NEARER = 1 << 18  # and that are gone through several times at once
FEWEST = 256  # levels of a product that are worth a call: whole lines of a cache
WITHOUT = 1 << 24  # logits that are made at a time where no gradient is asked for
EXACT = (torch.float32, torch.float64)  # exponentials that are kept in 16 bits would double the errors of gradients


def pays(rows: Tensor, weight: Tensor) -> bool:
    """Whether `nats_of_product` is quicker than torch's own calls: measured on a CPU."""
    from arspec.layers.helpers import takes_own_backward

    if rows.device.type != "cpu" or rows.dtype != weight.dtype or rows.dtype not in EXACT:
        return False
    return rows.shape[:-1].numel() * len(weight) >= LARGE and takes_own_backward(rows)


def nats_of_product(x: Tensor, weight: Tensor, bias: Tensor | None, level: Tensor) -> Tensor:
    """x [N, C], weight [K, C], bias [K], level [N] of integers -> nats [N]."""
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, weight, bias)):
        return _NatsOfProduct.apply(x, weight, bias, level)  # pyright: ignore[reportUnknownMemberType, reportReturnType]
    size = max(1, WITHOUT // len(weight))
    parts = zip(x.split(size), level.split(size), strict=True)
    return torch.cat([_exponentials(part, weight, bias, own)[0] for part, own in parts])


def _exponentials(
    x: Tensor, weight: Tensor, bias: Tensor | None, level: Tensor, kept: list[tuple[Tensor, Tensor]] | None = None
) -> tuple[Tensor, Tensor]:
    """nats [N] at `level`, and the logarithm of what the exponentials of all logits of a row sum up to, [N]. `kept`
    takes the exponentials of the logits of some levels [N, K'], and what their logits are above them, [N]."""
    least = torch.finfo(x.dtype).min
    chosen = x.new_full((len(x),), torch.nan)
    sums, largest = list[Tensor](), list[Tensor]()
    for levels in _together(len(x), len(weight)):
        own = weight[levels], None if bias is None else bias[levels]
        logits = F.linear(x, *own) if kept is None else times(x, *own)
        if logits.shape[1] == len(weight):
            torch.gather(logits, 1, level[:, None], out=chosen[:, None])
        else:
            inside, at = _at(level, levels)
            chosen = torch.where(inside, logits.gather(1, at)[:, 0], chosen)
        sum, top = logits.new_empty(len(x)), logits.new_empty(len(x))
        for some in _near(logits):
            few = logits[some]
            most = torch.amax(few, 1, out=top[some]).clamp_(min=least)  # where nothing of these levels is possible
            torch.sum(few.sub_(most[:, None]).exp_(), 1, out=sum[some])
        sums.append(sum)
        largest.append(top)
        if kept is not None:
            kept.append((logits, top))
    total = torch.stack(sums).log_().add_(torch.stack(largest)).logsumexp(0)
    return chosen.sub_(total), total


def _together(rows: int, levels: int) -> Iterator[slice]:
    """Levels of which logits are made at once."""
    size = FEWEST * max(1, NEAR // max(1, rows * FEWEST))
    return (slice(start, min(start + size, levels)) for start in range(0, levels, size))


def _at(level: Tensor, levels: slice) -> tuple[Tensor, Tensor]:
    """Whether the level of each row is one of these, [N], and which of them, [N, 1]; any where it is none. The shapes
    depend on no value: those who watch a pass see nothing chosen."""
    last = levels.stop - levels.start - 1
    at = level - levels.start
    within = at.clamp(0, last)
    return at == within, within[:, None]


def _near(x: Tensor) -> Iterator[slice]:
    """A few rows of x [N, K] at a time."""
    size = max(1, NEARER // x.shape[1])
    return (slice(start, start + size) for start in range(0, len(x), size))


class _NatsOfProduct(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, level: Tensor) -> Tensor:
        kept = list[tuple[Tensor, Tensor]]()
        nats, total = _exponentials(x, weight, bias, level, kept)
        ctx.save_for_backward(x, weight, bias, level)
        ctx.kept = kept, total  # the backward pass writes over them
        return nats

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, level = ctx.saved_tensors
        need_x, need_weight, need_bias, _ = ctx.needs_input_grad
        each = grads[0]
        # a second backward pass, one to be differentiated again, or many at once
        if ctx.kept is None or torch.is_grad_enabled() or many(each):
            each, level = each[:, None], level[:, None]
            chosen = torch.zeros(len(x), len(weight), dtype=x.dtype, device=x.device).scatter_(1, level, 1)
            grad = each * (chosen - F.linear(x, weight, bias).softmax(1))
            return (
                grad @ weight if need_x else None,
                grad.T @ x if need_weight else None,
                grad.sum(0) if need_bias else None,
                None,
            )
        (kept, total), ctx.kept = ctx.kept, None
        grad_x = torch.zeros_like(x) if need_x else None
        grad_weight = unshared(gradient_of(weight)) if need_weight else None
        grad_bias = torch.empty_like(bias) if need_bias else None
        kept.reverse()
        for levels in _together(len(x), len(weight)):
            grad, top = kept.pop()  # no longer than it is needed
            grad.mul_(top.sub_(total).exp_().mul_(each).neg_()[:, None])
            if grad.shape[1] == len(weight):
                grad.scatter_add_(1, level[:, None], each[:, None])
            else:
                inside, at = _at(level, levels)
                grad.scatter_add_(1, at, torch.where(inside, each, 0)[:, None])
            if grad_x is not None:
                grad_x.add_(by_inputs(grad, weight[levels]))
            if grad_weight is not None:
                torch.mm(grad.T, x, out=grad_weight[levels])
            if grad_bias is not None:
                torch.sum(grad, 0, out=grad_bias[levels])
        return grad_x, grad_weight, grad_bias, None
