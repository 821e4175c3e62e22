"""Nats of a softmax whose logits are a product: log_softmax(x · Wᵀ + b) at one level of each row.

Logits are as many as rows times levels, far more than all else of a model of words. Here they are kept once: their
exponentials are written over them, and the gradient over these. Torch's own calls keep them three times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

LARGE = 1 << 18  # logits from which it is quicker than torch's own calls
NEAR = 1 << 18  # numbers that are gone through several times at once: they should stay in a cache
WITHOUT = 1 << 24  # logits that are made at a time where no gradient is asked for


def pays(rows: Tensor, weight: Tensor) -> bool:
    """Whether `nats_of_product` is quicker than torch's own calls: measured on a CPU."""
    from arspec.layers.helpers import takes_own_backward

    if rows.device.type != "cpu" or rows.dtype != weight.dtype:
        return False
    return rows.shape[:-1].numel() * len(weight) >= LARGE and takes_own_backward(rows)


def nats_of_product(x: Tensor, weight: Tensor, bias: Tensor | None, level: Tensor) -> Tensor:
    """x [N, C], weight [K, C], bias [K], level [N] of integers -> nats [N]."""
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, weight, bias)):
        return _NatsOfProduct.apply(x, weight, bias, level)  # pyright: ignore[reportUnknownMemberType, reportReturnType]
    size = max(1, WITHOUT // len(weight))
    parts = zip(x.split(size), level.split(size), strict=True)
    return torch.cat([_exponentials(F.linear(part, weight, bias), own)[1] for part, own in parts])


def _exponentials(logits: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
    """Writes exponentials over logits [N, K], each row up to a factor: (their sums [N, 1], nats [N] at `level`)."""
    sums, nats = logits.new_empty(len(logits), 1), logits.new_empty(len(logits))
    for own, rows in _near(logits):
        own.sub_(own.amax(1, keepdim=True))
        chosen = own.gather(1, level[rows, None])
        torch.sum(own.exp_(), 1, keepdim=True, out=sums[rows])
        torch.sub(chosen[:, 0], sums[rows, 0].log(), out=nats[rows])
    return sums, nats


def _near(x: Tensor) -> Iterator[tuple[Tensor, slice]]:
    """A few rows of x [N, K] at a time, and which they are."""
    size = max(1, NEAR // x.shape[1])
    return ((x[start : start + size], slice(start, start + size)) for start in range(0, len(x), size))


class _NatsOfProduct(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, level: Tensor) -> Tensor:
        logits = F.linear(x, weight, bias)
        sums, nats = _exponentials(logits, level)
        ctx.save_for_backward(x, weight, bias, level)
        ctx.kept = logits, sums  # the backward pass writes over them
        return nats

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, level = ctx.saved_tensors
        need_x, need_weight, need_bias, _ = ctx.needs_input_grad
        each, level = grads[0][:, None], level[:, None]
        # a second backward pass, one to be differentiated again, or many at once
        if ctx.kept is None or torch.is_grad_enabled() or _many(each):
            chosen = torch.zeros(len(x), len(weight), dtype=x.dtype, device=x.device).scatter_(1, level, 1)
            grad = each * (chosen - F.linear(x, weight, bias).softmax(1))
        else:
            (grad, sums), ctx.kept = ctx.kept, None
            for own, rows in _near(grad):
                own.mul_(-each[rows] / sums[rows]).scatter_add_(1, level[rows], each[rows])
        return (
            grad @ weight if need_x else None,
            grad.T @ x if need_weight else None,
            grad.sum(0) if need_bias else None,
            None,
        )


def _many(grad: Tensor) -> bool:
    """Whether a gradient is many at once, as `is_grads_batched` and `torch.func.vmap` give them."""
    private: Any = torch._C  # pyright: ignore[reportPrivateUsage]
    return private._functorch.is_functorch_wrapped_tensor(grad) or private._functorch.is_legacy_batchedtensor(grad)
