"""Confirmation by values: only what an output may not read is changed, and the output must move by more than noise.

The noise of a module is measured: the same input is given in other slots, beside other examples and in a batch of
another shape. What moves by no more than rounding does so is never called a leak.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.case import Case
from arspec.auditing.comparing import check_steady, rounding, size_of
from arspec.diagnostics import InputError
from arspec.verification.dependencies import Findings, Violation

OUTSIDE = (16.0, 128.0)  # magnitudes beyond the alphabet, in half-ranges: a feature may only wake up there
MARGIN = 16.0  # times the noise that was measured
ENTRIES = 2**16  # of the input in one batch, at most
PAIRS = 2**24  # of entries of one example in one batch, at most: attention is quadratic
NUMBERS = 2**25  # of the output in one batch, at most: a vocabulary may have many words
SLOTS = 512  # examples of a batch, at most
FEW = 3  # examples of a batch that every module is given before
BENCH = 3  # forward passes of an input: two for what it gives and its noise, then the first changes
MIXED = 2  # the same where examples of a batch read one another, so that there is one change a pass
MIXING = 6  # further forward passes there
SAMPLED = 16  # outputs that are looked at where there are too many for all
NARROWING = 4  # forward passes for that, beyond those of the search
MIXED_NARROWING = 1  # the same where examples of a batch read one another
NARROWED = 3  # outputs whose many changes are narrowed down to the few that matter
MAX_VARIABLES = 4096  # more have no matrix of pairs
_Shown = tuple[Tensor, Tensor]  # parameters [K] of one output for the base and for a change, in the same slot


@dataclass
class Search:
    """How much is tried: draws of the weights, inputs for each, and forward passes in all. `alone`: one example a pass,
    since what Python reads of a batch is hardly another value where one example of many is."""

    draws: int = 3
    bases: int = 2
    passes: int = 9
    seed: int = 0
    outside: bool = True
    alone: bool = False


def slots(entries: int, numbers: int = 0) -> int:
    """How many examples of so many entries, each with so many numbers of the output, one batch holds."""
    most = min(SLOTS, ENTRIES // max(1, entries), PAIRS // max(1, entries) ** 2, NUMBERS // max(1, numbers))
    return int(max(4, most))


def confirm(
    subject: Borrowed,
    case: Case,
    alphabet: Tensor,
    suspects: Tensor,
    search: Search,
    forbidden: Tensor | None = None,
) -> Findings:
    """What moves the outputs for the variables `suspects` [V] though it may not: at most one violation an output.

    `forbidden` [V, V] (row: output, column: input) takes the place of the order where it is given. The weights are the
    module's own first, then redrawn ones where the module can be run with them. The search ends with the first draw
    that shows a leak, or when its passes are spent."""
    generator = torch.Generator().manual_seed(search.seed)
    found = _none(case.variables)
    limit = subject.passes + search.passes
    for base, draw in product(range(search.bases), range(search.draws)):
        subject.redraw(draw)
        found.draws = max(found.draws, draw + 1)
        values = alphabet[torch.randint(len(alphabet), (case.layout.entries,), generator=generator)]
        try:
            bench = _Bench(subject, case, alphabet, values, generator, alone=search.alone)
            if bench.mixes and not found.mixes:
                limit += MIXING
            if draw == 0 and not found.lost:
                found.lost = (
                    (~bench.still.isfinite()).any(-1).any(0).nonzero()[:, 0].tolist() if not bench.sound else []
                )
            if bench.sound:
                _search(bench, suspects, found, draw, generator, search.outside, limit, forbidden)
        except InputError:
            raise
        except (Exception, SystemExit):
            if draw == 0 and base == 0:
                raise
            continue  # the module takes no such weights
        if found.violations or subject.passes + BENCH > limit:
            break
    subject.redraw(0)
    return found


def _none(variables: int) -> Findings:
    return Findings.none(variables if variables <= MAX_VARIABLES else 0)


@dataclass(frozen=True)
class _Kind:
    """A way to change entries: `values` [N] is what a changed entry becomes."""

    how: str
    values: Tensor
    outside: bool = False
    times: float = 1.0  # how much larger its values are than the base's, and so is the rounding of sums with them


def _kinds(alphabet: Tensor, base: Tensor, generator: torch.Generator, outside: bool) -> list[_Kind]:
    levels = len(alphabet)
    place = torch.searchsorted(alphabet, base)
    steps = torch.randint(1, max(2, levels), place.shape, generator=generator)
    kinds = [_Kind("another value", alphabet[(place + steps) % levels])]
    if levels > 2:
        kinds.append(_Kind("the next value", alphabet[torch.where(place + 1 < levels, place + 1, place - 1)]))
        kinds.append(_Kind("the lowest value", alphabet[:1].expand_as(base)))
        kinds.append(_Kind("the highest value", alphabet[-1:].expand_as(base)))
    if outside and alphabet.is_floating_point():
        middle, half = (alphabet[0] + alphabet[-1]) / 2, (alphabet[-1] - alphabet[0]) / 2
        for times in OUTSIDE:
            signs = torch.randint(0, 2, base.shape, generator=generator) * 2 - 1
            for turned in (signs, -signs):
                kinds.append(_Kind(f"{times:g} times the range", middle + times * half * turned, True, times))
    return kinds


class _Bench:
    """Changed examples in batches, compared slot by slot with the unchanged base in the same slots."""

    def __init__(
        self,
        subject: Borrowed,
        case: Case,
        alphabet: Tensor,
        base: Tensor,
        generator: torch.Generator,
        alone: bool = False,
    ) -> None:
        self.subject, self.case, self.alphabet, self.base = subject, case, alphabet, base
        self.member = torch.from_numpy(case.layout.variable)
        self.mixes = False
        noise = None if alone else self._many(alphabet, generator)
        self.single = alone or self.mixes  # whether there is one change a pass
        if noise is None or self.mixes:
            noise = self._one(alphabet, generator, steady=alone)
        here = self.still[0]
        self.floor = MARGIN * noise + rounding(here)

    def _many(self, alphabet: Tensor, generator: torch.Generator) -> Tensor:
        """The base in all slots of a batch, and its noise [V, K]; whether examples mix."""
        self.used = slots(len(self.base), self.subject.numbers)
        self.examples = self.base.expand(self.used, -1)
        try:
            self.still = self.run(self.examples)
        except (Exception, SystemExit):  # a buffer of the module may hold a few examples, as a cache does
            self.used = FEW
            self.examples = self.base.expand(self.used, -1)
            self.still = self.run(self.examples)
        # The same input in the same slots beside other examples, and in other slots. Where dropout draws other numbers
        # for another slot, that is no noise: slots are compared with themselves.
        others = _others(alphabet, self.used, self.base, generator)
        others[0] = others[-1] = self.base
        beside = self.run(others)[[0, -1]]
        here = self.still[0]
        rounded = torch.finfo(here.dtype).eps ** 0.5 * size_of(here)
        noise = (self.still[[0, -1]] - beside).abs().nan_to_num(0.0).amax(0)
        self.mixes = bool((noise > rounded).any())
        elsewhere = (self.still - here).abs().nan_to_num(0.0).amax(0)
        return torch.maximum(noise, torch.where(elsewhere > rounded, 0.0, elsewhere))

    def _one(self, alphabet: Tensor, generator: torch.Generator, steady: bool) -> Tensor:
        """One example at a time, alone where the module takes that, and its noise [V, K]; none where it is known to be
        steady."""
        self.used = 1
        self.examples = self.base[None]
        try:
            self.still = self.run(self.examples)
        except (Exception, SystemExit):
            self.examples = torch.cat([self.base[None], _others(alphabet, 2, self.base, generator)])
            self.still = self.run(self.examples)
        again = self.still if steady else self.run(self.examples)
        check_steady(self.still[0], again[0])
        return (self.still[0] - again[0]).abs().nan_to_num(0.0)

    @property
    def sound(self) -> bool:
        """Whether the outputs are numbers, so that they can be compared."""
        return not bool(self.still.isnan().any())

    def run(self, x: Tensor) -> Tensor:
        """Flat examples [B, N] -> parameters [B, V, K]."""
        with torch.no_grad():
            return self.subject(x.reshape(-1, *self.case.layout.shape))

    def changed(self, masks: Tensor, values: Tensor) -> Tensor:
        """Masks [n, N] of the entries to change and what they become, [n, N] or [N] -> parameters [n, V, K]."""
        x = self.examples.clone()
        x[: len(masks)] = torch.where(masks, values, self.base)
        return self.run(x)[: len(masks)]

    def moved(self, outputs: Tensor, times: Tensor) -> Tensor:
        """[n, V]: whose parameters differ from the base by more than noise; a number that overflows shows nothing.

        `times` [n]: how much larger the changed values are than those of the base."""
        before = self.still[: len(outputs)]
        change = (outputs - before).abs()
        return (
            (change > self.floor * times.to(change.dtype)[:, None, None]) & outputs.isfinite() & before.isfinite()
        ).any(-1)


def _others(alphabet: Tensor, count: int, base: Tensor, generator: torch.Generator) -> Tensor:
    """[count, N]: further examples."""
    return alphabet[torch.randint(len(alphabet), (count, len(base)), generator=generator)]


@dataclass
class _Changes:
    """Changes of one base: row i changes the entries `masks` [n, N], which are those of the variables `inputs`;
    `forbidden` [n, V] are the outputs that may not move with it. The first rows, `singles` of them, change one each."""

    masks: Tensor
    forbidden: Tensor
    inputs: list[NDArray[np.int64]]
    kinds: list[_Kind]
    singles: int


def _search(
    bench: _Bench,
    suspects: Tensor,
    found: Findings,
    draw: int,
    generator: torch.Generator,
    outside: bool,
    limit: int,
    forbidden: Tensor | None,
) -> None:
    case = bench.case
    found.mixes |= bench.mixes
    kinds = _kinds(bench.alphabet, bench.base, generator, outside)
    wanted = suspects.nonzero()[:, 0]
    if not len(wanted):
        return
    every = case.variables * len(kinds) <= 4 * bench.used and case.variables <= MAX_VARIABLES
    few = MIXED if bench.single else SAMPLED
    if not every:
        wanted = wanted[torch.linspace(0, len(wanted) - 1, min(few, len(wanted))).long()]
    judged = torch.zeros(case.variables, dtype=torch.bool).index_fill(0, wanted, True)
    rank, allowed = torch.tensor(case.rank), case.limit
    inputs: list[NDArray[np.int64]] = []
    groups, barred = _groups(case, allowed, wanted, forbidden)
    if every:
        pairs = rank[None, :] >= allowed[:, None] if forbidden is None else forbidden
        columns = torch.from_numpy(np.flatnonzero(pairs[wanted].any(0).numpy()))
        inputs = [np.array([int(u)]) for u in columns]
        groups = torch.cat([torch.eye(case.variables, dtype=torch.bool)[columns], groups])
        barred = torch.cat([pairs.T[columns], barred])
    singles = len(inputs)
    inputs += [np.flatnonzero(group.numpy()) for group in groups[singles:]]
    changes = _Changes(groups[:, bench.member], barred & judged, inputs, kinds, singles)
    pending: list[tuple[_Kind, int, int, _Shown]] = []
    for kind, rows, before, after, moved in _compared(bench, changes, limit, found):
        one = rows < singles
        for row in np.flatnonzero(moved.any(1).numpy() & one):
            found.leaks[moved[row].numpy(), inputs[rows[row]]] = True
        alone = moved & torch.from_numpy(one)[:, None]
        _tell(found, bench, kind, [inputs[row] for row in rows], alone, before, after, draw)
        pending += [
            (kind, int(rows[row]), int(output), (before[row, output], after[row, output]))
            for row, output in zip(*np.nonzero(moved.numpy() & ~one[:, None]), strict=True)
        ]
        if bench.single and (pending or found.violations):
            break  # every change costs a pass of its own, and one leak is enough
    if found.violations:
        return
    told: set[int] = set()
    for kind, row, output, shown in pending:
        if output in told or len(told) >= (1 if bench.single else NARROWED):
            continue
        told.add(output)
        stop = bench.subject.passes + MIXED_NARROWING if bench.single else limit + NARROWING
        some, shown = _narrow(bench, kind, inputs[row], output, stop, shown)
        found.violations.append(_violation(bench, kind, some, output, *shown, draw))
        if case.variables <= MAX_VARIABLES:
            found.leaks[output, some] = True


def _groups(case: Case, allowed: Tensor, wanted: Tensor, forbidden: Tensor | None) -> tuple[Tensor, Tensor]:
    """Variables that are changed at once [n, V], and the outputs that may not move with them [n, V]: for each output
    of `wanted`, all that it may not read, since some leaks need several changes together."""
    if forbidden is None:
        cuts = torch.unique(allowed[wanted])
        return torch.tensor(case.rank)[None, :] >= cuts[:, None], allowed[None, :] <= cuts[:, None]
    groups = torch.unique(forbidden[wanted], dim=0)
    return groups, torch.stack([(forbidden | ~group).all(1) for group in groups])


def _compared(
    bench: _Bench, changes: _Changes, limit: int, found: Findings
) -> Iterator[tuple[_Kind, NDArray[np.int64], Tensor, Tensor, Tensor]]:
    """(kind, numbers of the changes [n], parameters of the base in their slots [n, V, K], and of the changes,
    forbidden moves [n, V]), as long as passes are left.

    Changes of several variables come last, and not at all where a change of one was enough."""
    pairs: list[tuple[int, int]] = []
    earlier = [bench.base]
    for number, kind in enumerate(changes.kinds):
        new = torch.ones(len(changes.masks), dtype=torch.bool)
        for values in earlier:
            new &= (changes.masks & (kind.values != values)).any(1)
        pairs += [(number, int(row)) for row in np.flatnonzero(new.numpy())]
        earlier.append(kind.values)
    pairs.sort(key=lambda pair: pair[1] >= changes.singles)
    values = torch.stack([kind.values for kind in changes.kinds])
    times = torch.tensor([kind.times for kind in changes.kinds])
    for start in range(0, len(pairs), bench.used):
        if bench.subject.passes >= limit or (found.violations and pairs[start][1] >= changes.singles):
            return
        kind, rows = np.array(pairs[start : start + bench.used]).T
        outputs = bench.changed(changes.masks[torch.from_numpy(rows)], values[torch.from_numpy(kind)])
        moved = bench.moved(outputs, times[torch.from_numpy(kind)]) & changes.forbidden[torch.from_numpy(rows)]
        for number in np.unique(kind):
            some = torch.from_numpy(np.flatnonzero(kind == number))
            yield changes.kinds[number], rows[some.numpy()], bench.still[some], outputs[some], moved[some]


def _narrow(
    bench: _Bench, kind: _Kind, inputs: NDArray[np.int64], output: int, limit: int, shown: _Shown
) -> tuple[NDArray[np.int64], _Shown]:
    """Fewer of the variables `inputs` whose change still moves `output`, one where one suffices, and the parameters
    that show it, which are `shown` for all of them.

    Parts are dropped as long as what remains still does it, in ever smaller parts (delta debugging,
    Zeller and Hildebrandt 2002), until no single variable can be dropped.
    """

    def moving(chosen: list[NDArray[np.int64]]) -> tuple[NDArray[np.int64], _Shown] | None:
        for start in range(0, len(chosen), bench.used):
            if bench.subject.passes >= limit:
                return None
            some = chosen[start : start + bench.used]
            masks = torch.stack([torch.isin(bench.member, torch.from_numpy(variables)) for variables in some])
            times = torch.full((len(masks),), kind.times)
            after = bench.changed(masks, kind.values)
            moved = np.flatnonzero(bench.moved(after, times)[:, output].numpy())
            if len(moved):
                slot = int(moved[0])
                return some[slot], (bench.still[slot, output], after[slot, output])
        return None

    parts = min(len(inputs), max(2, bench.used // 2))
    while len(inputs) > 1 and bench.subject.passes < limit:
        pieces = np.array_split(inputs, min(parts, len(inputs)))
        chosen = [*pieces, *(np.concatenate([p for p in pieces if p is not piece]) for piece in pieces)]
        smaller = moving(chosen if len(pieces) > 2 else list(pieces))
        if smaller is not None:
            inputs, shown = smaller
        elif len(pieces) == len(inputs):
            break
        else:
            parts *= 2
    return inputs, shown


def _tell(
    found: Findings,
    bench: _Bench,
    kind: _Kind,
    inputs: list[NDArray[np.int64]],
    moved: Tensor,
    before: Tensor,
    after: Tensor,
    draw: int,
) -> None:
    """A violation for each output that moved [n, V], once an output; another variable tells more than its own. `before`
    and `after` [n, V, K]: the parameters of the base in the same slots, and of the changes."""
    told = {violation.output for violation in found.violations}
    for output in np.flatnonzero(moved.any(0).numpy()):
        if int(output) not in told:
            rows = np.flatnonzero(moved[:, output].numpy())
            row = next((int(row) for row in rows if int(output) not in inputs[row]), int(rows[0]))
            shown = before[row, output], after[row, output]
            found.violations.append(_violation(bench, kind, inputs[row], int(output), *shown, draw))


def _violation(
    bench: _Bench, kind: _Kind, inputs: NDArray[np.int64], output: int, before: Tensor, after: Tensor, draw: int
) -> Violation:
    entries = torch.from_numpy(np.flatnonzero(np.isin(bench.case.layout.variable, inputs)))
    distance = torch.where(after != before, (after - before).abs().nan_to_num(), -1.0)
    parameter = int(distance.argmax())
    return Violation(
        output=output,
        inputs=tuple(int(u) for u in inputs),
        how=kind.how,
        before=tuple(float(value) for value in bench.base[entries]),
        after=tuple(float(value) for value in kind.values[entries]),
        parameter=parameter,
        moved=(float(before[parameter]), float(after[parameter])),
        outside=kind.outside,
        draw=draw,
    )
