"""Products of rows with a weight, x · Wᵀ + b, in training on a CPU.

Gradients of weights lie in memory that is kept. Of float32, oneDNN computes all products but those of gradients of
weights: with vectors of 512 bits it is a tenth to a half quicker than the BLAS that torch calls.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from arspec.layers.gradient_memory import gradient_of
from arspec.layers.helpers import many, takes_own_backward

LARGE = 1 << 24  # multiplications from which it is quicker than torch's own calls
PLAIN = (Tensor, torch.nn.Parameter)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x [..., C], weight [D, C], bias [D] -> [..., D]."""
    if x.numel() * len(weight) >= LARGE and torch.is_grad_enabled() and _pays(x, weight, bias):
        return _Linear.apply(x, weight, bias)  # pyright: ignore[reportUnknownMemberType, reportReturnType]
    return F.linear(x, weight, bias)


def _pays(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    given = (x, weight) if bias is None else (x, weight, bias)
    if any(type(t) not in PLAIN or t.device.type != "cpu" or t.dtype != x.dtype for t in given):
        return False
    return x.is_floating_point() and any(t.requires_grad for t in given) and takes_own_backward(x)


def times(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x · Wᵀ + b, without a gradient: x [..., C], weight [D, C] -> [..., D]."""
    if _by_onednn(x, weight):
        return _onednn()(x, weight, bias, "none", [], "")
    return F.linear(x, weight, bias)


def by_inputs(grad: Tensor, weight: Tensor) -> Tensor:
    """The gradient of x, from that of the product: grad [N, D], weight [D, C] -> [N, C]."""
    if _by_onednn(grad, weight):
        return _onednn()(grad, weight.mT, None, "none", [], "")
    return grad @ weight


@cache
def _onednn() -> Any:
    """oneDNN's product as Inductor calls it; None where it is missing, or where vectors are shorter."""
    if not torch.backends.mkldnn.is_available() or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


def _by_onednn(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN takes these: nobody who watches torch's calls would know what it computes."""
    if x.dtype != torch.float32 or not weight.is_contiguous() or _onednn() is None:
        return False
    watched: int = torch._C._len_torch_dispatch_stack()  # pyright: ignore[reportPrivateUsage]
    return torch.backends.mkldnn.enabled and not watched


class _Linear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return times(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """What calls need comes before both products: behind them no cache holds code any more."""
        x, weight = ctx.saved_tensors
        need_x, need_weight, need_bias = ctx.needs_input_grad
        grad, rows, shape = grads[0].reshape(-1, len(weight)), x.reshape(-1, x.shape[-1]), x.shape
        turned, grad_bias = grad.mT, grad.sum(0) if need_bias else None
        if torch.is_grad_enabled() or many(grad):  # to be differentiated again, or many at once
            grad_x = (grad @ weight).view(shape) if need_x else None
            return grad_x, turned @ rows if need_weight else None, grad_bias
        grad_weight = gradient_of(weight) if need_weight else None
        if grad_weight is not None:
            torch.mm(turned, rows, out=grad_weight)
        return by_inputs(grad, weight).view(shape) if need_x else None, grad_weight, grad_bias
