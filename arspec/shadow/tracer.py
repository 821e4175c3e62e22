"""One forward pass with its shadow: a mode that sees every operator and labels what it writes."""

# Operators, their schemas and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from arspec.shadow.algebra import CONSTANT, DTYPE, LOOSE, Algebra, compact
from arspec.shadow.call import Call, Signature, targets, tensors
from arspec.shadow.findings import Opaque, Read, Route, Unseen
from arspec.shadow.higher import eager_form, name_of, take_functions
from arspec.shadow.memory import ShadowMemory, octets, plain, seen_through
from arspec.shadow.named import DRAWS, EMPTY, FILLS, SHAPES
from arspec.shadow.outside import Outside
from arspec.shadow.places import Modules, Place, here
from arspec.shadow.rules import find
from arspec.shadow.rules.pointwise import elementwise
from arspec.shadow.rules.table import Labels, Masked

Watcher = Callable[[Call], None]


@runtime_checkable
class Foreseeing(Protocol):
    """A watcher that keeps memory as it is until an operator writes there."""

    def before(self, written: Sequence[Tensor]) -> None:
        """An operator is about to write to these tensors."""
        ...


class _Mode(TorchDispatchMode):
    """Hands every operator to a tracer."""

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled while a pass runs, so that torch's compiler need not be loaded

    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self.tracer = tracer
        take_functions(type(self))

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return self.tracer.dispatch(func, types, args, kwargs or {})


class Tracer:
    """Labels every tensor that is made while it is entered.

    `route_given`: indices that are found by sorting or selecting, and whole numbers that Python reads, are taken as
    they are in this pass. `watchers` are called after each operator, with its labelled call.
    """

    def __init__(self, algebra: Algebra, *, route_given: bool = False, watchers: Sequence[Watcher] = ()) -> None:
        self.memory = ShadowMemory(algebra)
        self.modules = Modules()
        self.route_given = route_given
        self.watchers = list(watchers)
        self._foreseeing = [watcher for watcher in watchers if isinstance(watcher, Foreseeing)]
        self.opaque: list[Opaque] = []
        self.reads: list[Read] = []
        self.unseen: list[Unseen] = []
        self.routes: dict[Route, None] = {}  # in the order of the pass
        self.count = 0
        self.context: Tensor | None = None  # joined with all that runs: the label of a choice that Python made
        self._mode: _Mode
        self._outside: Outside
        self._running = False  # the code of the pass runs, not this one
        self._checking = False
        self._depth = 0
        self._steps = 0
        self._everything = _label(CONSTANT)
        self._draws = _label(LOOSE)
        self._empty: set[int] = set()  # storages that no operator has written to yet
        self._watched: dict[int, tuple[Tensor, Tensor]] = {}  # memory that others hold too, with what stood there last
        self._signatures: dict[torch._ops.OpOverload, Signature] = {}

    def __enter__(self) -> Tracer:
        self._mode, self._outside = _Mode(self), Outside(self, lambda: self._running)
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.modules)
            stack.enter_context(self._outside)
            stack.enter_context(self._mode)
            self._stack = stack.pop_all()
        self._running = True
        return self

    def __exit__(self, *failure: Any) -> None:
        self._running = False
        self._stack.close()
        for key in list(self._watched):
            self._check(key)
        del self._mode, self._outside  # which hold this: what watchers keep would stay until garbage is collected

    def source(self, tensor: Tensor, variables: Tensor) -> None:
        """Says which variable each element of an input holds, by number from 0; `variables` broadcasts.

        A number of -1 stands for a value of this pass alone, and -2 for one that is the same in every pass.
        """
        labels = self.memory.algebra.of(variables.clamp_min(0))
        labels = torch.where(variables < 0, (variables + 2).to(DTYPE), labels)
        self.memory.write(tensor, labels)
        self._everything = self.memory.algebra.join(self._everything, self._union(labels))

    def labels(self, tensor: Tensor) -> Tensor:
        """The labels of a tensor's elements now; not to be written to."""
        with self._aside():
            self._look([tensor])
            labels = self.memory.labels(tensor)
            return labels if self.context is None else self.memory.algebra.join(labels, self.context)

    def here(self) -> Place:
        """The place in the author's code that runs now."""
        return here(self.modules.path)

    # What leaves the sight of the mode, and what comes back.

    def read(self, how: str, label: Tensor, *, route: bool = True) -> None:
        """Python was given a value with that label. `route`: a whole number, a truth value or a size.

        What Python does next could be anything where the value is another one, so all that runs later depends on all.
        """
        number = int(label)
        if number == CONSTANT or self._outside.checks:
            return
        given = number == LOOSE or (self.route_given and route)
        self.reads.append(Read(how, number, given, self.here(), self._steps))
        if not given:
            self.context = self._everything

    def exposed(self, tensor: Tensor, how: str, *, shared: bool) -> None:
        """Values of a tensor are given to Python, or to foreign code; `shared`: its memory may be written to."""
        with self._aside():
            whole = tensor.dtype in _WHOLE and "data_ptr" not in how
            self.read(how.strip("_"), self._union(self.memory.labels(tensor)), route=whole)
            if shared:
                self._watch(tensor)

    def entered(self, result: Tensor, values: Any) -> None:
        """A tensor was made of values that may hold tensors, such as a list of numbers without axes."""
        with self._aside():
            held = [tensor for tensor in tensors(values) if self.memory.touched(tensor)]
            if held and not self.memory.touched(result):
                label = self.memory.algebra.join(*(self._union(self.memory.labels(tensor)) for tensor in held))
                self.memory.write(result, label)

    def borrowed(self, tensor: Tensor) -> None:
        """A tensor was made of memory that others hold too."""
        with self._aside():
            self._watch(tensor)

    def hidden(self, what: str) -> None:
        """Something runs where operators are not seen."""
        self.unseen.append(Unseen(what, self.here()))

    @contextlib.contextmanager
    def checks(self) -> Generator[None]:
        """What reads values here raises, or does nothing."""
        checking, self._checking = self._checking, True
        try:
            yield
        finally:
            self._checking = checking

    @contextlib.contextmanager
    def _aside(self) -> Generator[None]:
        """What runs here is not the pass."""
        running, self._running = self._running, False
        try:
            yield
        finally:
            self._running = running

    def _watch(self, tensor: Tensor) -> None:
        if plain(tensor) and tensor.untyped_storage().nbytes():
            whole = octets(tensor.untyped_storage())
            self._watched[tensor.untyped_storage()._cdata] = (whole, whole.clone())

    def _check(self, key: int) -> None:
        """Looks whether watched memory has changed since the last operator that wrote to it."""
        whole, last = self._watched[key]
        if whole.numel() != last.numel():
            self._watched[key] = (whole, whole.clone())
        elif not torch.equal(whole, last):
            self._unknown(whole, "memory that changed between two operators")
            self._watched[key] = (whole, whole.clone())

    def _unknown(self, tensor: Tensor, what: str) -> None:
        """Memory was written by something that was not seen: it may depend on all."""
        self.unseen.append(Unseen(what, self.here()))
        self.memory.write(octets(tensor.untyped_storage()), self._everything)

    def _look(self, read: Sequence[Tensor]) -> None:
        """Before tensors are read: was their memory written unseen?"""
        if not (self._empty or self._watched):
            return
        for tensor in read:
            if tensor.numel() == 0 or not plain(tensor):
                continue
            key = tensor.untyped_storage()._cdata
            if key in self._empty:
                self._empty.discard(key)
                self._unknown(tensor, "memory that no operator had written to")
            if key in self._watched:
                self._check(key)

    # Operators.

    def dispatch(self, func: Any, types: Sequence[type], args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Runs an operator and labels what it wrote."""
        if not self._running:
            return func(*args, **named)  # this code's own
        if any(not seen_through(kind) for kind in types):
            return NotImplemented  # the subclass unwraps itself, and what it calls is seen
        running, self._running = self._running, False
        try:
            self.count += 1
            if not isinstance(func, torch._ops.OpOverload):
                return self._higher(func, args, named)
            signature = self._signatures.get(func)
            if signature is None:
                signature = self._signatures[func] = Signature(func, _rule(func))
            out = self._operator(signature, args, named)
            self._steps += not self._depth
            return out
        finally:
            self._running = running

    def _operator(self, signature: Signature, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        func = signature.operator
        if self._foreseeing and signature.written:
            self._foresee(signature.split(signature.bind(args, named))[1])
        given = list(tensors([list(args), dict(named)]))
        touched = any(self.memory.touched(tensor) for tensor in given)
        if (self._empty or self._watched) and not (signature.view or signature.like):
            written = [named.get("out")] if "out" in named else list(args[:1]) if signature.name in FILLS else []
            self._look([tensor for tensor in given if not any(tensor is other for other in written)])
        if signature.rule is None and not signature.view and (touched or self.context is not None):
            out = self._through(signature, args, named)
            if out is not NotImplemented:
                if self.watchers:
                    self._watchers(self._call(signature, args, named), out)
                return out
        if not (touched or self.context is not None):
            out = func(*args, **named)
            self._constant(signature, out)
            if self.watchers:
                self._watchers(self._call(signature, args, named), out)
            return out
        call = self._call(signature, args, named)
        try:
            out = func(*args, **named)
        except Exception:  # whether it is caught or not, other values may not raise
            self.read(f"an error of {signature.name}", call.everything())
            raise
        self._label(call, out)
        if self.watchers:
            self._watchers(call, out)
        return out

    def _call(self, signature: Signature, args: Sequence[Any], named: Mapping[str, Any]) -> Call:
        return Call(
            self.memory,
            signature,
            args,
            named,
            route_given=self.route_given,
            context=self.context,
            depth=self._depth,
            module=self.modules.path,
        )

    def _watchers(self, call: Call, out: Any) -> None:
        if not call.targets:
            call.targets = written(call.signature, call.inputs, call.mutated, out)
        for watcher in self.watchers:
            watcher(call)

    def _foresee(self, written: Sequence[Tensor]) -> None:
        for watcher in self._foreseeing:
            watcher.before(written)

    @contextlib.contextmanager
    def _inside(self) -> Generator[None]:
        """What runs here is seen as what the author's code runs."""
        running, self._running = self._running, True
        self._depth += 1
        try:
            with self._mode:
                yield
        finally:
            self._running = running
            self._depth -= 1

    def _through(self, signature: Signature, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Runs an operator without a rule by the operators that it is made of; NotImplemented where it is none's."""
        func = signature.operator
        with self._inside():
            if signature.composite:
                return func.decompose(*args, **named)
            if signature.written_in_python is not None:
                return func._op_dk(signature.written_in_python, *args, **named)
        return NotImplemented

    def _higher(self, func: Any, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """An operator that takes functions: its eager form runs, and is seen."""
        self._foresee(list(tensors([list(args), dict(named)])))
        form = eager_form(func)
        if form is not None:
            with self._inside():
                return form(*args, **named)
        out = func(*args, **named)
        if self._touches([args, named]) or int(self._everything) > LOOSE:  # the functions may hold any tensor
            self.opaque.append(Opaque(name_of(func), self.here()))
            for target in tensors([out, list(args), dict(named)]):
                self.memory.write(target, self._everything)
        return out

    def _touches(self, values: Any) -> bool:
        return any(self.memory.touched(tensor) for tensor in tensors(values))

    def _union(self, labels: Tensor) -> Tensor:
        """The union of all labels of a tensor, as one."""
        return self.memory.algebra.reduce(compact(labels).reshape(-1), [0], keepdim=False)

    def _constant(self, signature: Signature, out: Any) -> None:
        """Nothing with a label was read: random draws belong to this pass alone, all else is the same in every pass."""
        if signature.name in EMPTY:
            self._made(out)
        elif signature.random:
            for target in tensors(out):
                self.memory.write(target, self._draws)
        elif self._empty and not signature.view:
            for target in tensors(out):
                self._filled(target)

    def _made(self, out: Tensor) -> None:
        """Memory that holds nothing yet, of this pass alone. It is filled, so that passes can be compared."""
        blank(out)
        self.memory.write(out, self._draws)
        if plain(out) and out.numel():
            self._empty.add(out.untyped_storage()._cdata)

    def _filled(self, target: Tensor) -> None:
        if plain(target):
            key = target.untyped_storage()._cdata
            self._empty.discard(key)
            if key in self._watched:
                whole = self._watched[key][0]
                self._watched[key] = (whole, whole.clone())

    def _label(self, call: Call, out: Any) -> None:
        returned = list(tensors(out))
        signature = call.signature
        if signature.numbers:
            values = out if isinstance(out, (tuple, list)) else [out]
            whole = not any(isinstance(value, (float, complex)) for value in values)
            self.read(_SPOKEN.get(signature.name, signature.name), call.everything(), route=whole)
        if signature.shaped:
            self.read(signature.name, self._shape(call))
        call.targets = written(call.signature, call.inputs, call.mutated, out)
        if not call.targets:
            if signature.foreign and not returned and bool(call.everything() > LOOSE):
                self.hidden(f"{call.operator}, which takes data and returns none")
            return
        if signature.name in EMPTY:
            self._made(returned[0])
            return
        try:
            self._write(call, self._labels_of(call))
        except Exception as error:  # a rule that fails is no rule
            self._opaque(call, f"{call.operator} (its rule fails: {type(error).__name__}: {error})")
            self._write(call, call.everything())

    def _opaque(self, call: Call, name: str) -> None:
        if bool(call.everything(beside=False) > LOOSE):  # what Python read is told as that
            self.opaque.append(Opaque(name, self.here()))

    def _labels_of(self, call: Call) -> Labels:
        """What the rule of an operator says, or that of the operators that it could be made of."""
        rule = call.signature.rule if all(plain(tensor) for tensor in [*call.inputs, *call.targets]) else None
        if rule is not None:
            return rule(call)
        found = self._decomposed(call)
        if found is not None:
            return found
        if not all(target.is_meta for target in call.targets):
            self._opaque(call, call.signature.full_name)
        return call.everything()

    def _decomposed(self, call: Call) -> Labels | None:
        """The labels of the same result, computed as torch's reference says; None where it has none or reads values."""
        signature = call.signature
        if call.mutated or signature.random or signature.shaped or signature.numbers or signature.foreign:
            return None
        from torch._decomp import decomposition_table  # slow to load, and most modules need none of it

        reference = decomposition_table.get(call.operator)
        if reference is None:
            return None
        notes = (self.opaque, self.reads, self.unseen)
        before, context = [len(note) for note in notes], self.context
        try:
            with self._inside():
                results = list(tensors(reference(*call.given[0], **call.given[1])))
            well = len(results) == len(call.targets)
            well &= all(result.shape == target.shape for result, target in zip(results, call.targets))
        except Exception:
            results, well = [], False
        if not well or [len(note) for note in notes] != before:
            self.context = context
            for note, length in zip(notes, before):
                del note[length:]
            return None
        out: list[Tensor | Masked] = []
        for result in results:
            masked = self.memory.masked(result)
            out.append(self.memory.labels(result) if masked is None else Masked(self.memory.labels(result), masked))
        return out

    def _write(self, call: Call, labels: Labels) -> None:
        """Labels the targets of a call."""
        signature = call.signature
        listed = [labels] * len(call.targets) if isinstance(labels, (Tensor, Masked)) else list(labels)
        if len(listed) < len(call.targets) and signature.rule is not None:  # what a schema does not tell
            listed += [call.everything()] * (len(call.targets) - len(listed))
        if call.route_used and bool(call.everything() > LOOSE):
            self.routes.setdefault(Route(call.signature.full_name, self.here()))
        if signature.random and (signature.name in DRAWS or signature.rule is None):
            self._draws = call.algebra.join(self._draws, call.everything())
        for target, item in zip(call.targets, listed, strict=True):
            label, masked = item if isinstance(item, Masked) else (item, None)
            if signature.random:
                label = call.algebra.join(label, self._draws)
            if call.context is not None:
                label = call.algebra.join(label, call.context)
            self.memory.write(target, label, masked)
            self._filled(target)

    def _shape(self, call: Call) -> Tensor:
        """What the shape of the result depends on: for places given by truth values, those alone."""
        places = SHAPES.get(call.signature.name)
        if places is None or places not in call.arguments:
            return call.everything()
        out = _label(CONSTANT)
        for tensor in tensors(call[places]):
            if places != "indices" or tensor.dtype in (torch.bool, torch.uint8):
                out = call.algebra.join(out, self._union(call.labels(tensor)))
        return out


def written(signature: Signature, inputs: Sequence[Tensor], mutated: Sequence[Tensor], out: Any) -> list[Tensor]:
    """The tensors that a call wrote: those returned, in order, then mutated ones; none for views."""
    if signature.moved:
        return []  # a tensor was laid over other memory
    if not mutated:
        read = {_key(tensor) for tensor in inputs}
        if all(_key(tensor) in read for tensor in tensors(out)):
            return []
    return targets(out, mutated)


def _rule(func: torch._ops.OpOverload) -> Callable[[Call], Any] | None:
    found = find(func)
    return elementwise if found is None and torch.Tag.pointwise in func.tags else found


def blank(tensor: Tensor) -> None:
    """Fills memory that an operator has left as it was."""
    if plain(tensor) and tensor.numel():
        storage: Any = tensor.untyped_storage()
        storage.fill_(0)


def _key(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata if plain(tensor) else id(tensor)


def _label(number: int) -> Tensor:
    return torch.full((), number, dtype=DTYPE)


_SPOKEN = {"_local_scalar_dense": "item"}  # as authors write what torch calls otherwise
_WHOLE = {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
