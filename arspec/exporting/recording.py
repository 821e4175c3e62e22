"""What a layer's `forward` calls of torch, as a list of calls that can be written as Python.

Every call of a public function or method is recorded, at the level at which the layer makes it. Tensors are told apart
by identity. The pass is made twice, for batches of two sizes: a number that follows the batch becomes `batch`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

# what gives a number of a tensor's form, and no number that is in it
FORM = {
    "shape",
    "ndim",
    "dtype",
    "device",
    "is_cuda",
    "requires_grad",
    "_base",
    "layout",
    "is_sparse",
    "is_leaf",
    "grad",
}
FORM_CALLS = {
    "size", "dim", "numel", "stride", "is_contiguous", "is_floating_point", "is_complex", "storage_offset", "nelement",
    "ndimension", "data_ptr", "is_pinned", "element_size", "__len__", "get_device", "is_inference", "is_conj", "is_neg",
}  # fmt: skip
TO_PYTHON = {
    "item",
    "tolist",
    "numpy",
    "__bool__",
    "__int__",
    "__float__",
    "__index__",
    "__contains__",
    "equal",
    "allclose",
}


class ReadsNumbers(Exception):
    """The computation takes a number out of a tensor, so that it can't be written down as calls alone."""


@dataclass(eq=False)
class Value:
    """A tensor: an input of a node, a weight, a constant, or what a call gave."""

    dtype: torch.dtype
    what: str = ""  # what it is a part of, or how it may be named


@dataclass(eq=False)
class Call:
    """One call. `name` is the dotted name of what was called; arguments hold Values in the places of tensors.

    `gives`: the Values of the results, where they are a list or a tuple in their order; None where it changes its first
    argument alone."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    gives: list[Value] | Value | None
    changes: bool = False  # whether it writes over an argument


@dataclass(eq=False)
class Recording(TorchFunctionMode):
    """Calls, while it is entered. `known` names the tensors that there were before."""

    known: dict[int, Value] = field(default_factory=dict[int, Value])
    calls: list[Call] = field(default_factory=list[Call])
    _alive: list[Any] = field(default_factory=list[Any])  # so that no identity is given twice

    def __post_init__(self) -> None:
        super().__init__()

    def name(self, tensor: Tensor, value: Value) -> None:
        """Tells what a tensor is that no call gave."""
        self.known[id(tensor)] = value
        self._alive.append(tensor)

    def value(self, tensor: Tensor) -> Value:
        """The Value of a tensor. KeyError for one that neither was named nor came from a call."""
        return self.known[id(tensor)]

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = torch.overrides.resolve_name(func) or getattr(func, "__name__", repr(func))
        last = name.rpartition(".")[2]
        owner = name.split(".")[-2] if name.endswith(("__get__", "__set__")) else last
        result = func(*args, **kwargs)
        if (name.endswith("__get__") and owner in FORM) or last in FORM_CALLS:
            return result
        if last in TO_PYTHON:
            raise ReadsNumbers(last)
        before = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        recorded = self._recorded(args), {key: self._recorded(each) for key, each in kwargs.items()}
        if isinstance(result, Tensor):
            same = next((leaf for leaf in before if leaf is result), None)
            if same is not None:  # in place, or nothing was to be done
                if _writes(last, kwargs):
                    self.calls.append(Call(name, *recorded, None, True))
                return result
            self.calls.append(Call(name, *recorded, self._new(result), _writes(last, kwargs)))
        elif isinstance(result, (tuple, list)) and any(isinstance(each, Tensor) for each in result):
            gives = [self._new(each) if isinstance(each, Tensor) else Value(torch.float32) for each in result]
            self.calls.append(Call(name, *recorded, gives))
        elif last == "__setitem__" or _writes(last, kwargs):
            self.calls.append(Call(name, *recorded, None, True))
        return result

    def _new(self, tensor: Tensor) -> Value:
        value = Value(tensor.dtype)
        self.name(tensor, value)
        return value

    def _recorded(self, item: Any) -> Any:
        return mapped(item, self._value)

    def _value(self, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        if id(leaf) not in self.known:
            raise ReadsNumbers("a tensor that no call gave")
        return self.known[id(leaf)]


def leaves(item: Any) -> list[Any]:
    """What tuples, lists, mappings and slices hold, all the way down."""
    if isinstance(item, (tuple, list)):
        return [leaf for each in item for leaf in leaves(each)]
    if isinstance(item, dict):
        return [leaf for each in item.values() for leaf in leaves(each)]
    if isinstance(item, slice):
        return leaves((item.start, item.stop, item.step))
    return [item]


def mapped(item: Any, of: Callable[[Any], Any]) -> Any:
    """The same tuples, lists, mappings and slices, of what a function makes of their leaves."""
    if isinstance(item, tuple):
        return tuple(mapped(each, of) for each in item)
    if isinstance(item, list):
        return [mapped(each, of) for each in item]
    if isinstance(item, dict):
        return {key: mapped(each, of) for key, each in item.items()}
    if isinstance(item, slice):
        return slice(*(mapped(each, of) for each in (item.start, item.stop, item.step)))
    return of(item)


def exchanged(call: Call, old: Value, new: Value) -> Call:
    """A call that takes another Value in the place of one."""

    def put(item: Any) -> Any:
        return mapped(item, lambda leaf: new if leaf is old else leaf)

    return Call(call.name, put(call.args), put(call.kwargs), call.gives, call.changes)


def _writes(name: str, kwargs: dict[str, Any]) -> bool:
    """Whether a call writes over an argument: in place by its name or its arguments, or into `out`."""
    in_place = name.endswith("_") and not name.endswith("__")
    operator = name.startswith("__i") and name not in ("__invert__", "__index__", "__int__")
    return in_place or operator or "out" in kwargs or kwargs.get("inplace") is True


@dataclass(frozen=True)
class Batch:
    """A number that is the batch, times a factor."""

    times: int = 1


def merged(one: Sequence[Call], other: Sequence[Call], sizes: tuple[int, int]) -> list[Call]:
    """The calls of one pass, in which the numbers that follow the batch are Batch. sizes: the batches of the two.

    ReadsNumbers where the two passes differ in anything else."""
    if len(one) != len(other):
        raise ReadsNumbers("calls that depend on the batch")
    twins: dict[int, Value] = {}
    found: list[Call] = []
    for a, b in zip(one, other, strict=True):
        if a.name != b.name:
            raise ReadsNumbers("calls that depend on the batch")
        args = _same(a.args, b.args, sizes, twins)
        kwargs = {key: _same(a.kwargs[key], b.kwargs[key], sizes, twins) for key in a.kwargs}
        for x, y in zip(leaves(a.gives), leaves(b.gives), strict=True):
            if isinstance(y, Value):
                twins[id(y)] = x
        found.append(Call(a.name, args, kwargs, a.gives, a.changes))
    return found


def _same(a: Any, b: Any, sizes: tuple[int, int], twins: dict[int, Value]) -> Any:
    if isinstance(a, Value):
        if twins.get(id(b), b) is not a:
            raise ReadsNumbers("tensors that depend on the batch")
        return a
    if isinstance(a, (tuple, list)) and type(a) is type(b) and len(a) == len(b):
        parts = [_same(x, y, sizes, twins) for x, y in zip(a, b, strict=True)]
        return tuple(parts) if isinstance(a, tuple) else parts
    if isinstance(a, dict):
        return {key: _same(each, b[key], sizes, twins) for key, each in a.items()}
    if isinstance(a, slice):
        return slice(
            *(
                _same(x, y, sizes, twins)
                for x, y in zip((a.start, a.stop, a.step), (b.start, b.stop, b.step), strict=True)
            )
        )
    if isinstance(a, int) and isinstance(b, int) and not isinstance(a, bool) and a != b:
        if a % sizes[0] == 0 and a // sizes[0] * sizes[1] == b:
            return Batch(a // sizes[0])
        raise ReadsNumbers("numbers that depend on the batch")
    if a != b and not (a is b or (isinstance(a, float) and repr(a) == repr(b))):
        raise ReadsNumbers("arguments that depend on the batch")
    return a
