"""A graph of ONNX in the making: its nodes, its constants (each once), and the sizes that are known when it runs."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from arspec.exporting.onnx.tracing import (
    BATCH,
    Dim,
    Operator,
    Settable,
    Size,
    Traced,
    Untraceable,
    Variable,
    constants_only,
    valued,
)
from arspec.extras import need

if TYPE_CHECKING:
    from collections.abc import Generator

OPSET = 18  # of ONNX, which onnxruntime knows from 1.14 on
IR = 8  # the version of the file's form that belongs to it
FOLDED = 1 << 16  # numbers of a constant that is worked out while the graph is written, whatever it is made of
NAMES = {
    torch.float32: "FLOAT", torch.float64: "DOUBLE", torch.int64: "INT64", torch.int32: "INT32", torch.bool: "BOOL",
    torch.uint8: "UINT8", torch.float16: "FLOAT16",
}  # fmt: skip


def element_type(dtype: torch.dtype) -> int:
    """ONNX's number of a type. Raises Untraceable for one that it has no use for."""
    if dtype not in NAMES:
        raise Untraceable(f"it computes in {dtype}")
    return getattr(need("onnx").TensorProto, NAMES[dtype])


@dataclass(eq=False)
class Value:
    """A tensor of the graph: a name, or numbers that no node has asked for yet."""

    shape: tuple[Size, ...]
    dtype: torch.dtype
    name: str | None = None
    constant: Tensor | None = None

    @property
    def rank(self) -> int:
        """The number of its dimensions."""
        return len(self.shape)


class Building:
    """Nodes and constants. `sizes`: by the name of a size, the [1] tensor that holds it while the graph runs."""

    def __init__(self, operators: dict[str, Callable[..., Any]]) -> None:
        self._helper = need("onnx", "onnx.helper")
        self._numpy = need("onnx", "onnx.numpy_helper")
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.sizes: dict[str, str] = {}
        self._outputs: list[tuple[str, str]] = []  # tensors, and the names of outputs that they are
        self._operators = operators
        self._named: dict[Any, str] = {}
        self._count = 0
        self._alive: list[Any] = []

    # -- names -------------------------------------------------------------------------------------------------------

    def new(self, stem: str = "v") -> str:
        """A name that nothing has yet."""
        self._count += 1
        return f"{stem}_{self._count}"

    def array(self, array: Any, stem: str = "c") -> str:
        """The name of a constant; of an equal one where there is one."""
        array = np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
        key = (array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).digest())
        if key not in self._named:
            self._named[key] = self.new(stem)
            self.initializers.append(self._numpy.from_array(array, self._named[key]))
        return self._named[key]

    def name(self, value: Value) -> str:
        """The name of a value; of a constant the name under which the graph holds it."""
        if value.name is None:
            assert value.constant is not None
            key = ("of", id(value.constant))
            if key not in self._named:
                self._alive.append(value.constant)
                self._named[key] = self.array(value.constant.detach().cpu().contiguous().numpy())
            value.name = self._named[key]
        return value.name

    # -- nodes -------------------------------------------------------------------------------------------------------

    def node(self, kind: str, inputs: Sequence[str], stem: str = "v", **attributes: Any) -> str:
        """A node with one output; its name."""
        return self.several(kind, inputs, 1, stem, **attributes)[0]

    def several(self, kind: str, inputs: Sequence[str], count: int, stem: str = "v", **attributes: Any) -> list[str]:
        """A node with so many outputs; their names."""
        outputs = [self.new(stem) for _ in range(count)]
        self.nodes.append(self._helper.make_node(kind, [*inputs], outputs, **attributes))
        return outputs

    def input(self, name: str, dtype: torch.dtype, shape: Sequence[int | str]) -> Value:
        """An input of the graph; sizes that are known when it runs have names."""
        self.inputs.append(self._helper.make_tensor_value_info(name, element_type(dtype), [*shape]))
        return Value(tuple(Dim(1, ((BATCH, 1),)) if n == BATCH else -1 if isinstance(n, str) else n for n in shape),
                     dtype, name)  # fmt: skip

    def output(self, name: str, value: str, dtype: torch.dtype, shape: Sequence[int | str]) -> None:
        """Makes a tensor an output of the graph under this name."""
        self._outputs.append((value, name))
        self.outputs.append(self._helper.make_tensor_value_info(name, element_type(dtype), [*shape]))

    # -- numbers -----------------------------------------------------------------------------------------------------

    def numbers(self, sizes: Sequence[Size]) -> str:
        """The name of a [n] tensor of whole numbers, some of which are known when the graph runs."""
        if not any(isinstance(size, Dim) for size in sizes):
            return self.array(np.asarray([*sizes], np.int64))
        key = ("numbers", *sizes, *sorted(self.sizes.items()))
        if key not in self._named:
            parts = [self._number(size) for size in sizes]
            self._named[key] = parts[0] if len(parts) == 1 else self.node("Concat", parts, "shape", axis=0)
        return self._named[key]

    def _number(self, size: Size) -> str:
        if not isinstance(size, Dim):
            return self.array(np.asarray([size], np.int64))
        key = ("number", size, *sorted(self.sizes.items()))
        if key not in self._named:
            factors = [self.sizes[name] for name, power in size.powers for _ in range(power)]
            if size.factor != 1:
                factors.append(self.array(np.asarray([size.factor], np.int64)))
            found = factors[0]
            for factor in factors[1:]:
                found = self.node("Mul", [found, factor], "size")
            self._named[key] = found
        return self._named[key]

    @contextmanager
    def at(self, **sizes: str) -> Generator[None]:
        """Inside, these sizes are held by these tensors."""
        before, self.sizes = self.sizes, {**self.sizes, **sizes}
        try:
            yield
        finally:
            self.sizes = before

    def cast(self, value: Value, dtype: torch.dtype) -> Value:
        """The value in another type."""
        if value.dtype == dtype:
            return value
        if value.constant is not None:
            return Value(value.shape, dtype, constant=value.constant.to(dtype))
        return Value(value.shape, dtype, self.node("Cast", [self.name(value)], to=element_type(dtype)))

    def scalar(self, number: Any, dtype: torch.dtype) -> Value:
        """A number, or what is a number when the graph runs, as a value of this type."""
        if isinstance(number, Settable):
            return self.cast(Value((), torch.float64, "temperature"), dtype)
        if isinstance(number, Dim):
            one = self.node("Squeeze", [self._number(number), self.array(np.asarray([0], np.int64))])
            return self.cast(Value((), torch.int64, one), dtype)
        return Value((), dtype, constant=torch.tensor(number, dtype=dtype))

    # -- computations ------------------------------------------------------------------------------------------------

    def run(self, computation: Traced, given: Sequence[Value | None]) -> list[Value]:
        """The nodes of a traced computation; its results. given: in the places of what it takes; None for constants."""
        known: dict[int, Value] = {}

        def value(variable: Variable) -> Value:
            if id(variable) not in known:
                known[id(variable)] = Value(variable.shape, variable.dtype, constant=variable.constant)
            return known[id(variable)]

        for variable, each in zip(computation.takes, given, strict=True):
            if each is not None:
                known[id(variable)] = Value(variable.shape, variable.dtype, each.name, each.constant)
        for operator in _used(computation):
            self._operator(operator, value, known)
        return [value(variable) for variable in computation.gives]

    def _operator(self, operator: Operator, value: Callable[[Variable], Value], known: dict[int, Value]) -> None:
        if constants_only((operator.args, operator.kwargs)) and _small(operator):
            found = operator.target(*valued(operator.args), **valued(operator.kwargs))
            for variable, each in zip(operator.gives, found if len(operator.gives) > 1 else [found], strict=True):
                variable.constant = each
            return
        write = self._operators.get(operator.name)
        if write is None:
            raise Untraceable(f"there is no translation of torch's operator {operator.name}")
        args = [_filled(each, value) for each in operator.args]
        kwargs = {key: _filled(each, value) for key, each in operator.kwargs.items()}
        results = write(self, operator.gives, *args, **kwargs)
        for variable, each in zip(operator.gives, results if isinstance(results, list) else [results], strict=True):
            known[id(variable)] = (
                Value(variable.shape, variable.dtype, each.name, each.constant)
                if isinstance(each, Value)
                else Value(variable.shape, variable.dtype, each)
            )

    def model(self, name: str, about: str, producer: str) -> Any:
        """The graph as a model."""
        self._name_outputs()
        graph = self._helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.initializers, about)
        return self._helper.make_model(
            graph, opset_imports=[self._helper.make_opsetid("", OPSET)], ir_version=IR, producer_name=producer
        )

    def _name_outputs(self) -> None:
        """Gives tensors the names of the outputs that they are; what is no node's result, or two outputs, is copied."""
        made = {name for node in self.nodes for name in node.output}
        renamed: dict[str, str] = {}
        for value, name in self._outputs:
            if value in made and value not in renamed:
                renamed[value] = name
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [renamed.get(name, name) for name in names]
        for value, name in self._outputs:
            if renamed.get(value) != name:
                self.nodes.append(self._helper.make_node("Identity", [renamed.get(value, value)], [name]))
        self._outputs = []


def _filled(item: Any, value: Callable[[Variable], Value]) -> Any:
    if isinstance(item, Variable):
        return value(item)
    if isinstance(item, (tuple, list)):
        return [_filled(each, value) for each in item]
    return item


def _small(operator: Operator) -> bool:
    """Whether a constant is worth working out beforehand: it is small, or no larger than what it is made of."""
    sizes = [_count(variable.shape) for variable in operator.gives]
    made_of = [_count(each.shape) for each in operator.args if isinstance(each, Variable)]
    return None not in sizes and sum(n or 0 for n in sizes) <= max(FOLDED, *(n or 0 for n in made_of), 0)


def _count(shape: Sequence[Size]) -> int | None:
    """How many numbers there are; None where that is known when the graph runs."""
    return None if any(isinstance(n, Dim) for n in shape) else math.prod(n for n in shape if not isinstance(n, Dim))


def _used(computation: Traced) -> list[Operator]:
    """The operators without which the results would be others."""
    from torch.utils import _pytree as trees

    wanted = {id(variable) for variable in computation.gives}
    kept: list[Operator] = []
    for operator in reversed(computation.operators):
        if any(id(variable) in wanted for variable in operator.gives):
            kept.append(operator)
            leaves = trees.tree_leaves((operator.args, operator.kwargs))
            wanted.update(id(leaf) for leaf in leaves if isinstance(leaf, Variable))
    return kept[::-1]
