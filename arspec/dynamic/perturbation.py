"""Perturbations: change variables, and see whose parameters move.

Every variable is changed alone (which gives whole columns of the dependence matrix), and at every cut of the order
all that comes at or after it is changed at once (which finds what only several changes together bring about).
Each changed example is compared with an unperturbed one in the same slot of a batch of the same shape, since equal
examples in different slots may differ in their last bits; the comparison is exact.

No NaN is planted: in a masked convolution by multiplication 0 * NaN would spread what the mask holds back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arspec.diagnostics import InputError
from arspec.dynamic.findings import Findings, Violation
from arspec.dynamic.subject import Subject, differs, mixes_examples
from arspec.progress import track

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
) -> Findings:
    """Changes `variables` one at a time and the suffixes at the ranks `cuts` (default: all of both).

    At each of `draws` of the weights this is done for `bases` random examples. `outside`: also with magnitudes beyond
    an alphabet of floats; what only these find is a leak that is marked as such, and counts for no coverage.
    """
    generator = torch.Generator().manual_seed(seed)
    found = Findings.none(subject.variables)
    for draw in track(range(draws), "testing by perturbations", "draws of weights"):
        if subject.redraw is not None:
            subject.redraw(draw)
        for _ in range(bases):
            found.add(
                perturbation_findings(
                    subject, generator, variables=variables, cuts=cuts, draw=draw, batch=batch, outside=outside
                )
            )
    return found


def perturbation_findings(
    subject: Subject,
    generator: torch.Generator,
    *,
    variables: Sequence[int] | None = None,
    cuts: Sequence[int] | None = None,
    draw: int = 0,
    batch: int = 64,
    outside: bool = True,
) -> Findings:
    """The findings at one random example with the weights as they are."""
    found = Findings.none(subject.variables)
    found.mixes = mixes_examples(subject, generator)
    bench = _Bench(subject, generator, alone=found.mixes, batch=batch)
    outside = outside and subject.alphabet.is_floating_point()
    member = torch.tensor(subject.variable)
    rank = torch.tensor(subject.rank)

    singles = np.arange(subject.variables) if variables is None else np.asarray(variables, dtype=np.int64)
    masks = member[None, :] == torch.from_numpy(singles)[:, None]
    for kind in _kinds(subject, bench.base, generator, single=True, outside=outside):
        for chunk, moved, outputs in bench.compare(masks, kind.values):
            columns = singles[chunk]
            if not kind.outside:
                found.seen[:, columns] |= moved.T.numpy()
            illegal = moved & (rank[None, :] <= rank[torch.from_numpy(columns)][:, None])
            new = illegal.T.numpy() & ~found.leaks[:, columns]
            found.leaks[:, columns] |= new
            _tell(found, bench, kind, new, columns, outputs, draw)

    ranks = np.unique(subject.rank) if cuts is None else np.asarray(cuts, dtype=np.int64)
    suffixes = rank[member][None, :] >= torch.from_numpy(ranks)[:, None]
    for kind in _kinds(subject, bench.base, generator, single=False, outside=outside):
        narrowed = 0
        for chunk, moved, _ in bench.compare(suffixes, kind.values):
            cut = ranks[chunk]
            illegal = (moved & (rank[None, :] <= torch.from_numpy(cut)[:, None])).numpy()
            for row, output in np.argwhere(illegal):
                later = subject.rank >= cut[row]
                if narrowed >= BISECTIONS or (found.leaks[output] & later).any():
                    continue  # a pair that is known already explains it
                narrowed += 1
                inputs = _narrow(subject, bench, kind, np.flatnonzero(later), int(output))
                found.leaks[output, inputs] = True
                if len(inputs) == 1 and not kind.outside:
                    found.seen[output, inputs] = True
                _tell_one(found, bench, kind, inputs, int(output), draw)
    return found


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


class _Bench:
    """Changed examples in batches, compared slot by slot with the unperturbed base in the same slots."""

    def __init__(self, subject: Subject, generator: torch.Generator, *, alone: bool, batch: int) -> None:
        self.subject = subject
        self.base = subject.random(1, generator)[0]
        self.used = 1 if alone else batch
        # Where examples read one another only the first slot is changed, and the others stay as they are.
        rest = subject.random(3, generator) if alone else self.base.expand(batch - 1, -1)
        self.slots = torch.cat([self.base[None], rest])
        self.unperturbed = subject.parameters(self.slots)
        if not torch.equal(self.unperturbed.nan_to_num(), subject.parameters(self.slots).nan_to_num()):
            raise InputError(
                "AR812",
                "the function gives different outputs for the same input, so that nothing can be compared",
                help="does it keep a state from one call to the next, or draw noise of its own?",
            )

    def outputs(self, masks: Tensor, values: Tensor) -> Tensor:
        """Masks [n, N] of the scalars to change, n at most `used` -> parameters [n, V, K]."""
        x = self.slots.clone()
        x[: len(masks)] = torch.where(masks, values, self.base)
        return self.subject.parameters(x)[: len(masks)]

    def moved(self, outputs: Tensor) -> Tensor:
        """[n, V]: whose parameters are others than without the change; a number that overflows shows nothing."""
        changed = differs(outputs, self.unperturbed[: len(outputs)])
        overflown = ~outputs.isfinite() & self.unperturbed[: len(outputs)].isfinite()
        return (changed & ~overflown).any(-1)

    def compare(self, masks: Tensor, values: Tensor) -> Iterator[tuple[NDArray[np.int64], Tensor, Tensor]]:
        for start in track(range(0, len(masks), self.used), "testing by perturbations", "batches"):
            chunk = np.arange(start, min(start + self.used, len(masks)))
            outputs = self.outputs(masks[chunk], values)
            yield chunk, self.moved(outputs), outputs


def _narrow(subject: Subject, bench: _Bench, kind: _Kind, inputs: NDArray[np.int64], output: int) -> NDArray[np.int64]:
    """Fewer of the variables `inputs` whose change still moves `output`: one where one suffices.

    Parts are dropped as long as what remains still does it, in ever smaller parts (delta debugging,
    Zeller and Hildebrandt 2002), until no single variable can be dropped.
    """
    member = torch.tensor(subject.variable)

    def moves(chosen: NDArray[np.int64]) -> bool:
        mask = torch.isin(member, torch.from_numpy(chosen))
        return bool(bench.moved(bench.outputs(mask[None], kind.values))[0, output])

    parts = 2
    while len(inputs) > 1:
        pieces = np.array_split(inputs, min(parts, len(inputs)))
        remainders = list(pieces) if len(pieces) == 2 else []
        remainders += [np.concatenate([p for p in pieces if p is not piece]) for piece in pieces if len(pieces) > 2]
        smaller = next((remainder for remainder in remainders if moves(remainder)), None)
        if smaller is not None:
            inputs, parts = smaller, max(2, parts - 1)
        elif len(pieces) == len(inputs):
            break
        else:
            parts *= 2
    return inputs


def _tell(
    found: Findings,
    bench: _Bench,
    kind: _Kind,
    new: NDArray[np.bool_],
    columns: NDArray[np.int64],
    outputs: Tensor,
    draw: int,
) -> None:
    """A violation for each output that moved under the change of one of the variables `columns`, once an output."""
    told = {violation.output for violation in found.violations}
    for output in np.flatnonzero(new.any(1)):
        if int(output) not in told:
            others = new[output] & (columns != output)  # another variable tells more than the output's own
            slot = int(np.argmax(others if others.any() else new[output]))
            inputs = columns[slot : slot + 1]
            found.violations.append(
                _violation(
                    bench, kind, inputs, int(output), outputs[slot, output], bench.unperturbed[slot, output], draw
                )
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
