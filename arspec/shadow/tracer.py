"""One forward pass with its shadow: a mode that sees every operator and labels what it writes."""

# Operators, their schemas and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from arspec.shadow.algebra import DTYPE, LOOSE, Algebra
from arspec.shadow.call import Call, tensors
from arspec.shadow.memory import ShadowMemory
from arspec.shadow.places import Place, here
from arspec.shadow.rules import find
from arspec.shadow.rules.pointwise import elementwise


@dataclass(frozen=True)
class Opaque:
    """An operator without a rule: what it wrote was taken to read all that it was given."""

    operator: str
    place: Place


class Tracer(TorchDispatchMode):
    """Labels every tensor that is made while the mode is entered.

    `route_given`: indices that are found by sorting or selecting, and values that Python reads, are taken as they are
    in this pass.
    """

    def __init__(self, algebra: Algebra, *, route_given: bool = False) -> None:
        super().__init__()
        self.memory = ShadowMemory(algebra)
        self.route_given = route_given
        self.opaque: list[Opaque] = []

    def source(self, tensor: Tensor, variables: Tensor) -> None:
        """Says which variable each element of an input holds; both have the same shape, or broadcast to it."""
        self.memory.write(tensor, self.memory.algebra.of(variables))

    def labels(self, tensor: Tensor) -> Tensor:
        """The labels of a tensor's elements now."""
        return self.memory.labels(tensor)

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        touched = any(self.memory.touched(tensor) for tensor in tensors([list(args), named]))
        call = Call(self.memory, func, args, named, route_given=self.route_given) if touched else None
        out = func(*args, **named)
        if call is None:
            self._constant(func, args, named, out)
        else:
            self._label(call, out)
        return out

    def _constant(self, func: torch._ops.OpOverload, args: Sequence[Any], named: dict[str, Any], out: Any) -> None:
        """Nothing with a label was read: random draws belong to this pass alone, all else is the same in every pass."""
        if torch.Tag.nondeterministic_seeded in func.tags:
            for target in tensors(out):
                self.memory.write(target, torch.full((), LOOSE, dtype=DTYPE))

    def _label(self, call: Call, out: Any) -> None:
        returned = list(tensors(out))
        if not call.mutated:
            read = {tensor.untyped_storage()._cdata for tensor in call.inputs}
            if returned and all(tensor.untyped_storage()._cdata in read for tensor in returned):
                return  # views
        call.targets = [*returned, *(t for t in call.mutated if not any(t is other for other in returned))]
        rule: Callable[[Call], Any] | None = find(call.operator)
        if rule is None and torch.Tag.pointwise in call.operator.tags:
            rule = elementwise
        if rule is None:
            self.opaque.append(Opaque(str(call.operator), here()))
            labels: Any = call.everything()
        else:
            labels = rule(call)
        listed = list(labels) if isinstance(labels, (list, tuple)) else [labels] * len(call.targets)
        for target, label in zip(call.targets, listed, strict=True):
            self.memory.write(target, label)
