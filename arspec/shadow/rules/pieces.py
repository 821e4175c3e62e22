"""What rules have in common: axes, labels that move with their elements, products with structural zeros."""

# Operators and their schemas have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, DTYPE, Algebra, agreed, agreed_of_two, broadcast, compact, only, some
from arspec.shadow.call import Call, tensors
from arspec.shadow.elements import all_finite, at_most, differs, equals, is_finite
from arspec.shadow.rules.table import Masked

MASKED = -1e4  # a constant at or below it, added to a score, is a mask
LOWERED = MASKED / 2  # a score that a mask was added to is masked at or below it
SETTINGS = {"dtype", "layout", "device", "pin_memory", "memory_format", "generator"}  # arguments that move no element


def constant() -> Tensor:
    """The label of what is the same in every pass."""
    return torch.full((), CONSTANT, dtype=DTYPE)


def axes(dim: Any, rank: int) -> list[int]:
    """The axes that an argument names, not negative; None or none: all of them."""
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return list(range(rank))
    listed: Sequence[int] = [dim] if isinstance(dim, int) else dim
    return [d % rank for d in listed] if rank else []


def shaped(call: Call, labels: Tensor) -> list[Tensor]:
    """Labels that kept their reduced axes, in the shape of each target."""
    return [
        labels.reshape(target.shape) if labels.numel() == target.numel() else labels.expand(target.shape)
        for target in call.targets
    ]


def narrowed(labels: Tensor, *dims: int) -> Tensor:
    """Labels (or bits) with those of some axes kept once, along which all are equal; what is left broadcasts."""
    for dim in dims:
        if labels.shape[dim] > 1:
            first = labels.narrow(dim, 0, 1)
            if labels.stride(dim) == 0 or not some(differs(labels, first)):
                labels = first
    return labels


def moved(call: Call, *names: str, along: Sequence[int] | None = None) -> Any:
    """For operators that move elements and change none: the operator itself, upon labels instead of numbers. What it
    fills in is constant.

    names  the arguments that hold what moves; the first one by default
    along  the only axes along which elements move; all others keep their sizes and places. None: it is not known
    """
    names = names or (next(iter(call.arguments)),)
    thin = _alike(call, names, along)
    labels = _wide(call, thin, _again(call, {name: _upon(call[name], call.labels, thin) for name in names}))
    bits = [call.masked(t) for name in names for t in tensors(call[name])]
    if all(bit is None for bit in bits):
        return labels

    def bit(value: Any) -> Tensor:
        found = call.masked(value)
        return torch.zeros(value.shape, dtype=torch.bool) if found is None else found

    marks = _wide(call, thin, _again(call, {name: _upon(call[name], bit, thin) for name in names}))
    return [Masked(own, mark != 0) for own, mark in zip(labels, marks, strict=True)]


def _alike(call: Call, names: Sequence[str], along: Sequence[int] | None) -> list[int]:
    """The axes along which nothing moves and all that moves is labelled alike: those are moved once."""
    if along is None:
        return []
    parts = [tensor for name in names for tensor in tensors(call[name])]
    held = [part.expand(t.shape) for t in parts for part in (call.labels(t), call.masked(t)) if part is not None]
    rank = parts[0].dim() if parts else 0
    if any(tensor.dim() != rank for tensor in parts):  # an empty tensor of one axis may be joined to any
        return []
    moving = {axis % rank for axis in along} if rank else set[int]()
    return [
        axis
        for axis in range(rank)
        if axis not in moving and parts[0].shape[axis] > 1 and all(part.stride(axis) == 0 for part in held)
    ]


def _upon(value: Any, of: Callable[[Tensor], Tensor], thin: Sequence[int]) -> Any:
    if isinstance(value, Tensor):
        held = of(value).expand(value.shape)
        for axis in thin:
            held = held.narrow(axis, 0, 1)
        return held.to(torch.float64)
    if isinstance(value, (list, tuple)):
        return [_upon(item, of, thin) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _wide(call: Call, thin: Sequence[int], moved: list[Tensor]) -> list[Tensor]:
    """What was moved once, along all of its axes."""
    if not thin:
        return moved
    return [part.expand(target.shape) for part, target in zip(moved, call.targets, strict=True)]


def _again(call: Call, data: dict[str, Any]) -> list[Tensor]:
    """The operator with other data, as float64; its results as labels."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for argument in call.operator._schema.arguments:
        name = argument.name
        if name in SETTINGS:
            continue
        if argument.is_out:
            kwargs[name] = torch.empty(0, dtype=torch.float64)
            continue
        value = data[name] if name in data else _detached(call, call[name])
        if name == "value":
            value = CONSTANT  # of what is filled in
        if name in data and argument.alias_info is not None and argument.alias_info.is_write:
            value = value.clone() if isinstance(value, Tensor) else value
        if argument.kwarg_only:
            kwargs[name] = value
        else:
            args.append(value)
    out = call.operator(*args, **kwargs)
    return [t.to(DTYPE) for t in tensors(out)]


def _detached(call: Call, value: Any) -> Any:
    if isinstance(value, Tensor):
        return call.value(value)
    if isinstance(value, (list, tuple)):
        return [_detached(call, item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def margin(value: Tensor) -> float:
    """How far below the greatest an exponential is zero for certain, twice over, in this dtype."""
    return 1490.0 if value.dtype == torch.float64 else 208.0


def softened(call: Call, value: Any, dim: int) -> tuple[Tensor, Tensor | None]:
    """Labels of what an exponential along an axis reads, and where its result is zero by a mask (None: nowhere)."""
    labels = call.labels(value).expand(value.shape)
    number = call.value(value)
    if not number.is_floating_point():
        return labels, None
    masked, steady = call.masked(value), equals(compact(labels), CONSTANT)
    if value.numel() == 0 or not (some(steady) or masked is not None):
        return labels, None
    gone = agreed(steady.expand(value.shape), lambda score: at_most(score, MASKED), number)
    if masked is not None:
        low = agreed(masked.expand(value.shape), lambda score: at_most(score, LOWERED), number)
        gone = (compact(gone) | compact(low)).expand(value.shape)
    if not some(gone):
        return labels, None
    top = number.amax(dim, keepdim=True) if number.dim() else number
    gone = agreed_of_two(
        gone, lambda score, top: at_most(score - top, -margin(score)), number, top.expand(number.shape)
    )
    return replaced(labels, gone), gone


def replaced(labels: Tensor, gone: Tensor) -> Tensor:
    """Labels, and constants where they are gone; what both are expanded along stays so."""
    return only(compact(labels), ~compact(gone)).expand(broadcast(gone.shape, labels.shape))


class Factor(NamedTuple):
    """One side of a product: labels; where it is zero in every pass; where it is not finite. None: nowhere."""

    labels: Tensor
    zero: Tensor | None
    loud: Tensor | None

    @property
    def mT(self) -> Factor:
        """The last two axes exchanged."""
        return Factor(*(None if part is None else part.mT for part in self))  # type: ignore[arg-type]

    def map(self, change: Any) -> Factor:
        """Each part changed alike."""
        return Factor(*(None if part is None else change(part) for part in self))  # type: ignore[arg-type]


def factor(call: Call, value: Tensor) -> Factor:
    """A tensor as a side of a product."""
    labels = call.labels(value).expand(value.shape)
    zero = call.zero(value)
    loud = None if all_finite(call.value(value)) else ~is_finite(call.value(value))
    return Factor(labels, zero if some(zero) else None, loud)


def kept(algebra: Algebra, labels: Tensor, keep: Tensor) -> Tensor:
    """Labels `[..., I, K]`, keep `[..., J, K]` -> `[..., I, J]`: the union over K; equal rows are looked at once."""
    labels = narrowed(labels, *range(labels.dim() - 1))
    keep = narrowed(keep, *range(keep.dim() - 1))
    if keep.shape[-2] > 1 and all(size == 1 for size in keep.shape[:-2]):
        rows, back = distinct(keep.reshape(keep.shape[-2:]))
        found = algebra.within(labels, rows.reshape(*keep.shape[:-2], *rows.shape)[..., None, :, :])
        return found[..., back]
    return algebra.within(labels, keep[..., None, :, :])


def distinct(bits: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct rows of `[J, K]` bits, and for each of J the place of its row among these."""
    if bits.shape[1] == 0:
        return bits[:1], torch.zeros(len(bits), dtype=torch.int64)
    packed = np.packbits(bits.numpy(), axis=1)
    key = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, back = np.unique(key, return_index=True, return_inverse=True)
    return bits[torch.from_numpy(first)], torch.from_numpy(back.reshape(-1))


def product(algebra: Algebra, left: Factor, right: Factor) -> Tensor:
    """`[..., I, K]` times `[..., K, J]`: an entry reads what stands over K where neither factor is a structural zero.

    A zero factor whose partner may not be finite cuts nothing.
    """
    rows = _half(algebra, left.labels, left.loud, right.mT.zero)
    columns = _half(algebra, right.mT.labels, right.mT.loud, left.zero).mT
    return algebra.join(*(_once(part) for part in (rows, columns)))


def _once(labels: Tensor) -> Tensor:
    """Labels that are equal for all examples and heads, expanded along these."""
    return narrowed(labels, *range(labels.dim() - 2)).expand(labels.shape)


def _half(algebra: Algebra, labels: Tensor, loud: Tensor | None, zero: Tensor | None) -> Tensor:
    """What comes from labels `[..., I, K]` past the zeros `[..., J, K]` of the other side: `[..., I, J]`."""
    if zero is None or not some(labels):
        return algebra.reduce(labels, [-1])
    keep = (~compact(zero)).expand(zero.shape)
    if loud is not None:
        keep = keep | loud.any(-2, keepdim=True)
    return kept(algebra, labels, keep)
