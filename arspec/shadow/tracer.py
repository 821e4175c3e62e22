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

from arspec.shadow.algebra import CONSTANT, DTYPE, LOOSE, Algebra
from arspec.shadow.call import Call, Signature, tensors
from arspec.shadow.memory import ShadowMemory
from arspec.shadow.places import Modules, Place, here
from arspec.shadow.rules import find
from arspec.shadow.rules.pointwise import elementwise
from arspec.shadow.rules.table import Labels, Masked


@dataclass(frozen=True)
class Opaque:
    """An operator without a rule: what it wrote was taken to read all that it was given."""

    operator: str
    place: Place


@dataclass(frozen=True)
class Read:
    """A value, or a size that depends on values, which Python was given; `label` is the union of what it depends on.

    `given`: the pass takes it as it is. Otherwise all that runs later is taken to depend on every variable.
    """

    how: str
    label: int
    given: bool
    place: Place


@dataclass(frozen=True)
class Unseen:
    """Memory that is, or may be, written where the mode does not see it."""

    what: str
    place: Place


Watcher = Callable[[Call], None]


class Tracer(TorchDispatchMode):
    """Labels every tensor that is made while the mode is entered.

    `route_given`: indices that are found by sorting or selecting, and whole numbers that Python reads, are taken as
    they are in this pass. `watchers` are called after each operator, with its labelled call.
    """

    def __init__(self, algebra: Algebra, *, route_given: bool = False, watchers: Sequence[Watcher] = ()) -> None:
        super().__init__()
        self.memory = ShadowMemory(algebra)
        self.modules = Modules()
        self.route_given = route_given
        self.watchers = list(watchers)
        self.opaque: list[Opaque] = []
        self.reads: list[Read] = []
        self.unseen: list[Unseen] = []
        self.count = 0
        self.context: Tensor | None = None
        self._everything = torch.full((), CONSTANT, dtype=DTYPE)
        self._signatures: dict[torch._ops.OpOverload, Signature] = {}

    def __enter__(self) -> Tracer:
        self.modules.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        super().__exit__(*failure)
        self.modules.__exit__()

    def source(self, tensor: Tensor, variables: Tensor) -> None:
        """Says which variable each element of an input holds, by number from 0; both shapes broadcast.

        A number of -1 stands for a value of this pass alone, and -2 for one that is the same in every pass.
        """
        labels = torch.where(variables < 0, (variables + 2).to(DTYPE), self.memory.algebra.of(variables.clamp_min(0)))
        self.memory.write(tensor, labels)
        whole = self.memory.algebra.reduce(labels.reshape(-1), [0], keepdim=False)
        self._everything = self.memory.algebra.join(self._everything, whole)

    def labels(self, tensor: Tensor) -> Tensor:
        """The labels of a tensor's elements now; not to be written to."""
        labels = self.memory.labels(tensor)
        return labels if self.context is None else self.memory.algebra.join(labels, self.context)

    def here(self) -> Place:
        """The place in the author's code that runs now."""
        return here(self.modules.path)

    def read(self, how: str, label: Tensor, *, route: bool = True) -> None:
        """Python was given a value with that label. `route`: a whole number, a truth value or a size."""
        number = int(label)
        if number == CONSTANT:
            return
        given = number == LOOSE or (self.route_given and route)
        self.reads.append(Read(how, number, given, self.here()))
        if not given:
            self.context = self._everything

    def __torch_dispatch__(
        self,
        func: torch._ops.OpOverload,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        self.count += 1
        signature = self._signatures.get(func)
        if signature is None:
            signature = self._signatures[func] = Signature(func)
        touched = any(self.memory.touched(tensor) for tensor in tensors([list(args), dict(named)]))
        if not (touched or self.watchers or self.context is not None):
            out = func(*args, **named)
            self._constant(signature, out)
            return out
        context = self.context
        call = Call(self.memory, signature, args, named, route_given=self.route_given, context=context)
        out = func(*args, **named)
        self._label(call, out)
        for watcher in self.watchers:
            watcher(call)
        return out

    def _constant(self, signature: Signature, out: Any) -> None:
        """Nothing with a label was read: random draws belong to this pass alone, all else is the same in every pass."""
        if signature.random:
            for target in tensors(out):
                self.memory.write(target, torch.full((), LOOSE, dtype=DTYPE))

    def _label(self, call: Call, out: Any) -> None:
        returned = list(tensors(out))
        signature = call.signature
        if signature.numbers:
            values = out if isinstance(out, (tuple, list)) else [out]
            self.read(signature.name, call.everything(), route=not any(isinstance(v, (float, complex)) for v in values))
        if signature.shaped:
            self.read(signature.name, self._shape(call))
        if not call.mutated:
            read = {tensor.untyped_storage()._cdata for tensor in call.inputs}
            if returned and all(tensor.untyped_storage()._cdata in read for tensor in returned):
                return  # views
        call.targets = [*returned, *(t for t in call.mutated if not any(t is other for other in returned))]
        if not call.targets:
            return
        rule: Callable[[Call], Any] | None = find(call.operator)
        if rule is None and signature.pointwise:
            rule = elementwise
        if rule is None:
            labels: Labels = call.everything()
            if bool(labels.any()):
                self.opaque.append(Opaque(str(call.operator), self.here()))
        else:
            labels = rule(call)
        listed = [labels] * len(call.targets) if isinstance(labels, (Tensor, Masked)) else labels
        for target, item in zip(call.targets, listed, strict=True):
            label = item.labels if isinstance(item, Masked) else item
            if call.context is not None:
                label = call.algebra.join(label, call.context)
            if signature.random:
                label = call.algebra.join(label, torch.full((), LOOSE, dtype=DTYPE))
            self.memory.write(target, label)

    def _shape(self, call: Call) -> Tensor:
        """What the shape of the result depends on: for places given by truth values, those alone."""
        places = {"index": "indices", "masked_select": "mask", "repeat_interleave": "repeats"}.get(call.signature.name)
        if places is None or places not in call.arguments:
            return call.everything()
        algebra = call.algebra
        out = torch.full((), CONSTANT, dtype=DTYPE)
        for tensor in tensors(call[places]):
            if places != "indices" or tensor.dtype in (torch.bool, torch.uint8):
                out = algebra.join(out, algebra.reduce(call.labels(tensor).reshape(-1), [0], keepdim=False))
        return out
