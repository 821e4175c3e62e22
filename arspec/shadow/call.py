"""One operator call, as a rule sees it."""

# Operators, their schemas and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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


class Signature:
    """What is fixed about an operator: names and defaults of its arguments, and which of them it writes to."""

    def __init__(self, operator: torch._ops.OpOverload) -> None:
        self.operator = operator
        self.space, self.name = operator._schema.name.split("::")
        arguments = operator._schema.arguments
        self.names = [argument.name for argument in arguments]
        self.defaults = {argument.name: argument.default_value for argument in arguments}
        self.written = [a.name for a in arguments if a.alias_info is not None and a.alias_info.is_write]
        self.outs = {a.name for a in arguments if a.is_out}  # only written to, and not read
        tags = operator.tags
        self.pointwise = torch.Tag.pointwise in tags
        self.random = torch.Tag.nondeterministic_seeded in tags
        self.shaped = torch.Tag.dynamic_output_shape in tags
        returns = [str(value.type) for value in operator._schema.returns]
        self.numbers = any("Tensor" not in kind for kind in returns)  # a value goes to Python

    def bind(self, args: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        """All arguments by name."""
        bound = dict(self.defaults)
        bound.update(zip(self.names, args))
        bound.update(named)
        return bound


class Call:
    """An operator with its arguments; labels and values are those before the call.

    `targets` are the tensors that the call wrote: those returned, in order, then mutated ones. `context` is joined to
    whatever is read: the label of the choice that led to this call.
    """

    def __init__(
        self,
        memory: ShadowMemory,
        signature: Signature,
        args: Sequence[Any],
        named: Mapping[str, Any],
        *,
        route_given: bool,
        context: Tensor | None = None,
    ) -> None:
        self.memory = memory
        self.signature = signature
        self.operator = signature.operator
        self.route_given = route_given
        self.context = context
        self.arguments = signature.bind(args, named)
        self.mutated = [tensor for name in signature.written for tensor in tensors(self.arguments[name])]
        self.inputs = [
            tensor for name in signature.names if name not in signature.outs for tensor in tensors(self[name])
        ]
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
            labels = torch.full((), CONSTANT, dtype=DTYPE)
        else:
            before = self._before.get(id(value))
            labels = before[0] if before is not None else self.memory.labels(value)
        return labels if self.context is None else self.algebra.join(labels, self.context)

    def value(self, value: Any) -> Tensor:
        """Values before the call."""
        if not isinstance(value, Tensor):
            return torch.as_tensor(value)
        before = self._before.get(id(value))
        return before[1] if before is not None else value.detach()

    def masked(self, value: Any) -> Tensor | None:
        """Where a finite masking constant was added to a number, of its shape; None: nowhere."""
        return None

    def zero(self, value: Any) -> Tensor:
        """Where a number is zero in every pass."""
        return (self.labels(value) == CONSTANT) & (self.value(value) == 0)

    def everything(self) -> Tensor:
        """The union of all that the call could read, as one label."""
        parts = [self.algebra.reduce(self.labels(t).reshape(-1), [0], keepdim=False) for t in self.inputs if t.numel()]
        if self.context is not None:
            parts.append(self.context)
        return self.algebra.join(*parts) if parts else torch.full((), CONSTANT, dtype=DTYPE)
