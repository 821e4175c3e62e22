"""The closed pass: what labels call unchanged does not change when later variables do.

A first pass is traced while a `Closing` records what each operator wrote. A second pass, on other values of the
variables above a rank, runs the same operators. Every element whose label is at or below that rank must have the same
bits. Results are kept whole, large ones where they lie, until an operator writes there; beyond a bound of memory, each
block has a checksum, which any change of one element changes.

Where the route is taken as given, rows stand in another order in the second pass. Where a convolution is made of
Fourier transforms, what comes later changes the rounding of all. What lies before the first such operator that depends
on later variables is compared element by element, and then what the pass returns, up to rounding.
"""

# Storages, devices and modes have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from arspec.shadow.algebra import LOOSE, agreed_of_two, compact, some
from arspec.shadow.call import Call, Signature, tensors
from arspec.shadow.elements import at_most, differs, greater
from arspec.shadow.higher import take_functions
from arspec.shadow.memory import plain, seen_through
from arspec.shadow.named import EMPTY
from arspec.shadow.outside import Nobody, Outside
from arspec.shadow.places import Place, here
from arspec.shadow.sums import same_sums, sums_of
from arspec.shadow.tracer import blank, written
from arspec.shadow.tracing import Trace

WHOLE = 1 << 18  # elements of a result that is kept whole
KEPT_BYTES = 1 << 29  # of all results that are kept whole
LYING_BYTES = 1 << 31  # of all results that are kept where they lie
NOTHING = "aten.detach.default"  # computes nothing, and torch adds some of its own to one pass and not to another
ROUNDING = 1000  # times the precision of a number: how far sums in another order may differ


@dataclass(frozen=True)
class Closure:
    """What a second pass says about the labels of the first.

    ok          nothing that labels call unchanged has changed
    rank        variables above it were changed
    operator    the first operator whose result differs, or that runs in one pass only; "" where none does
    place       where the author calls it
    difference  how far its result differs, where it was kept whole
    floor       how far the same pass differs from itself, or the rounding that is granted
    compared    how many elements were compared
    steps       how many operators were compared, of how many
    why         in words, what differs
    """

    ok: bool
    rank: int
    operator: str = ""
    place: Place | None = None
    difference: float | None = None
    floor: float = 0.0
    compared: int = 0
    steps: tuple[int, int] = (0, 0)
    why: str = ""


@dataclass
class _Result:
    """What an operator wrote: its shape, how many of the ranks each label exceeds, and its values or checksums."""

    shape: torch.Size
    dtype: torch.dtype
    above: Tensor
    values: Tensor | None = None
    version: int | None = None  # of values that are kept where they lie
    sums: dict[int | None, Tensor] = field(default_factory=dict[int | None, Tensor])
    steady: bool = True
    floor: float = 0.0


@dataclass
class _Step:
    operator: str
    place: Place
    results: list[_Result]
    route: int = 0  # the label of what decides a route here, where the pass takes it as given, or the rounding


@dataclass(frozen=True)
class Held:
    """What a pass with its route given is held to. Labels say there what is read on this route alone: which numbers may
    move is known from what is to be proven.

    taken   the tensor, of all that a pass returns
    limits  of its shape: the rank from which on a number may read nothing
    """

    taken: Callable[[Any], Tensor]
    limits: Tensor


class Closing:
    """Records a pass, as a watcher of `trace`, and compares others with it.

    `ranks` are those above which variables will be changed. The random state is the caller's: each pass starts from the
    same.
    """

    def __init__(self, ranks: Sequence[int]) -> None:
        self.ranks = sorted(set(ranks))
        assert len(self.ranks) < 256, "a byte holds how many ranks a label exceeds"
        self._steps: list[_Step] = []
        self._returned: list[_Result] | None = None
        self._reads = 0
        self._bytes = self._lying = 0
        self._in_place: dict[int, list[_Result]] = {}  # what is kept where it lies, by its storage

    def before(self, written: Sequence[Tensor]) -> None:
        """An operator will write to these: what lies there is copied first."""
        for tensor in written if self._in_place else ():
            for result in self._in_place.pop(tensor.untyped_storage()._cdata, ()) if plain(tensor) else ():
                assert result.values is not None
                result.values, result.version = result.values.detach().clone(), None

    def __call__(self, call: Call) -> None:
        """Records one operator."""
        if call.depth:
            return
        place = here(call.module)
        results = [
            self._keep(target, call.memory.labels(target), fresh=not call.mutated)
            for target in call.targets
            if plain(target)
        ]
        if call.signature.name in EMPTY:
            results = []
        route = int(call.everything()) if call.route_used or call.rounds else 0
        self._steps.append(_Step(call.signature.full_name, place, results, route))

    def compare(
        self,
        run: Callable[[], Any],
        rank: int,
        trace: Trace,
        *,
        floor: float = 0.0,
        same: Callable[[], Any] | None = None,
        held: Held | None = None,
    ) -> tuple[Any, Closure]:
        """Runs a pass on which only variables above `rank` have other values -> what it returns, and what differs.

        `trace` is the pass that was recorded. `floor`: how far outputs of one input differ between slots and batch
        shapes. `same`: runs the recorded pass once more; it is called where something differs, to know how far that
        pass differs from itself. `held`: what is compared of all that the pass returns, where the route is given.
        """
        assert rank in self.ranks, f"rank {rank} was not announced: {self.ranks}"
        if self._returned is None:
            self._returned = [self._keep(t, trace.labels(t), whole=True) for t in tensors(trace.output) if plain(t)]
        limit = self._limit(rank, trace)
        held = held if limit < len(self._steps) else None
        output, found = self._pass(run, rank, limit, floor, trace, held)
        if not found.ok and same is not None:
            self._measure(same)
            output, found = self._pass(run, rank, limit, floor, trace, held)
        return output, found

    def _limit(self, rank: int, trace: Trace) -> int:
        """How many operators run before the first whose route, or a choice of Python, depends on variables above."""
        steps = [k for k, step in enumerate(self._steps) if step.route > rank + LOOSE + 1]
        steps += [read.step for read in trace.reads if read.label > rank + LOOSE + 1]
        return min(steps, default=len(self._steps))

    def _pass(
        self, run: Callable[[], Any], rank: int, limit: int, floor: float, trace: Trace, held: Held | None
    ) -> tuple[Any, Closure]:
        given = limit < len(self._steps)
        against = _Against(self._steps, rank, self.ranks.index(rank), limit)
        output = _replay(run, against.step, self.before)
        against.finish(not given)
        if against.fault is not None:
            return output, against.closure()
        returned = [t for t in tensors(output) if plain(t)]
        kept = self._returned or []
        if held is not None:
            returned, kept = (
                [held.taken(output)],
                [self._keep(held.taken(trace.output), held.limits + LOOSE, whole=True)],
            )
        if len(kept) != len(returned):
            against.differs("what the pass returns", None, None, 0.0, "it returns another number of tensors")
        for number, (result, tensor) in enumerate(zip(kept, returned)):
            name = f"result {number} of the pass" if len(kept) > 1 else "the result of the pass"
            grant = max(floor, _rounding(tensor)) if given else 0.0
            against.result(name, None, result, tensor, grant)
        return output, against.closure()

    def _measure(self, same: Callable[[], Any]) -> None:
        """How far the same pass differs from itself."""
        steps = [step for step in self._steps if step.operator != NOTHING]

        def step(number: int, operator: str, targets: list[Tensor]) -> None:
            if number >= len(steps) or steps[number].operator != operator:
                return
            differ(steps[number].results, targets)

        def differ(results: Sequence[_Result], targets: Sequence[Tensor]) -> None:
            for result, target in zip(results, targets):
                if result.shape != target.shape:
                    continue
                if result.values is not None:
                    result.floor = max(
                        result.floor, float(_distance(result.values, target).max()) if target.numel() else 0
                    )
                else:  # where it never has the same bits, it says nothing
                    found = sums_of(target, result.above, range(len(self.ranks)))
                    result.steady &= all(torch.equal(own, found[place]) for place, own in result.sums.items())

        output = _replay(same, step, self.before)
        differ(self._returned or [], [t for t in tensors(output) if plain(t)])

    def _keep(self, tensor: Tensor, labels: Tensor, *, whole: bool = False, fresh: bool = False) -> _Result:
        """`fresh`: the memory of the tensor is new, so that nobody but operators writes there."""
        original, tensor = tensor, tensor.detach()
        result = _Result(tensor.shape, tensor.dtype, self._above(labels))
        count = tensor.numel() * tensor.element_size()
        if whole or (tensor.numel() <= WHOLE and self._bytes < KEPT_BYTES):
            result.values = tensor.clone()
            self._bytes += count
        elif fresh and not tensor.is_inference() and self._lying + tensor.untyped_storage().nbytes() <= LYING_BYTES:
            result.values, result.version = original, original._version  # which a detached tensor need not share
            self._in_place.setdefault(tensor.untyped_storage()._cdata, []).append(result)
            self._lying += tensor.untyped_storage().nbytes()
        else:
            result.sums = sums_of(tensor, result.above, range(len(self.ranks)))
        return result

    def _above(self, labels: Tensor) -> Tensor:
        """How many of the ranks each label exceeds."""
        small = compact(labels)
        above = [greater(small, rank + LOOSE + 1).view(torch.uint8) for rank in self.ranks]
        out = functools.reduce(torch.add, above) if above else torch.zeros_like(small, dtype=torch.uint8)
        return out.expand(labels.shape)


class _Against:
    """Compares a pass with the recorded one, step by step, up to the first that differs."""

    def __init__(self, steps: Sequence[_Step], rank: int, place: int, limit: int) -> None:
        self.steps, self.rank, self.limit = steps, rank, limit
        self.order = [number for number, step in enumerate(steps) if step.operator != NOTHING]
        self.place = place  # of the rank, among those of the closing
        self.fault: Closure | None = None
        self.compared = self.done = 0
        self.floor = 0.0

    def step(self, number: int, operator: str, targets: list[Tensor]) -> None:
        """One operator of the second pass."""
        number = self.order[number] if number < len(self.order) else len(self.steps)
        if number >= self.limit or self.fault is not None:
            if self.fault is None and self.limit == len(self.steps):
                self.differs(operator, here(), None, 0.0, "it runs in the second pass alone")
            return
        step = self.steps[number]
        self.done = number + 1
        if step.operator != operator:
            self.differs(step.operator, step.place, None, 0.0, f"in the second pass {operator} runs instead")
            return
        for result, target in zip(step.results, targets):
            self.result(step.operator, step.place, result, target, 0.0)

    def finish(self, all_run: bool) -> None:
        """The pass has ended."""
        left = [number for number in self.order if number >= self.done]
        if all_run and self.fault is None and left:
            step = self.steps[left[0]]
            self.differs(step.operator, step.place, None, 0.0, "it runs in the first pass alone")

    def result(self, operator: str, place: Place | None, result: _Result, tensor: Tensor, grant: float) -> None:
        """One tensor that both passes have."""
        if self.fault is not None:
            return
        low = at_most(compact(result.above), self.place)
        if result.shape != tensor.shape or result.dtype != tensor.dtype:
            if grant == 0.0 or some(low):
                self.differs(operator, place, None, 0.0, f"shape {tuple(tensor.shape)}, not {tuple(result.shape)}")
            return
        if tensor.numel() == 0:
            return
        self.compared += int(np.count_nonzero(low.numpy())) * (tensor.numel() // low.numel())
        if result.values is not None:
            worst, floor = 0.0, max(grant, 4 * result.floor)
            self.floor = max(self.floor, floor)
            if result.version is not None and result.values._version != result.version:
                self.differs(operator, place, None, floor, "its memory was written where no operator is seen")
                return
            other = tensor.detach()
            if some(agreed_of_two(low.expand(tensor.shape), differs, result.values.detach(), other)):  # seldom
                worst = float(torch.where(low, _distance(result.values, tensor), 0.0).max())
            if worst > floor:
                self.differs(operator, place, worst, floor, "an element that it may not move has moved")
            return
        if result.steady and not same_sums(
            result.sums, sums_of(tensor, result.above, [self.place]), result.above, self.place
        ):
            self.differs(operator, place, None, 0.0, "an element that it may not move has moved")

    def differs(self, operator: str, place: Place | None, difference: float | None, floor: float, why: str) -> None:
        """The first fault that is found."""
        self.fault = Closure(
            False, self.rank, operator, place, difference, floor, self.compared, (self.done, len(self.steps)), why
        )

    def closure(self) -> Closure:
        """What was found."""
        if self.fault is not None:
            return self.fault
        steps = (min(self.limit, len(self.steps)), len(self.steps))
        return Closure(True, self.rank, floor=self.floor, compared=self.compared, steps=steps)


class _Replay(TorchDispatchMode):
    """Tells each operator of a pass, by number, name and what it wrote."""

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __init__(
        self, step: Callable[[int, str, list[Tensor]], None], before: Callable[[Sequence[Tensor]], None]
    ) -> None:
        super().__init__()
        self._step = step
        self._before = before
        self._number = 0
        take_functions(type(self))
        self._signatures: dict[Any, Signature] = {}

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if any(not seen_through(kind) for kind in types):
            return NotImplemented
        named = kwargs or {}
        if not isinstance(func, torch._ops.OpOverload):
            self._before(list(tensors([list(args), dict(named)])))
            return func(*args, **named)
        signature = self._signatures.get(func)
        if signature is None:
            signature = self._signatures[func] = Signature(func, None)
        inputs, mutated = signature.split(signature.bind(args, named))
        self._before(mutated)
        out = func(*args, **named)
        if signature.name in EMPTY:
            blank(out)
            targets: list[Tensor] = []
        else:
            targets = [target for target in written(signature, inputs, mutated, out) if plain(target)]
        if signature.full_name != NOTHING:
            self._step(self._number, signature.full_name, targets)
            self._number += 1
        return out


def _replay(
    run: Callable[[], Any],
    step: Callable[[int, str, list[Tensor]], None],
    before: Callable[[Sequence[Tensor]], None],
) -> Any:
    with contextlib.ExitStack() as stack:
        stack.enter_context(Outside(Nobody(), lambda: True))
        stack.enter_context(_Replay(step, before))
        return run()


def _distance(one: Tensor, other: Tensor) -> Tensor:
    """How far two tensors are apart, element by element, in float64; infinite where only one is a number."""
    if one.is_complex():
        one, other = one.to(torch.complex128), other.detach().to(torch.complex128)
    else:
        one, other = one.to(torch.float64), other.detach().to(torch.float64)
    same = (one == other) | (one.isnan() & other.isnan())
    return torch.where(same, 0.0, (one - other).abs().nan_to_num(torch.inf, torch.inf))


def _rounding(tensor: Tensor) -> float:
    """How far sums in another order may differ in a tensor."""
    if not (tensor.is_floating_point() or tensor.is_complex()) or tensor.numel() == 0:
        return 0.0
    scale = float(tensor.detach().abs().nan_to_num(0.0, 0.0, 0.0).max())
    return ROUNDING * torch.finfo(tensor.dtype).eps * scale
