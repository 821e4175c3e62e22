"""Streams: sequences without end. The program's period stands for all steps to come, and the caches are rings, so that
neither the length of what is drawn nor that of what was drawn costs memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from arspec.analysis.known_at import Relations, known_at
from arspec.diagnostics import InputError, SpecError
from arspec.heads.truncation import Truncation
from arspec.layers.base import Node
from arspec.runtime.compiled import Step, compiled_step, pays
from arspec.runtime.machine import Cut, Machine, State, free_values
from arspec.runtime.noise import Uniforms
from arspec.runtime.periods import Period, period_of
from arspec.runtime.priming import can_prime, prime
from arspec.runtime.program import Program, Rows, program, rows_of
from arspec.runtime.schedule import free_nodes, schedule
from arspec.spec.load import Spec

if TYPE_CHECKING:
    from arspec.runtime.module import Model

SHORTEST, LONGEST = 64, 1 << 16  # steps of the schedules in which a period is looked for


@dataclass(eq=False)
class Endless:
    """A model of some length whose program has settled into a period; its rows hold the steps before that."""

    model: Model
    program: Program
    rows: Rows
    period: Period


def endless(model: Model, member: int) -> Endless:
    """The shortest variant of a sequence model whose steps become periodic. Raises InputError where none does."""
    data, graph = model.spec.data, model.graph
    ranks = graph.members[member].order.rank
    if data.kind != "sequence" or not np.array_equal(ranks, np.arange(len(ranks))):
        raise InputError("AR822", "a stream is of a sequence that is generated from its beginning to its end",
                         "arspec sample draws whole examples in any order")  # fmt: skip
    length = SHORTEST
    while length <= LONGEST:
        length *= 2
        variant = at_length(model, length)
        if variant is None:
            continue
        plan = program(schedule(variant.graph, variant.graph.members[member]), endless=True)
        if plan.whole:
            break  # attention over all that came before grows without end
        rows = rows_of(plan)
        period = period_of(plan, rows)
        if period is not None:
            return Endless(variant, plan, rows, period)
    raise InputError("AR822", f"the steps of '{model.spec.name}' never become periodic, so that it has no stream: some "
                     "layer reads everything that came before, or depends on how long the sequence is",
                     f"arspec sample draws sequences of the spec's length, {data.length}")  # fmt: skip


def at_length(model: Model, length: int) -> Model | None:
    """The same model, with the same weights, for sequences of another length; None where the spec can't have it."""
    from arspec.runtime.module import Model

    spec = model.spec
    if length == spec.data.length:
        return model
    setting = _setting(spec, length)
    if setting is None:
        return None
    try:
        other = spec.variant(**setting)
        made = Model(other.graph(), worth=model.worth)
        made.load_state_dict(model.weights(), assign=True)
    except (SpecError, RuntimeError):  # a length that does not divide, or weights that depend on it
        return None
    return made.to(model.device).train(model.training)


def _setting(spec: Spec, length: int) -> dict[str, Any] | None:
    """What to set for a length: the parameter that the length is, or is a multiple of (frames * hop), or else the length."""
    if named := spec.data_params.get("length"):
        return {"params": {named: length}}
    own = spec.data.length
    for name, value in spec.params.items():
        if isinstance(value, bool) or not isinstance(value, int) or value * length % own:
            continue
        try:
            if spec.variant(params={name: 2 * value}).data.length == 2 * own:
                setting: dict[str, Any] = {"params": {name: value * length // own}}
                spec.variant(**setting).graph()
                return setting
        except SpecError:
            continue
    return {"data": {"length": length}} if not spec.params else None


class Stream:
    """Draws sequences of a model piece by piece."""

    def __init__(self, model: Model, member: int = 0) -> None:
        self.model = model
        self.endless = endless(model, member)
        self.machine = Machine(self.endless.model, self.endless.program, member)
        self.member = member
        self._quick: dict[tuple[Cut, int, float, Truncation | None], Step] = {}

    @torch.no_grad()
    def run(
        self, n: int, steps: int, condition: dict[str, Tensor], *, chunk: int, seed: int = 0, temperature: float = 1.0,
        first: int = 0, prefix: Tensor | None = None, compiled: bool | None = None, truncation: Truncation | None = None,
    ) -> Iterator[Tensor]:  # fmt: skip
        """Integers [n, up to chunk], `steps` of them in all, the prefix [n, k] among them."""
        model, machine = self.endless.model, self.machine
        head, support, dtype = model.graph.head, model.graph.support, model.dtype
        noise = Uniforms(seed, first, n, head.uniforms(support))
        state = machine.begin(n, condition, free=self._free(n, steps, condition))
        start = 0
        if prefix is not None:
            yield prefix
            start = self._prime(state, prefix, condition, noise)
        rows, quick = self.rows(start, steps), dict[Cut, Step | None]()
        for begin in range(start, steps, chunk):
            count = min(chunk, steps - begin)
            uniforms = torch.from_numpy(noise.next(count)).to(model.device)
            drawn: list[Tensor] = []
            for k, (row, cut, lasting) in enumerate(itertools.islice(rows, count)):
                now = uniforms[:, k : k + 1]
                if lasting and cut not in quick:
                    left = steps - begin - k
                    quick[cut] = self._compiled(row, cut, state, now, temperature, truncation, left, compiled)
                if lasting and (step := quick[cut]) is not None:
                    values, _ = step(row, now, state)
                else:
                    with torch.inference_mode():
                        parameters = machine.step(row, cut, state, None)
                        values = head.draw(support, parameters, now, temperature, truncation)
                        machine.write(cut, state, values.to(dtype))
                drawn.append(values)
            yield torch.cat(drawn, 1)[:, :, 0].round().long()

    def _compiled(
        self, row: Tensor, cut: Cut, state: State, noise: Tensor, temperature: float, truncation: Truncation | None,
        left: int, wanted: bool | None,
    ) -> Step | None:  # fmt: skip
        """The compiled form of a class of steps where that is wanted, or pays for the steps that are left. It is kept."""
        key = (cut, state.batch, temperature, truncation)
        if wanted is False:
            return None
        if key not in self._quick:
            if not pays(self.machine, cut, state, row, left // self.endless.period.length, wanted):
                return None
            self._quick[key] = compiled_step(self.machine, cut, state, row, noise, temperature, truncation)
        return self._quick[key]

    def rows(self, start: int, stop: int) -> Iterator[tuple[Tensor, Cut, bool]]:
        """(row, class, whether it is one of the period's) of each step."""
        period, first, device = self.endless.period, self.endless.rows, self.model.device
        cuts = [self.machine.cut(period.begin + k, period.rows.sizes[k]) for k in range(period.length)]
        for step in range(start, min(stop, period.begin)):
            row = torch.from_numpy(first.entries.cut(first.begins[step], first.begins[step + 1]).rows()).to(device)
            cut = self.machine.cut(step, first.sizes[step])
            yield row, cut, cut in cuts
        begin = max(start, period.begin)
        for step, row in enumerate(period.each(begin, stop), begin):
            yield torch.from_numpy(row).to(device), cuts[(step - period.begin) % period.length], True

    def _free(self, n: int, steps: int, condition: dict[str, Tensor]) -> dict[Node, Tensor] | None:
        """What no variable influences, for all steps, where it differs from step to step."""
        if not any(section.kind == "series" for section in self.model.spec.condition.values()):
            return None
        whole = at_length(self.model, steps)
        if whole is None:
            raise InputError("AR822", f"the spec can't be of {steps:,} steps, over which its conditions are to run",
                             "take a number of steps that the layers of its conditions can give")  # fmt: skip
        member = whole.graph.members[self.member]
        nodes = free_nodes(whole.graph, known_at(Relations(whole.graph, member)))
        names = {
            node.name: node
            for node in [*self.endless.program.schedule.free, *self.endless.model.graph.conditions.values()]
        }
        made = free_values(whole, self.member, nodes, condition, n)
        return {names[node.name]: value for node, value in made.items() if node.name in names}

    def _prime(self, state: State, prefix: Tensor, condition: dict[str, Tensor], noise: Uniforms) -> int:
        """Fills the caches from a prefix [n, k], in one parallel pass where that can be; k."""
        machine, count = self.machine, prefix.shape[1]
        noise.next(count)  # what follows is drawn as it would be without a prefix
        if not can_prime(machine):
            for step, (row, cut, _) in enumerate(self.rows(0, count)):
                machine.step(row, cut, state, None)
                machine.write(cut, state, prefix[:, step : step + 1, None].to(machine.model.dtype))
            return count
        # long enough that its end plays no part in what is needed before the step
        longer = at_length(self.model, _up(count + self.endless.program.steps, self.endless.program.steps))
        assert longer is not None
        plan = program(schedule(longer.graph, longer.graph.members[self.member]))
        x = torch.nn.functional.pad(prefix, (0, longer.spec.data.length - count))
        prime(machine, state, x, _stretched(longer, condition), count, longer, plan.orders)
        return count


def _up(number: int, step: int) -> int:
    return -(-number // step) * step


def _stretched(model: Model, condition: dict[str, Tensor]) -> dict[str, Tensor]:
    """Series padded or cut to the length of a variant."""
    found = dict(condition)
    for name, section in model.spec.condition.items():
        if section.kind == "series" and name in found:
            wanted, value = model.graph.conditions[name].out.grid[0], found[name]
            found[name] = torch.nn.functional.pad(value[..., :wanted], (0, max(0, wanted - value.shape[-1])))
    return found
