"""Streams: sequences without end. The program's period stands for all steps to come, and the caches are rings, so that
neither the length of what is drawn nor that of what was drawn costs memory. A model whose steps never repeat, such as
one with attention over everything, is drawn in the same way as far as its own length."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from arspec.analysis.known_at import Relations, known_at
from arspec.choices import Storage
from arspec.diagnostics import InputError
from arspec.heads.truncation import Truncation
from arspec.layers.base import Node
from arspec.network.fingerprint import Fingerprint, fingerprint_of
from arspec.sampler.drive.drawing import check_counts, check_temperature
from arspec.sampler.drive.guidance import both, twice
from arspec.sampler.drive.noise import Uniforms, numbered
from arspec.sampler.drive.priming import Orders, can_prime, known_beyond, prime, put_given
from arspec.sampler.drive.prompting import begun, rows_of, started
from arspec.sampler.plan.caches import CACHES
from arspec.sampler.plan.endless import Course, endless, own_course
from arspec.sampler.plan.known import free_nodes
from arspec.sampler.plan.lengths import at_length, over
from arspec.sampler.plan.passes import asked, through
from arspec.sampler.plan.periods import Period
from arspec.sampler.run.compiled import Step, compiled_step, pays
from arspec.sampler.run.cut import Cut
from arspec.sampler.run.executor import Executor, Row, State, free_values

if TYPE_CHECKING:
    from arspec.network.module import Network


PIECE = 64  # steps of which a variant that takes in a prompt is a multiple,
SHORT = 8  # and of a short prompt
FEW = 8  # a pass over so many times the steps of a prompt takes longer than to go through these
MOST = 1 << 62  # steps, which are counted in 64 bits


class Stream:
    """Draws sequences of a model piece by piece. storage: in how many bits linear layers have their weights."""

    def __init__(self, model: Network, member: int = 0, storage: Storage = "exact") -> None:
        self.model, self.member = model, member
        self.storage: Storage = storage
        self.why_not: InputError | None = None  # it has no end
        self._variants: dict[int, tuple[Network, Orders] | None] = {}
        self._quick: dict[tuple[Cut, int, float, Truncation | None, float | None], Step] = {}
        try:
            self.course = endless(model, member)
        except InputError as error:
            if model.spec.data.kind != "sequence":
                raise
            self.why_not = error

    @cached_property
    def course(self) -> Course:
        """The steps; those of the model's own length where there is no end."""
        return own_course(self.model, self.member)

    @cached_property
    def executor(self) -> Executor:
        """The executor of the course's program, made at the first step."""
        return Executor(self.course.model, self.course.program, self.member, self.storage)

    def follow(self) -> None:
        """Takes over the model's weights, which have changed."""
        if self.why_not is None:
            self.course = replace(self.course, model=over(self.model, self.course.model.spec))
        self.__dict__.pop("executor", None)
        self._quick.clear()
        self._variants.clear()

    def run(
        self, n: int, steps: int, condition: dict[str, Tensor], *, chunk: int, seed: int = 0, temperature: float = 1.0,
        first: int = 0, prefix: Tensor | None = None, compiled: bool | None = None,
        truncation: Truncation | None = None, guidance: float | None = None,
    ) -> Iterator[Tensor]:  # fmt: skip
        """Integers [n, up to chunk], `steps` of them in all, the prefix [n, k] among them. InputError for more steps
        than there are, and for compiled ones where none repeats another."""
        if self.why_not is not None and steps > self.model.spec.data.length:
            raise self.why_not
        if self.why_not is not None and compiled:
            raise InputError("AR823", f"steps are compiled where they repeat each other; {self.why_not.message}",
                             "leave out --compile")  # fmt: skip
        if self.storage != "exact":
            if compiled:
                raise InputError("AR823", f"steps with weights in {self.storage} are not compiled",
                                 "leave out --compile, or --weights")  # fmt: skip
            compiled = False
        for name, value in (("steps", steps), ("chunk", chunk)):
            if not 1 <= value <= MOST:
                raise InputError("AR808", f"{name} of a stream are at least 1, and at most {MOST:,}; {value:,} came")
        check_temperature(temperature)
        check_counts(n=n, first=first)
        if prefix is None and (begin := started(self.model, n)[0]) is not None:
            prefix = begin[:, : self.model.spec.data.given]
        if prefix is not None:
            prefix = rows_of(self.model, n, prefix)
            if prefix.shape[1] < self.model.spec.data.given:
                begun(self.model, n, prefix, self.member)  # which says what is wrong
            if prefix.shape[1] > steps:
                raise InputError(
                    "AR862", f"the prompt has {prefix.shape[1]:,} steps, and {steps:,} are asked for in all"
                )
        _ = self.executor  # what is wrong with the model is told now, and not at the first piece
        return self._run(
            n, steps, condition, chunk=chunk, seed=seed, temperature=temperature, first=first, prefix=prefix,
            compiled=compiled, truncation=truncation, guidance=guidance,
        )  # fmt: skip

    @torch.no_grad()
    def _run(
        self, n: int, steps: int, condition: dict[str, Tensor], *, chunk: int, seed: int, temperature: float,
        first: int, prefix: Tensor | None, compiled: bool | None, truncation: Truncation | None,
        guidance: float | None,
    ) -> Iterator[Tensor]:  # fmt: skip
        model, executor = self.course.model, self.executor
        head, support, dtype = model.graph.head, model.graph.support, model.dtype
        each = head.uniforms(support)
        noise = Uniforms(seed, numbered(first, n, each), each)
        rows_of_state, before = n, prefix
        if guidance is not None:
            rows_of_state, condition, before = 2 * n, both(model, condition, n), twice(prefix)
        free = self._free(rows_of_state, steps, condition)
        known = steps if self.course.period is None else None
        state = executor.begin(rows_of_state, condition, free=free, steps=known)
        keeps = head.highest(support, temperature, truncation) if guidance is None else None
        executor.screen(state, keeps, steps, piece=True)
        start, first_made = 0, None
        if prefix is not None and before is not None:
            yield prefix
            start = prefix.shape[1]
            first_made = self._prime(state, before, condition, noise, steps)
        given = model.spec.data.given
        rows, quick = self.rows(start - given, steps - given), dict[Cut, Step | None]()
        for begin in range(start, steps, chunk):
            count = min(chunk, steps - begin)
            executor.screen(state, keeps, count)  # weights may have changed since the piece before
            uniforms = torch.from_numpy(noise.next(count)).to(model.device)
            drawn: list[Tensor] = []
            for k, (row, cut, lasting) in enumerate(itertools.islice(rows, count)):
                now = uniforms[:, k : k + 1]
                made, first_made = first_made, None
                if made is None and lasting and cut not in quick:
                    left = steps - begin - k
                    chance = (temperature, truncation, guidance)
                    quick[cut] = self._compiled(row, cut, state, now, chance, left, compiled)
                if made is None and lasting and (step := quick[cut]) is not None:
                    values, _ = step(row, now, state)
                else:
                    with torch.inference_mode():
                        now_row, cut = self._as_it_lies(row, cut)
                        number = self._number(begin + k - given)
                        parameters = executor.step(now_row, cut, state, number, made=made)
                        if guidance is not None:
                            parameters = head.guided(*parameters.chunk(2), guidance)
                        values = head.draw(support, parameters, now, temperature, truncation)
                        written = values if guidance is None else torch.cat([values, values])
                        executor.write(cut, state, written.to(dtype))
                drawn.append(values)
            yield torch.cat(drawn, 1)[:, :, 0].round().long()

    def _as_it_lies(self, row: Tensor, cut: Cut) -> tuple[Row, Cut]:
        """A row, and its class, in which what is read of one row of a cache is read as it lies."""
        if row.device.type != "cpu":
            return row, cut
        solid, numbers = self.executor.in_blocks(cut), row.tolist()
        pieces: list[Tensor | int] = [*torch.split_with_sizes(row, cut.sizes)]
        for section, at in solid.single:
            pieces[section] = numbers[at]
        return pieces, solid

    def _number(self, step: int) -> int | None:
        """What a step is to know of its number: nothing in a stream, whose steps have numbers without end."""
        return step if self.course.period is None else None

    def _compiled(
        self, row: Tensor, cut: Cut, state: State, noise: Tensor,
        chance: tuple[float, Truncation | None, float | None], left: int, wanted: bool | None,
    ) -> Step | None:  # fmt: skip
        """The compiled form of a class of steps where that is wanted, or pays for the steps that are left. It is kept.
        chance: temperature, truncation and guidance."""
        key, period = (cut, state.batch, *chance), self.course.period
        if wanted is False or period is None:
            return None
        if key not in self._quick:
            if not pays(self.executor, cut, state, row, left // period.length, wanted):
                return None
            self._quick[key] = compiled_step(self.executor, cut, state, row, noise, *chance)
        return self._quick[key]

    def rows(self, start: int, stop: int) -> Iterator[tuple[Tensor, Cut, bool]]:
        """(row, class, whether it is one of the period's) of each step."""
        period, own, device = self.course.period, self.course.rows, self.model.device
        cuts = self._cuts(period) if period is not None else []
        begin = stop if period is None else min(stop, period.begin)
        for step in range(start, begin):
            row = torch.from_numpy(own.entries.cut(own.begins[step], own.begins[step + 1]).rows()).to(device)
            cut = self.executor.cut(step, own.sizes[step])
            yield row, cut, cut in cuts
        if period is None:
            return
        begin = max(start, begin)
        for step, row in enumerate(period.each(begin, stop), begin):
            yield torch.from_numpy(row).to(device), cuts[(step - period.begin) % period.length], True

    def _cuts(self, period: Period) -> list[Cut]:
        return [self.executor.cut(period.begin + k, period.rows.sizes[k]) for k in range(period.length)]

    def _free(self, n: int, steps: int, condition: dict[str, Tensor]) -> dict[Node, Tensor] | None:
        """What no variable influences, for all steps, where it differs from step to step."""
        schedule = self.course.program.schedule
        sources = [*schedule.free, *self.course.model.graph.conditions.values()]
        if self.course.period is None or all(source.out.sites == source.out.groups for source in sources):
            return None
        try:
            whole = at_length(self.model, steps)
        except InputError as error:
            raise InputError(
                "AR822",
                f"the conditions of '{self.model.spec.name}' run over all steps, and {steps:,} of them "
                f"can't be: {error.message}",
                "take a number of steps that the layers of its conditions can give",
            ) from error
        member = whole.graph.members[self.member]
        nodes = free_nodes(whole.graph, known_at(Relations(whole.graph, member)))
        names = {node.name: node for node in sources}
        made = free_values(whole, self.member, nodes, condition, n)
        return {names[node.name]: value for node, value in made.items() if node.name in names}

    def _prime(
        self, state: State, prefix: Tensor, condition: dict[str, Tensor], noise: Uniforms, steps: int
    ) -> Tensor | None:
        """Fills the caches from a prefix [n, k], in one parallel pass where that can be. That pass gives the parameters
        [n, 1, K] of the first step that is drawn, too, and computes for the caches what this step would."""
        executor, count, given = self.executor, prefix.shape[1], self.model.spec.data.given
        noise.next(count)  # what follows is drawn as it would be without a prefix
        if given:
            put_given(executor, state, prefix[:, :given, None].to(executor.model.dtype))
        ahead = int(count < steps)
        longer = self._longer(count) if can_prime(executor) else None
        if longer is None:
            for step, (row, cut, _) in enumerate(self.rows(0, count - given), given):
                now_row, cut = self._as_it_lies(row, cut)
                executor.step(now_row, cut, state, self._number(step - given))
                executor.write(cut, state, prefix[:, step : step + 1, None].to(executor.model.dtype))
            return None
        (variant, orders), step = longer, count - given + ahead
        own, length = self.course.model, self.course.model.spec.data.length
        beyond = known_beyond(executor, orders, step) if variant.spec.data.length < length else set[str]()
        pad = torch.nn.functional.pad
        x = pad(prefix, (0, variant.spec.data.length - count))
        drawn = torch.tensor([count], device=own.device) if ahead else None
        under = _stretched(variant, condition)
        parameters = prime(executor, state, x, under, step, variant, orders, without=beyond, drawn=drawn)
        if beyond:
            prime(executor, state, pad(prefix, (0, length - count)), _stretched(own, condition), step, names=beyond)
        return parameters

    def _longer(self, count: int) -> tuple[Network, Orders] | None:
        """A variant that holds a prompt of so many steps, as short as there is one, and the orders of its sites. None
        where the prompt is quicker gone through step by step."""
        own = self.course.model.spec.data.length
        if self.course.period is not None:  # with the step after the prompt, of which what is kept depends
            lengths = [_piece(count + 1), _up(count + own, own)]
        else:
            lengths = [min(own, _piece(count + 1)), *([own] if own <= FEW * count else [])]
        for length in dict.fromkeys(lengths):
            if length not in self._variants:
                self._variants[length] = self._variant(length)
            if (found := self._variants[length]) is not None:
                return found
        return None

    def _variant(self, length: int) -> tuple[Network, Orders] | None:
        """The model over so many steps, and the orders of its sites; None where there is none."""
        try:
            model = at_length(self.model, length)
        except InputError:  # it does not divide, or is more than a mask may compare
            return None
        return model, through(asked(model.graph, model.graph.members[self.member], sums=False), CACHES).orders


def _piece(steps: int) -> int:
    """The length of the variant that takes in so many steps."""
    return _up(steps, SHORT if steps <= PIECE else PIECE)


def _up(number: int, step: int) -> int:
    return -(-number // step) * step


def _stretched(model: Network, condition: dict[str, Tensor]) -> dict[str, Tensor]:
    """Series padded or cut to the length of a variant."""
    found = dict(condition)
    for name, section in model.spec.condition.items():
        if section.along and name in found:
            wanted, value = model.graph.conditions[name].out.grid[0], found[name]
            found[name] = torch.nn.functional.pad(value[..., :wanted], (0, max(0, wanted - value.shape[-1])))
    return found


def stream_of(model: Network, member: int = 0, storage: Storage = "exact") -> Stream:
    """The stream of one member, which follows the weights where these have changed,
    and is made anew where they moved."""
    model.check_member(member)
    kept = model.keep(Stream, dict[tuple[int, str], tuple[Fingerprint, Stream]])
    before, known = kept.get((member, storage), (None, None))
    if known is None or before is None or before[:2] != (model.device, model.dtype):
        known = Stream(model, member, storage)
    elif before == fingerprint_of(model, known.executor.in_place):
        return known
    else:
        known.follow()
    kept[member, storage] = fingerprint_of(model, known.executor.in_place), known
    return known
