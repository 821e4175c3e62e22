"""The history of one forward pass: every operator call with what it read and wrote, and where in the author's code."""

# Operators, their schemas and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from arspec.shadow.call import mutated, targets, tensors
from arspec.shadow.expressions import inside
from arspec.shadow.higher import eager_form, take_functions
from arspec.shadow.outside import Nobody, Outside
from arspec.shadow.places import Place

LIMIT = 1 << 30  # bytes of values that a history may hold


class TooLarge(Exception):
    """The values of a pass take more memory than a history may hold."""


@dataclass(frozen=True, eq=False)
class Held:
    """A tensor as a call read or wrote it: its value then, and how it lies in its storage.

    producer    the call and the number of the output that made this tensor, or None
    writes      how many writes in place its storage had seen
    """

    tensor: Tensor
    value: Tensor
    storage: int
    producer: tuple[int, int] | None
    writes: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of its axes."""
        return tuple(self.value.shape)

    def spots(self) -> Tensor:
        """For every element its place in the storage, counted in elements."""
        count = self.tensor.untyped_storage().nbytes() // max(1, self.tensor.element_size())
        return torch.arange(max(1, count)).as_strided(
            self.tensor.size(), self.tensor.stride(), self.tensor.storage_offset()
        )


@dataclass(frozen=True, eq=False)
class Recorded:
    """One operator call. Tensors among the arguments stand as `Held`. `outs`: those returned, then other ones that
    were written in place. `view`: whether it only looks at memory in another way. `module`: None outside the module."""

    index: int
    operator: torch._ops.OpOverload
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outs: tuple[Held, ...]
    place: Place
    module: str | None
    view: bool
    mutated: tuple[Held, ...] = ()

    @property
    def inputs(self) -> list[Held]:
        """The tensors among the arguments, in order."""
        return list(held_in([self.args, self.kwargs]))

    @property
    def name(self) -> str:
        """The operator without its library and overload, such as `softmax`."""
        return self.operator._schema.name.split("::")[-1].strip("_")

    @property
    def key(self) -> tuple[Any, ...]:
        """What is the same for the same call of another pass."""
        return (self.operator, self.place.file, self.place.line, self.module)


@dataclass
class History:
    """All calls of a pass, in order; `writes` lists for each storage the calls that wrote into it in place, with what
    they wrote; `result` is what the pass gave."""

    calls: list[Recorded] = field(default_factory=list[Recorded])
    writes: dict[int, list[tuple[int, int]]] = field(default_factory=dict[int, list[tuple[int, int]]])
    result: Held | None = None
    source: Tensor | None = None

    @cached_property
    def reading(self) -> frozenset[int]:
        """The calls that read the source, at once or through others."""
        assert self.source is not None
        storages, found = {self.source.untyped_storage()._cdata}, set[int]()
        for call in self.calls:
            if any(held.storage in storages for held in call.inputs):
                found.add(call.index)
                storages.update(out.storage for out in call.outs)
        return frozenset(found)

    def fixed(self, held: Held) -> bool:
        """Whether a tensor was made without the source."""
        if held.producer is None:
            return self.source is None or held.storage != self.source.untyped_storage()._cdata
        made = held.producer[0]
        writes = self.writes.get(held.storage, [])[: held.writes]
        return made not in self.reading and not any(index in self.reading for index, _ in writes)


def held_in(value: Any) -> Iterator[Held]:
    """The recorded tensors among arguments, in order."""
    if isinstance(value, Held):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            yield from held_in(item)
    elif isinstance(value, dict):
        yield from held_in(list(value.values()))  # pyright: ignore[reportUnknownArgumentType]


def replaced(value: Any, by: Callable[[Any], Any]) -> Any:
    """Arguments with every leaf replaced."""
    if isinstance(value, (list, tuple)):
        return type(value)(replaced(item, by) for item in value)  # pyright: ignore
    if isinstance(value, dict):
        return {name: replaced(item, by) for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return by(value)


class _Recorder(TorchDispatchMode):
    """Writes down every call while it is entered. Tensors stay alive, so that no storage is used twice."""

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch's compiler need not be loaded

    def __init__(self, module: nn.Module, limit: int, route: Sequence[Recorded]) -> None:
        super().__init__()
        take_functions(type(self))
        self._route = list(reversed(route))
        self.history = History()
        self._names = {id(part): name for name, part in module.named_modules()}
        self._files = _files(module)
        self._fixed = {weight.untyped_storage()._cdata for weight in module.parameters()}
        self._values: dict[tuple[int, int], Tensor] = {}
        self._producers: dict[int, tuple[int, int]] = {}
        self._left = limit

    def hold(self, tensor: Tensor) -> Held:
        """The tensor with its value now."""
        storage = tensor.untyped_storage()._cdata
        writes = len(self.history.writes.get(storage, ()))
        key = (id(tensor), writes)
        value = self._values.get(key)
        if value is None:
            if storage in self._fixed and writes == 0:
                value = tensor.detach()
            else:
                self._left -= tensor.numel() * tensor.element_size()
                if self._left < 0:
                    raise TooLarge
                value = tensor.detach().clone()
            self._values[key] = value
        return Held(tensor, value, storage, self._producers.get(id(tensor)), writes)

    def _given(self, earlier: Recorded, out: Any) -> Any:
        """The output of a call, its whole numbers replaced by those of an earlier pass."""
        before = iter(earlier.outs)

        def chosen(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor):
                return leaf
            held = next(before, None)
            if held is None or leaf.is_floating_point() or held.value.dtype != leaf.dtype:
                return leaf
            return held.value.clone()

        if isinstance(out, tuple):
            return type(out)(*map(chosen, out)) if hasattr(out, "_fields") else tuple(map(chosen, out))
        return chosen(out)

    def _higher(self, func: Any, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """An operator that takes functions: its eager form is written down; without one, nothing is."""
        form = eager_form(func)
        if form is None:
            return func(*args, **named)
        with self:
            return form(*args, **named)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        if not isinstance(func, torch._ops.OpOverload):
            return self._higher(func, args, named)

        def keep(leaf: Any) -> Any:
            return self.hold(leaf) if isinstance(leaf, Tensor) else leaf

        before = replaced(tuple(args), keep), replaced(named, keep)
        out = func(*args, **named)
        if self._route and self._route[-1].operator is func:
            out = self._given(self._route.pop(), out)
        index = len(self.history.calls)
        written = mutated(func, args, named)
        returned = list(tensors(out))
        read = {tensor.untyped_storage()._cdata for tensor in tensors([list(args), named])}
        view = not written and bool(returned) and all(t.untyped_storage()._cdata in read for t in returned)
        wrote = targets(out, written)
        if written:
            for number, target in enumerate(wrote):
                if any(target is one for one in written):
                    key = target.untyped_storage()._cdata
                    self.history.writes.setdefault(key, []).append((index, number))
        for number, target in enumerate(wrote):
            if not (view and any(target is one for one in tensors([list(args), named]))):
                self._producers[id(target)] = (index, number)
        place, module = inside(self._names, self._files)
        outs = tuple(self.hold(target) for target in wrote)
        changed = tuple(self.hold(target) for target in written)
        self.history.calls.append(Recorded(index, func, before[0], before[1], outs, place, module, view, changed))
        return out


def record(
    run: Callable[[Tensor], Tensor], x: Tensor, module: nn.Module, limit: int = LIMIT, route: Sequence[Recorded] = ()
) -> History:
    """The history of `run(x)`, which calls the module. TooLarge where its values take more than `limit` bytes.

    route: calls of an earlier pass. The whole numbers that they gave are given again, in turn, by the same operators.
    """
    recorder = _Recorder(module, limit, route)
    recorder.history.source = x
    with torch.no_grad(), Outside(Nobody(), lambda: True), recorder:
        out = run(x)
    recorder.history.result = recorder.hold(out)
    return recorder.history


class Recording:
    """The history of several calls of a module; `mark()` says how many operators were called so far."""

    def __init__(self, module: nn.Module, limit: int = LIMIT) -> None:
        self._recorder = _Recorder(module, limit, ())
        self._outside = Outside(Nobody(), lambda: True)

    def __enter__(self) -> Recording:
        self._outside.__enter__()
        self._recorder.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._recorder.__exit__(*failure)
        self._outside.__exit__(*failure)

    def mark(self) -> int:
        """How many operators were called so far."""
        return len(self.history.calls)

    @property
    def history(self) -> History:
        """What was written down."""
        return self._recorder.history


def _files(module: nn.Module) -> frozenset[str]:
    """The files that define the module's parts, torch's own left out."""
    found: set[str] = set()
    for kind in {type(part) for part in module.modules()}:
        if not kind.__module__.startswith("torch."):
            for base in kind.__mro__:
                if issubclass(base, nn.Module) and not base.__module__.startswith("torch."):
                    try:
                        found.add(inspect.getfile(base))
                    except (TypeError, OSError):
                        continue
    return frozenset(found)
