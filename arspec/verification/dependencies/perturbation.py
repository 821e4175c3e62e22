"""Perturbations: change variables, and see whose parameters move.

Every variable is changed alone (which gives whole columns of the dependence matrix), and at every cut of the order
all that comes at or after it is changed at once (which finds what only several changes together bring about).
Each changed example is compared with an unperturbed one in the same slot of a batch of the same shape, since equal
examples in different slots may differ in their last bits; the comparison is exact.

No NaN is planted: in a masked convolution by multiplication 0 * NaN would spread what the mask holds back.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arspec.diagnostics import InputError
from arspec.progress import track
from arspec.verification.dependencies.findings import Findings, Violation
from arspec.verification.dependencies.subject import Subject, differs, mixes_examples

OUTSIDE = (16.0, 128.0)  # magnitudes beyond the alphabet, in half-ranges: a feature may only wake up there
BISECTIONS = 16  # suffixes that are narrowed down to the variables that matter, for one base example and cut kind


def perturb(
    subject: Subject,
    *,
    variables: Sequence[int] | None = None,
    cuts: Sequence[int] | None = None,
    draws: int = 1,
    bases: int = 2,
    batch: int = 64,
    outside: bool = True,
    seed: int = 0,
    mixes: bool | None = None,
    ways: int | None = None,
) -> Findings:
    """Changes `variables` one at a time and the suffixes at the ranks `cuts` (default: all of both).

    At each of `draws` of the weights this is done for `bases` random examples. `outside`: also with magnitudes beyond
    an alphabet of floats; what only these find is a leak that is marked as such, and counts for no coverage. `mixes`:
    whether examples of a batch read one another, where that is known. `ways`: how many ways to change a scalar are
    tried, the first ones; None: all.
    """
    generator = torch.Generator().manual_seed(seed)
    found = Findings.none(subject.variables)
    for draw in track(range(draws), "testing by perturbations", "draws of weights"):
        if subject.redraw is not None:
            subject.redraw(draw)
        for _ in range(bases):
            found.add(
                perturbation_findings(
                    subject, generator, variables=variables, cuts=cuts, draw=draw, batch=batch, outside=outside,
                    mixes=mixes, ways=ways,
                )
            )  # fmt: skip
    return found


def leaks(
    subject: Subject, *, draws: int = 1, bases: int = 2, batch: int = 64, outside: bool = True, seed: int = 0
) -> bool:
    """Whether `perturb` would find a leak: after the first one nothing more is tried, and none is narrowed down."""
    generator = torch.Generator().manual_seed(seed)
    for draw in range(draws):
        if subject.redraw is not None:
            subject.redraw(draw)
        for _ in range(bases):
            if any(_search(subject, generator, Findings.none(subject.variables), batch=batch, outside=outside)):
                return True
    return False


def perturbation_findings(
    subject: Subject,
    generator: torch.Generator,
    *,
    variables: Sequence[int] | None = None,
    cuts: Sequence[int] | None = None,
    draw: int = 0,
    batch: int = 64,
    outside: bool = True,
    mixes: bool | None = None,
    ways: int | None = None,
) -> Findings:
    """The findings at one random example with the weights as they are."""
    found = Findings.none(subject.variables)
    for _ in _search(
        subject, generator, found, variables=variables, cuts=cuts, draw=draw, batch=batch, outside=outside,
        mixes=mixes, ways=ways,
    ):  # fmt: skip
        pass
    return found


def _search(
    subject: Subject,
    generator: torch.Generator,
    found: Findings,
    *,
    variables: Sequence[int] | None = None,
    cuts: Sequence[int] | None = None,
    draw: int = 0,
    batch: int = 64,
    outside: bool = True,
    mixes: bool | None = None,
    ways: int | None = None,
) -> Iterator[bool]:
    """Adds to `found` what is found at one random example. Gives, again and again on the way,
    whether there is a leak."""
    found.mixes = mixes_examples(subject, generator) if mixes is None else mixes
    base = subject.random(1, generator)[0]
    # Where examples read one another only the first slot is changed, and the others stay as they are.
    companions = subject.random(3, generator) if found.mixes else None
    outside = outside and subject.alphabet.is_floating_point()
    member = torch.tensor(subject.variable)
    rank, limits = torch.tensor(subject.rank), torch.tensor(subject.limits)

    singles = np.arange(subject.variables) if variables is None else np.asarray(variables, dtype=np.int64)
    ranks = np.unique(subject.rank) if cuts is None else np.asarray(cuts, dtype=np.int64)
    one = _Changes(
        base,
        member[None, :] == torch.from_numpy(singles)[:, None],
        list(itertools.islice(_kinds(subject, base, generator, single=True, outside=outside), ways)),
    )
    suffixes = _Changes(
        base,
        rank[member][None, :] >= torch.from_numpy(ranks)[:, None],
        list(itertools.islice(_kinds(subject, base, generator, single=False, outside=outside), ways)),
    )
    bench = _Bench(subject, base, companions, min(batch, max(len(one), len(suffixes))))

    for each in bench.compare(one):
        columns = singles[each.mask]
        if not each.kind.outside:
            found.seen[:, columns] |= each.moved.T.numpy()
        illegal = each.moved & (limits[None, :] <= rank[torch.from_numpy(columns)][:, None])
        new = illegal.T.numpy() & ~found.leaks[:, columns]
        found.leaks[:, columns] |= new
        _tell(found, bench, each, new, columns, draw)
        yield not found.ok

    narrowed: Counter[str] = Counter()
    for each in bench.compare(suffixes):
        cut, kind = ranks[each.mask], each.kind
        illegal = (each.moved & (limits[None, :] <= torch.from_numpy(cut)[:, None])).numpy()
        for row in np.flatnonzero(illegal.any(1)):
            later = np.flatnonzero(subject.rank >= cut[row])
            explained = found.leaks[:, later].any(1)  # by a pair that is known already
            for output in np.flatnonzero(illegal[row] & ~explained)[: BISECTIONS - narrowed[kind.how]]:
                yield True
                narrowed[kind.how] += 1
                inputs = _narrow(subject, bench, kind, later, int(output))
                found.leaks[output, inputs] = True
                if len(inputs) == 1 and not kind.outside:
                    found.seen[output, inputs] = True
                _tell_one(found, bench, kind, inputs, int(output), draw)


@dataclass(frozen=True)
class _Kind:
    """A way to change scalars: `values` [N] is what a changed scalar becomes."""

    how: str
    values: Tensor
    outside: bool = False


def _kinds(
    subject: Subject, base: Tensor, generator: torch.Generator, *, single: bool, outside: bool
) -> Iterator[_Kind]:
    alphabet = subject.alphabet
    levels = len(alphabet)
    place = torch.searchsorted(alphabet, base)
    steps = torch.randint(1, levels, place.shape, generator=generator) if levels > 1 else torch.zeros_like(place)
    yield _Kind("another value", alphabet[(place + steps) % levels])
    if levels > 2:
        if single:
            yield _Kind("the next value", alphabet[torch.where(place + 1 < levels, place + 1, place - 1)])
        yield _Kind("the lowest value", alphabet[:1].expand_as(base))
        yield _Kind("the highest value", alphabet[-1:].expand_as(base))
    if outside:
        middle, half = (alphabet[0] + alphabet[-1]) / 2, (alphabet[-1] - alphabet[0]) / 2
        for times in OUTSIDE:
            signs = torch.randint(0, 2, base.shape, generator=generator) * 2 - 1
            yield _Kind(f"{times:g} times the range", middle + times * half * signs, outside=True)


class _Changes:
    """What is changed of a base: the scalars of each of `masks` [n, N] in each of the ways `kinds`.

    A change that changes nothing or that an earlier kind makes as well is left out. The others are in the order of the
    kinds: `kind` and `mask` [R] number each of them."""

    def __init__(self, base: Tensor, masks: Tensor, kinds: Sequence[_Kind]) -> None:
        self.masks, self.kinds = masks, kinds
        earlier: list[Tensor] = [base]
        rows: list[NDArray[np.int64]] = []
        for kind in kinds:
            new = torch.ones(len(masks), dtype=torch.bool)
            for values in earlier:
                new &= (masks & (kind.values != values)).any(1)
            rows.append(np.flatnonzero(new.numpy()))
            earlier.append(kind.values)
        self.values = torch.stack([kind.values for kind in kinds])
        self.kind = np.repeat(np.arange(len(kinds)), [len(row) for row in rows])
        self.mask = np.concatenate(rows)

    def __len__(self) -> int:
        return len(self.mask)


class _Bench:
    """Changed examples in batches, compared slot by slot with the unperturbed base in the same slots."""

    def __init__(self, subject: Subject, base: Tensor, companions: Tensor | None, batch: int) -> None:
        self.subject = subject
        self.base = base
        self.used = max(1, batch) if companions is None else 1
        self.slots = torch.cat([base[None], base.expand(self.used - 1, -1) if companions is None else companions])
        self.unperturbed = subject.parameters(self.slots)
        # Examples that were seen not to read one another have been compared over two calls already.
        if companions is not None and differs(self.unperturbed, subject.parameters(self.slots), subject.rounding).any():
            raise InputError(
                "AR812",
                "the function gives different outputs for the same input, so that nothing can be compared",
                help="does it keep a state from one call to the next, or draw noise of its own?",
            )

    def outputs(self, masks: Tensor, values: Tensor) -> Tensor:
        """Masks [n, N] of the scalars to change, n at most `used`, and what they become [n, N] or [N] ->
        parameters [n, V, K]."""
        x = self.slots.clone()
        x[: len(masks)] = torch.where(masks, values, self.base)
        return self.subject.parameters(x)[: len(masks)]

    def moved(self, outputs: Tensor) -> Tensor:
        """[n, V]: whose parameters are others than without the change; a number that overflows shows nothing."""
        changed = differs(outputs, self.unperturbed[: len(outputs)], self.subject.rounding)
        overflown = ~outputs.isfinite() & self.unperturbed[: len(outputs)].isfinite()
        return (changed & ~overflown).any(-1)

    def compare(self, changes: _Changes) -> Iterator[_Compared]:
        """A batch holds changes of several kinds, which are given one kind after the other."""
        for start in track(range(0, len(changes), self.used), "testing by perturbations", "batches"):
            kind, mask = (part[start : start + self.used] for part in (changes.kind, changes.mask))
            outputs = self.outputs(changes.masks[torch.from_numpy(mask)], changes.values[torch.from_numpy(kind)])
            moved = self.moved(outputs)
            ends = [0, *(np.flatnonzero(np.diff(kind)) + 1).tolist(), len(kind)]
            for some in (slice(*pair) for pair in itertools.pairwise(ends)):
                of = changes.kinds[kind[some.start]]
                yield _Compared(of, mask[some], moved[some], outputs[some], self.unperturbed[some])


@dataclass(frozen=True)
class _Compared:
    """Changes of one kind: numbers of their masks [n], whose parameters moved [n, V], and the parameters [n, V, K] with
    and without them."""

    kind: _Kind
    mask: NDArray[np.int64]
    moved: Tensor
    after: Tensor
    before: Tensor


def _narrow(subject: Subject, bench: _Bench, kind: _Kind, inputs: NDArray[np.int64], output: int) -> NDArray[np.int64]:
    """Fewer of the variables `inputs` whose change still moves `output`: one where one suffices.

    Parts are dropped as long as what remains still does it, in ever smaller parts (delta debugging,
    Zeller and Hildebrandt 2002), until no single variable can be dropped.
    """
    member = torch.tensor(subject.variable)

    def moving(chosen: list[NDArray[np.int64]]) -> NDArray[np.int64] | None:
        """The first of them whose change moves the output."""
        for start in range(0, len(chosen), bench.used):
            some = chosen[start : start + bench.used]
            masks = torch.stack([torch.isin(member, torch.from_numpy(variables)) for variables in some])
            found = np.flatnonzero(bench.moved(bench.outputs(masks, kind.values))[:, output].numpy())
            if len(found):
                return some[found[0]]
        return None

    parts = 2
    while len(inputs) > 1:
        pieces = np.array_split(inputs, min(parts, len(inputs)))
        remainders = list(pieces) if len(pieces) == 2 else []
        remainders += [np.concatenate([p for p in pieces if p is not piece]) for piece in pieces if len(pieces) > 2]
        smaller = moving(remainders)
        if smaller is not None:
            inputs, parts = smaller, max(2, parts - 1)
        elif len(pieces) == len(inputs):
            break
        else:
            parts *= 2
    return inputs


def _tell(
    found: Findings, bench: _Bench, each: _Compared, new: NDArray[np.bool_], columns: NDArray[np.int64], draw: int
) -> None:
    """A violation for each output that moved under the change of one of the variables `columns`, once an output."""
    told = {violation.output for violation in found.violations}
    for output in np.flatnonzero(new.any(1)):
        if int(output) not in told:
            others = new[output] & (columns != output)  # another variable tells more than the output's own
            slot = int(np.argmax(others if others.any() else new[output]))
            after, before = each.after[slot, output], each.before[slot, output]
            found.violations.append(
                _violation(bench, each.kind, columns[slot : slot + 1], int(output), after, before, draw)
            )


def _tell_one(found: Findings, bench: _Bench, kind: _Kind, inputs: NDArray[np.int64], output: int, draw: int) -> None:
    if all(violation.output != output for violation in found.violations):
        mask = torch.isin(torch.tensor(bench.subject.variable), torch.from_numpy(inputs))
        after = bench.outputs(mask[None], kind.values)[0, output]
        found.violations.append(_violation(bench, kind, inputs, output, after, bench.unperturbed[0, output], draw))


def _violation(
    bench: _Bench, kind: _Kind, inputs: NDArray[np.int64], output: int, after: Tensor, before: Tensor, draw: int
) -> Violation:
    scalars = torch.from_numpy(np.flatnonzero(np.isin(bench.subject.variable, inputs)))
    distance = torch.where(differs(after, before), (after - before).abs().nan_to_num(), -1.0)
    parameter = int(distance.argmax())
    return Violation(
        output=output,
        inputs=tuple(int(u) for u in inputs),
        how=kind.how,
        before=tuple(float(value) for value in bench.base[scalars]),
        after=tuple(float(value) for value in kind.values[scalars]),
        parameter=parameter,
        moved=(float(before[parameter]), float(after[parameter])),
        outside=kind.outside,
        draw=draw,
    )
