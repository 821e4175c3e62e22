"""Products of matrices that torch has no kernel for: of gathered sites, and of channel groups that read one another in
sequence. Both have a backward of their own: it keeps nothing but its inputs, and computes nothing that a mask hides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function

if TYPE_CHECKING:
    from arspec.layers.pieces import Ranges

MAX_GATHERED = 1 << 20  # numbers that are gathered at a time: on a CPU they should stay in its cache


def gathered(x: Tensor, table: Tensor, weight: Tensor) -> Tensor:
    """x [B, P, C], table [n, m] of positions, weight [m * C, D] -> [B, n, D]: what each row of the table names, side by
    side, times the weight. No more than `MAX_GATHERED` numbers are gathered at a time (one example's at the least), in
    the backward pass too."""
    if torch.compiler.is_compiling() or not torch.is_grad_enabled():
        return _gathered(x, table, weight)
    return _Gathered.apply(x, table, weight)  # pyright: ignore[reportUnknownMemberType, reportReturnType]


def _gathered(x: Tensor, table: Tensor, weight: Tensor) -> Tensor:
    n = len(table)
    found = [part.index_select(1, table.flatten()).view(len(part), n, -1) @ weight for part in _shares(x, table)]
    return found[0] if len(found) == 1 else torch.cat(found)


def _shares(x: Tensor, table: Tensor) -> tuple[Tensor, ...]:
    return x.split(max(1, MAX_GATHERED // max(1, table.numel() * x.shape[2])))


class _Gathered(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, table: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, table, weight)
        return _gathered(x, table, weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, table, weight = ctx.saved_tensors
        need_x, _, need_weight = ctx.needs_input_grad
        flat, channels = table.flatten(), x.shape[2]
        grad_x = torch.zeros_like(x, memory_format=torch.contiguous_format) if need_x else None
        grad_weight = torch.zeros_like(weight) if need_weight else None
        at = 0
        for part in _shares(x, table):
            grad = grads[0][at : at + len(part)].to(weight.dtype)
            if grad_weight is not None:
                taken = part.index_select(1, flat).view(-1, len(weight)).to(weight.dtype)
                grad_weight.addmm_(taken.T, grad.reshape(-1, weight.shape[1]))
            if grad_x is not None:
                back = (grad @ weight.T).view(len(part), -1, channels)
                grad_x[at : at + len(part)].index_add_(1, flat, back.to(x.dtype))
            at += len(part)
        return grad_x, None, grad_weight


def pays(x: Tensor) -> bool:
    """Whether `in_sequence` is quicker than a convolution with its mask: measured on a CPU, where it loops over
    examples; elsewhere one large product is."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling() and not torch.is_autocast_enabled("cpu")


def in_sequence(x: Tensor, weight: Tensor, bias: Tensor | None, ranges: Ranges) -> Tensor:
    """A 1×1 convolution of channel groups that read some of the groups only: x [B, G_in * C, P], weight
    [G_out * D, G_in * C], bias [G_out * D] -> [B, G_out * D, P]. Each group is multiplied with the groups that it reads
    (for red, green and blue in sequence two thirds of the whole product, in the backward pass too)."""
    return _InSequence.apply(x, weight, bias, ranges)  # pyright: ignore[reportUnknownMemberType, reportReturnType]


class _InSequence(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, ranges: Ranges) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.ranges = ranges
        out, into = len(weight) // len(ranges.read), weight.shape[1] // len(ranges.reader)
        y = x.new_empty(len(x), len(weight), x.shape[2])
        for g, (low, high) in enumerate(ranges.read):
            own, read = slice(g * out, (g + 1) * out), slice(low * into, high * into)
            if low == high:
                y[:, own] = 0 if bias is None else bias[own, None]
                continue
            mine = weight[own, read]
            for example, target in zip(x[:, read], y[:, own], strict=True):
                if bias is None:
                    torch.mm(mine, example, out=target)
                else:
                    torch.addmm(bias[own, None], mine, example, out=target)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        ranges: Ranges = ctx.ranges
        need_x, need_weight, need_bias, _ = ctx.needs_input_grad
        grad = grads[0].contiguous()
        out, into = len(weight) // len(ranges.read), weight.shape[1] // len(ranges.reader)
        grad_x = grad_weight = None
        if need_x:
            grad_x = torch.empty_like(x, memory_format=torch.contiguous_format)
            for g, (low, high) in enumerate(ranges.reader):
                own, reader = slice(g * into, (g + 1) * into), slice(low * out, high * out)
                if low == high:
                    grad_x[:, own] = 0
                    continue
                mine = weight[reader, own].T
                for one, target in zip(grad[:, reader], grad_x[:, own], strict=True):
                    torch.mm(mine, one, out=target)
        if need_weight:
            grad_weight = torch.zeros_like(weight)
            for g, (low, high) in enumerate(ranges.read):
                own, read = slice(g * out, (g + 1) * out), slice(low * into, high * into)
                if low < high:
                    for one, example in zip(grad[:, own], x[:, read], strict=True):
                        grad_weight[own, read].addmm_(one, example.T)
        return grad_x, grad_weight, grad.sum((0, 2)) if need_bias else None, None
