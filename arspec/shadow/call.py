"""One operator call, as a rule sees it."""

# Operators, their schemas and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, DTYPE, Algebra, agreed, compact, some
from arspec.shadow.elements import equals
from arspec.shadow.memory import ShadowMemory, plain


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors among arguments, in order, through lists, tuples and mappings."""
    found: list[Tensor] = []
    _gather([value], found)
    return iter(found)


def _gather(values: Iterable[Any], found: list[Tensor]) -> None:
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            _gather(value, found)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, dict):
            _gather(value.values(), found)  # pyright: ignore[reportUnknownArgumentType]


def mutated(operator: torch._ops.OpOverload, args: Sequence[Any], named: Mapping[str, Any]) -> list[Tensor]:
    """The tensors among the arguments that the schema of an operator says it writes to, in order."""
    return [
        tensor
        for place, argument in enumerate(operator._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
        for tensor in tensors(args[place] if place < len(args) else named.get(argument.name))
    ]


def targets(out: Any, written: Sequence[Tensor]) -> list[Tensor]:
    """The tensors that a call wrote: those returned, in order, then mutated ones that are not returned."""
    returned = list(tensors(out))
    return [*returned, *(tensor for tensor in written if not any(tensor is other for other in returned))]


class Signature:
    """What is fixed about an operator: its rule, its arguments by name, and which of them it writes to."""

    def __init__(self, operator: torch._ops.OpOverload, rule: Callable[[Call], Any] | None) -> None:
        self.operator = operator
        self.rule = rule
        self.full_name = str(operator)
        self.space, self.name = operator._schema.name.split("::")
        arguments = operator._schema.arguments
        self.names = [argument.name for argument in arguments]
        self.defaults = {argument.name: argument.default_value for argument in arguments}
        self.written = [a.name for a in arguments if a.alias_info is not None and a.alias_info.is_write]
        if self.name in _STATISTICS:
            self.written += ["running_mean", "running_var"]
        self.outs = {a.name for a in arguments if a.is_out}  # only written to, and not read
        tags = operator.tags
        self.random = torch.Tag.nondeterministic_seeded in tags
        self.shaped = torch.Tag.dynamic_output_shape in tags or self.name in _SHAPED
        self.moved = torch.Tag.inplace_view in tags
        returns = operator._schema.returns
        sizes = "attention" in self.name or self.name.startswith("sym_") or self.name in _METADATA
        self.numbers = not sizes and any("Tensor" not in str(value.type) for value in returns)  # values go to Python
        aliases = [value.alias_info for value in returns]
        self.view = self.moved or (
            bool(aliases) and all(alias is not None and not alias.is_write for alias in aliases)
        )  # no value is read
        self.like = self.name.startswith("new_") or self.name.endswith("_like")  # no value is read either
        self.composite = operator._can_decompose()
        # An operator of others says by a kernel for tensors without data that its shapes do not depend on data.
        self.foreign = self.space not in _SPACES
        dispatch = torch._C._dispatch_has_kernel_for_dispatch_key
        self.shaped |= self.foreign and rule is None and not dispatch(operator.name(), "Meta")
        self.written_in_python = next((key for key in _KEYS if f"{self._own()}/{key.name}" in _PYTHON), None)

    def _own(self) -> str:
        """The name under which kernels that are written in Python are known."""
        overload = self.operator._schema.overload_name
        return f"{self.space}/{self.name}" + (f".{overload}" if overload else "")

    def bind(self, args: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
        """All arguments by name."""
        bound = dict(self.defaults)
        bound.update(zip(self.names, args))
        bound.update(named)
        return bound

    def split(self, bound: Mapping[str, Any]) -> tuple[list[Tensor], list[Tensor]]:
        """Of all arguments, the tensors that the operator reads, and those that it writes to."""
        read = [tensor for name in self.names if name not in self.outs for tensor in tensors(bound[name])]
        if self.name in _STATISTICS and not bound["training"]:
            return read, []
        return read, [tensor for name in self.written for tensor in tensors(bound[name])]


# Their schemas do not say that they update statistics in training.
_STATISTICS = {"native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm"}
# Operators whose results have as many elements as data say, though torch does not tag them so.
_SHAPED = {"_pack_padded_sequence", "_coalesce", "_nested_tensor_from_mask", "_sparse_sparse_matmul", "sparse_mask"} | {
    f"_to_sparse{layout}" for layout in ("", "_csr", "_csc", "_bsr", "_bsc")
}
# Operators that tell of a tensor what does not depend on its values.
_METADATA = {"is_same_size", "is_coalesced", "dense_dim", "sparse_dim", "is_set_to", "is_pinned"}
_PYTHON: set[str] = torch.library._impls
_SPACES = {"aten", "prims", "prim", "quantized", "mkldnn", "mkl", "onednn", "higher_order"}
_KEYS = (torch._C.DispatchKey.CPU, torch._C.DispatchKey.CUDA, torch._C.DispatchKey.CompositeExplicitAutograd)


class Call:
    """An operator with its arguments; labels and values are those before the call.

    `targets` are the tensors that the call wrote: those returned, in order, then mutated ones. `context` is joined to
    whatever is read: the label of the choice that led to this call. `depth` is above 0 for what an operator is made of;
    `route_used` says whether a rule took a route as it is, `rounds` whether its labels hold up to rounding alone;
    `module` is the path of the module that runs.
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
        depth: int = 0,
        module: str = "",
    ) -> None:
        self.memory = memory
        self.signature = signature
        self.operator = signature.operator
        self.route_used = False
        self.rounds = False
        self.context = context
        self.depth = depth
        self.module = module
        self._route_given = route_given
        self.given = (args, named)
        self.arguments = signature.bind(args, named)
        self.inputs, self.mutated = signature.split(self.arguments)
        self.targets: list[Tensor] = []
        self._before: dict[int, tuple[Tensor, Tensor, Tensor | None]] = {}
        if self.mutated and not signature.moved:
            written = {tensor.untyped_storage()._cdata for tensor in self.mutated if plain(tensor)}
            for tensor in self.inputs:
                if plain(tensor) and tensor.untyped_storage()._cdata in written:
                    masked = memory.masked(tensor)
                    masked = None if masked is None else masked.clone()
                    self._before[id(tensor)] = (_copy(memory.labels(tensor)), tensor.detach().clone(), masked)

    @property
    def route_given(self) -> bool:
        """Whether indices that are found by sorting or selecting are taken as they are in this pass."""
        self.route_used |= self._route_given
        return self._route_given

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
        """Values before the call, in the memory of the processor."""
        if not isinstance(value, Tensor):
            return torch.as_tensor(value)
        before = self._before.get(id(value))
        found = before[1] if before is not None else value.detach()
        return found if found.device.type == "cpu" else found.cpu()

    def masked(self, value: Any) -> Tensor | None:
        """Where a finite masking constant was added to a number, of its shape; None: nowhere."""
        if not isinstance(value, Tensor):
            return None
        before = self._before.get(id(value))
        return before[2] if before is not None else self.memory.masked(value)

    def zero(self, value: Any) -> Tensor:
        """Where a number is zero in every pass."""
        constant = equals(compact(self.labels(value)), CONSTANT)
        shape = value.shape if isinstance(value, Tensor) else ()
        if not some(constant):
            return constant.expand(shape)
        return agreed(constant.expand(shape), lambda number: equals(number, 0), self.value(value))

    def everything(self, *, beside: bool = True) -> Tensor:
        """The union of all that the call could read, as one label. `beside`: with the choice that led to the call."""
        parts = [
            self.algebra.reduce(compact(self.labels(tensor)).reshape(-1), [0], keepdim=False)
            for tensor in self.inputs
            if not plain(tensor) or tensor.numel()
        ]
        if beside and self.context is not None:
            parts.append(self.context)
        return self.algebra.join(*parts) if parts else torch.full((), CONSTANT, dtype=DTYPE)


def _copy(labels: Tensor) -> Tensor:
    return compact(labels).clone().expand(labels.shape)
