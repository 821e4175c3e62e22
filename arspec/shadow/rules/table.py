"""The table of rules, by operator."""

# Operators, their schemas and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from arspec.shadow.call import Call


class Masked(NamedTuple):
    """Labels, and where a finite masking constant stands in what is labelled; both broadcast to the target."""

    labels: Tensor
    where: Tensor


Labels = Tensor | Masked | Sequence[Tensor | Masked]
Rule = Callable[[Call], Labels]

_RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enters a rule for operators of `aten`, by name: `"max"` for all overloads that have no entry of their own,
    `"max.dim"` for one. A form that writes in place (`add_`) and one with `out` share the entry."""

    def enter(function: Rule) -> Rule:
        for name in names:
            assert name not in _RULES, f"two rules for {name}"
            _RULES[name] = function
        return function

    return enter


def entry(operator: torch._ops.OpOverload) -> str | None:
    """The name under which an operator has a rule, or None. Operators of other libraries are `library::name`."""
    space, name = operator._schema.name.split("::")
    overload = operator._schema.overload_name
    prefix = "" if space == "aten" else f"{space}::"
    bare = name if name.startswith("__") else name.rstrip("_")
    for candidate in (
        f"{name}.{overload}",
        f"{bare}.{overload}",
        f"{bare}.{overload.removesuffix('_out')}",
        f"{bare}.{overload.removesuffix('out').removesuffix('_')}",
        name,
        bare,
    ):
        if prefix + candidate in _RULES:
            return prefix + candidate
    return None


def find(operator: torch._ops.OpOverload) -> Rule | None:
    """The rule of an operator, or None."""
    name = entry(operator)
    return None if name is None else _RULES[name]


def entries() -> dict[str, Rule]:
    """All rules by name."""
    return dict(_RULES)
