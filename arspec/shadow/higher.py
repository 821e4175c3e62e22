"""Operators that take functions, such as `flex_attention`: modes see them, and run them by what they are made of."""

# Operators have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_EAGER = {"flex_attention", "associative_scan", "map", "map_impl", "invoke_subgraph", "wrap", "checkpoint"}


def take_functions(mode: type[TorchDispatchMode]) -> None:
    """Lets a class of modes see operators that take functions, where torch has no switch for it (before 2.6)."""
    known: Any = torch._ops
    if hasattr(TorchDispatchMode, "supports_higher_order_operators"):
        return
    for operator in known._higher_order_ops.values():
        if mode not in operator.python_key_table:
            operator.py_impl(mode)(_handler(operator))


def name_of(operator: Any) -> str:
    """The name of an operator that takes functions."""
    return operator.name() if callable(getattr(operator, "name", None)) else str(operator)


def eager_form(operator: Any) -> Callable[..., Any] | None:
    """What computes the same by plain operators, with the same arguments; None where there is no such form."""
    name = name_of(operator)
    if name in _PLAIN:
        return _PLAIN[name]
    return operator.py_kernels.get(torch._C.DispatchKey.CompositeExplicitAutograd) if name in _EAGER else None


def _handler(operator: Any) -> Callable[..., Any]:
    def handle(mode: Any, *args: Any, **named: Any) -> Any:
        return mode.__torch_dispatch__(operator, (), args, named)

    return handle


def _cond(predicate: Any, yes: Callable[..., Any], no: Callable[..., Any], operands: Sequence[Tensor]) -> Any:
    return (yes if bool(predicate) else no)(*operands)


def _while_loop(
    condition: Callable[..., Any], body: Callable[..., Any], carried: Sequence[Any], more: Sequence[Any]
) -> Any:
    while bool(condition(*carried, *more)):
        carried = body(*carried, *more)
    return carried


def _scan(
    combine: Callable[..., Any], first: Sequence[Tensor], rows: Sequence[Tensor], more: Sequence[Any] = ()
) -> Any:
    """The last state, and what each step gives, stacked; steps lie along the first axis."""
    state, given = list(first), []
    for step in zip(*(row.unbind(0) for row in rows)):
        out = list(combine(*state, *step, *more))
        state = out[: len(first)]
        given.append(out[len(first) :])
    return [*state, *(torch.stack(each) for each in zip(*given))]


_PLAIN: dict[str, Callable[..., Any]] = {"cond": _cond, "while_loop": _while_loop, "scan": _scan}
