"""A table that rows are taken of, and that may be multiplied with too, as of a model of words whose embedding is also
its last weight.

The gradient of the rows has a few numbers, and that of a product all numbers of the table. Torch fills a new tensor of
the table's size with the first, and adds both up in a third. Here the rows are added to the product's gradient where it
lies, or to zeros in memory that is kept.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import embedding

from arspec.layers.gradient_memory import gradient_of
from arspec.layers.helpers import many, takes_own_backward

LARGE = 1 << 20  # numbers of a table from which it pays

# What rows were taken and their gradients, by the backward pass that they are of.
_Rows = dict[int, list[tuple[Tensor, Tensor]]]


def shared(table: Tensor) -> Tensor | None:
    """The same table for one pass, of which `rows_of` and a product may take it; None where it does not pay."""
    plain = type(table) in (Tensor, torch.nn.Parameter) and table.device.type == "cpu"  # no part of one, say
    if not plain or table.numel() < LARGE or not table.is_contiguous():
        return None
    if not (torch.is_grad_enabled() and table.requires_grad and takes_own_backward(table)):
        return None
    rows: _Rows = {}
    found: Any = _Shared.apply(table, rows)  # pyright: ignore[reportUnknownMemberType]
    found.rows = rows
    return found


def rows_of(table: Tensor, numbers: Tensor) -> Tensor:
    """table [G, V, C], numbers [...] of rows, from 0 to G * V -> [..., C]."""
    if not hasattr(table, "rows"):
        table = table if (own := shared(table)) is None else own
    rows: _Rows | None = getattr(table, "rows", None)
    if rows is None:
        return embedding(numbers, table.flatten(0, 1))  # whose gradient is quicker than that of an index
    return _RowsOf.apply(table, numbers, rows)  # pyright: ignore[reportUnknownMemberType, reportReturnType]


def unshared(grad: Tensor) -> Tensor:
    """Says of a gradient that a backward pass has made that nobody else has its memory."""
    _whole(grad).unshared = True  # pyright: ignore[reportAttributeAccessIssue]
    return grad


def _is_unshared(grad: Tensor) -> bool:
    whole = _whole(grad)
    return getattr(whole, "unshared", False) and grad.numel() == whole.numel() and grad.is_contiguous()


def _whole(grad: Tensor) -> Tensor:
    return grad if grad._base is None else grad._base


class _Shared(Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: _Rows) -> Tensor:
        ctx.save_for_backward(table)
        ctx.rows = rows
        ctx.set_materialize_grads(False)
        return table.view_as(table)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """All that takes of the table has had its turn."""
        (table,) = ctx.saved_tensors
        grad, own = grads[0], ctx.rows.pop(_pass(), [])
        if not own:
            return grad, None
        if grad is None:
            grad = gradient_of(table, zeros=True)
        elif not _is_unshared(grad):
            grad = gradient_of(table).copy_(grad)
        for numbers, each in own:
            grad.view(-1, table.shape[-1]).index_add_(0, numbers.flatten(), each.reshape(-1, table.shape[-1]))
        return grad, None


class _RowsOf(Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, numbers: Tensor, rows: _Rows) -> Tensor:
        ctx.save_for_backward(numbers)
        ctx.rows, ctx.shape = rows, table.shape
        return embedding(numbers, table.flatten(0, 1))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (numbers,) = ctx.saved_tensors
        if torch.is_grad_enabled() or many(grads[0]):  # to be differentiated again, or many at once
            flat = torch.ops.aten.embedding_dense_backward(grads[0], numbers, ctx.shape[:-1].numel(), -1, False)
            return flat.view(ctx.shape), None, None
        ctx.rows.setdefault(_pass(), []).append((numbers, grads[0]))
        return None, None, None


def _pass() -> int:
    """The number of the backward pass that calls this."""
    private: Any = torch._C  # pyright: ignore[reportPrivateUsage]
    return private._current_graph_task_id()
