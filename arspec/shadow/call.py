"""One operator call, as a rule sees it."""

# Operators, their schemas and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, DTYPE, Algebra
from arspec.shadow.memory import ShadowMemory


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors among arguments, in order, through lists, tuples and mappings."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            yield from tensors(item)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))  # pyright: ignore[reportUnknownArgumentType]


class Call:
    """An operator with its arguments; labels and values are those before the call.

    `targets` are the tensors that the call wrote: those returned, in order, then mutated ones.
    """

    def __init__(
        self,
        memory: ShadowMemory,
        operator: torch._ops.OpOverload,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        *,
        route_given: bool,
    ) -> None:
        self.memory = memory
        self.operator = operator
        self.route_given = route_given
        self.arguments: dict[str, Any] = {}
        schema = operator._schema.arguments
        for place, argument in enumerate(schema):
            if place < len(args):
                self.arguments[argument.name] = args[place]
            elif argument.name in kwargs:
                self.arguments[argument.name] = kwargs[argument.name]
            else:
                self.arguments[argument.name] = argument.default_value
        self.mutated = [
            tensor
            for argument in schema
            if argument.alias_info is not None and argument.alias_info.is_write
            for tensor in tensors(self.arguments[argument.name])
        ]
        self.inputs = list(tensors(list(self.arguments.values())))
        self.targets: list[Tensor] = []
        self._before: dict[int, tuple[Tensor, Tensor]] = {}
        if self.mutated:
            written = {tensor.untyped_storage()._cdata for tensor in self.mutated}
            for tensor in self.inputs:
                if tensor.untyped_storage()._cdata in written:
                    self._before[id(tensor)] = (memory.labels(tensor).clone(), tensor.detach().clone())

    @property
    def algebra(self) -> Algebra:
        """The algebra of the labels."""
        return self.memory.algebra

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def get(self, name: str, default: Any = None) -> Any:
        """An argument by its name in the operator's schema, where the schema has it."""
        return self.arguments.get(name, default)

    def labels(self, value: Any) -> Tensor:
        """Labels before the call; of what is no tensor: constant."""
        if not isinstance(value, Tensor):
            return torch.full((), CONSTANT, dtype=DTYPE)
        before = self._before.get(id(value))
        return before[0] if before is not None else self.memory.labels(value)

    def value(self, value: Any) -> Tensor:
        """Values before the call."""
        if not isinstance(value, Tensor):
            return torch.as_tensor(value)
        before = self._before.get(id(value))
        return before[1] if before is not None else value.detach()

    def zero(self, value: Any) -> Tensor:
        """Where a number is zero in every pass."""
        return (self.labels(value) == CONSTANT) & (self.value(value) == 0)

    def everything(self) -> Tensor:
        """The union of all that the call could read, as one label."""
        parts = [self.algebra.reduce(self.labels(t).reshape(-1), [0], keepdim=False) for t in self.inputs if t.numel()]
        return self.algebra.join(*parts) if parts else torch.full((), CONSTANT, dtype=DTYPE)
