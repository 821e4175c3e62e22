"""Batch: the examples of a batch do not read one another, in evaluation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from arspec.auditing.audited import Audited
from arspec.auditing.judging import ModeReport, closed, undecided
from arspec.auditing.labelling import Labelled, label
from arspec.auditing.values import apart, lost
from arspec.auditing.verdicts import Verdict
from arspec.auditing.witnessing import of_batch
from arspec.verification.dependencies import Findings

EXAMPLES = 3


def batch(audited: Audited) -> ModeReport:
    """Labels are the numbers of the examples, once from the front and once from the back."""
    subject = audited.subject
    subject.module.eval()
    start = subject.passes
    x = audited.draw(EXAMPLES)
    places = torch.arange(EXAMPLES)
    strict = [] if audited.routed else _both(audited, x, places, route_given=False)
    count = _count(strict, places)
    if strict and count == 0 and not isinstance(strict[0], str):
        verdict, why = closed(strict[0])
        other = _alone(audited, x, strict[0])
        if verdict == Verdict.PROVEN and other > 0:
            verdict, why = Verdict.NOT_DECIDED, f"alone, an example gives other outputs than beside two, by {other:.3g}"
        subject.redraw(0)
        return ModeReport("batch", verdict, subject.passes - start, why=why)
    moved = _by_values(audited, x, strict[0] if strict else "")
    found = Findings.none(0)
    if moved.leaks:
        found.mixes = True
        passes = subject.passes - start
        witnesses = of_batch(subject, audited.case, audited.alphabet, moved.x, moved.other, moved.examples)
        subject.redraw(0)
        return ModeReport("batch", Verdict.LEAKS, passes, found, count, why=moved.why, witnesses=witnesses)
    verdict, why, opaque = undecided(strict[0] if strict else "", count)
    given = _both(audited, x, places, route_given=True)
    if _count(given, places) == 0 and not isinstance(given[0], str):
        verdict, why = closed(given[0], Verdict.GIVEN_ROUTE)
    elif moved.why:
        why = f"{why}; {moved.why}"
    subject.redraw(0)
    return ModeReport("batch", verdict, subject.passes - start, found, count, opaque, why)


def _both(audited: Audited, x: Tensor, places: Tensor, *, route_given: bool) -> list[Labelled | str]:
    found: list[Labelled | str] = []
    for numbers in (places, EXAMPLES - 1 - places):
        ranks = numbers.reshape(-1, *[1] * (x.dim() - 1))
        held = partial(audited.subject.rows, batch=len(x)), numbers[:, None] + 1
        each = label(audited.subject, x, ranks, alphabet=audited.alphabet, route_given=route_given, held=held)
        found.append(each)
        if isinstance(each, str) or bool(each.exceeds(numbers[:, None] + 1).any()):
            break
    return found


def _count(labelled: list[Labelled | str], places: Tensor) -> int:
    """How many outputs read another example, by the labels."""
    numbers = (places, EXAMPLES - 1 - places)
    exceeding = torch.zeros(1, dtype=torch.bool)
    for each, own in zip(labelled, numbers):
        exceeding = exceeding | (isinstance(each, str) or each.exceeds(own[:, None] + 1))
    return int(exceeding.sum())


def _alone(audited: Audited, x: Tensor, labelled: Labelled) -> float:
    """How far the outputs of the first example are from those that it has beside others, with the same weights."""
    subject = audited.subject
    try:
        with torch.no_grad():
            alone = subject(x[:1])
    except (Exception, SystemExit):  # it takes no batch of one
        return 0.0
    return float(apart(alone, subject.rows(labelled.values, len(x))[:1]).max())


@dataclass(frozen=True)
class _Moved:
    """Two batches [B, *shape] that differ in one example, which of the others moved [B], and by how much, or why that
    cannot be told."""

    leaks: bool
    why: str
    x: Tensor
    other: Tensor
    examples: Tensor


def _by_values(audited: Audited, x: Tensor, labelled: Labelled | str) -> _Moved:
    """Whether an example moves when another one is changed, by more than rounding. The weights stay those that show it.

    Both passes are the same call, so that a finite number that is lost depends on the other example."""
    subject = audited.subject
    found = _Moved(False, "", x, x, torch.zeros(EXAMPLES, dtype=torch.bool))
    for draw, changed in ((0, EXAMPLES - 1), (1, 0)):
        subject.redraw(draw)
        try:
            with torch.no_grad():
                other = x.clone()
                other[changed] = audited.draw(1, 2)[0]
                if isinstance(labelled, Labelled) and labelled.draw == draw:
                    one = subject.rows(labelled.values, len(x))
                else:
                    one = subject(x)
                after = subject(other)
        except (Exception, SystemExit):
            if draw == 0:
                raise
            continue
        elsewhere = torch.arange(EXAMPLES) != changed
        distance = apart(one, after).flatten(1).amax(1)
        when = f"when example {changed} of {EXAMPLES} is changed"
        moved = elsewhere & (distance > 0)
        if bool(moved.any()):
            far = float(distance[moved].max())
            return _Moved(True, f"an output moves by {far:.3g} {when}", x, other, moved)
        moved = elsewhere & (one.isfinite() != after.isfinite()).flatten(1).any(1)
        if bool(moved.any()):
            return _Moved(True, f"whether an output is finite changes {when}", x, other, moved)
        if bool(lost(one, after)[elsewhere].any()):
            found = replace(found, why="outputs are not finite, so that they cannot be compared")
    return found
