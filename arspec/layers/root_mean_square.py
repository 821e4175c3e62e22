"""Division by the root mean square over the last dimension, with a backward pass of its own.

torch puts it together from six calls on a CPU, each with a backward pass that goes through all numbers and keeps some.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from arspec.layers.helpers import takes_own_backward


def by_root_mean_square(x: Tensor, gain: Tensor | None, epsilon: float) -> Tensor:
    """x [..., C], gain [C] -> x / √(mean(x²) + epsilon) · gain, [..., C]."""
    alike = gain is None or gain.dtype == x.dtype
    if alike and torch.is_grad_enabled() and x.stride(-1) == 1 and takes_own_backward(x):
        return _ByRootMeanSquare.apply(x, gain, epsilon)  # pyright: ignore[reportUnknownMemberType, reportReturnType]
    return _divided(x, gain, epsilon)[0]


def _divided(x: Tensor, gain: Tensor | None, epsilon: float) -> tuple[Tensor, Tensor]:
    """The result, and what x is multiplied by for it, [..., 1]."""
    factor = (x.square().mean(-1, keepdim=True) + epsilon).rsqrt()
    y = x * factor
    return y if gain is None else y * gain, factor


class _ByRootMeanSquare(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor | None, epsilon: float) -> Tensor:
        y, factor = _divided(x, gain, epsilon)
        ctx.save_for_backward(x, gain, factor)
        ctx.epsilon = epsilon
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, gain, factor = ctx.saved_tensors
        if torch.is_grad_enabled():  # to be differentiated again: the factor is of x
            factor = _divided(x, None, ctx.epsilon)[1]
        y = x * factor
        both = grads[0] * y
        within, grad_gain = grads[0], None
        if gain is not None:
            within = grads[0] * gain
            grad_gain = both.sum(tuple(range(both.ndim - 1))) if both.ndim > 1 else both
        mean = (both.mean(-1) if gain is None else both @ gain / len(gain)).unsqueeze(-1)
        return torch.addcmul(within, y, mean, value=-1) * factor, grad_gain, None
