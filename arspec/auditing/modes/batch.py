"""Batch: the examples of a batch do not read one another, in evaluation."""

from __future__ import annotations

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
    moved, unknown = _by_values(audited)
    found = Findings.none(0)
    if moved:
        found.mixes = True
        passes = subject.passes - start
        witnesses = of_batch(subject, audited.case, audited.alphabet)
        subject.redraw(0)
        return ModeReport("batch", Verdict.LEAKS, passes, found, count, why=moved, witnesses=witnesses)
    verdict, why, opaque = undecided(strict[0] if strict else "", count)
    given = _both(audited, x, places, route_given=True)
    if _count(given, places) == 0 and not isinstance(given[0], str):
        verdict, why = closed(given[0], Verdict.GIVEN_ROUTE)
    elif unknown:
        why = f"{why}; {unknown}"
    subject.redraw(0)
    return ModeReport("batch", verdict, subject.passes - start, found, count, opaque, why)


def _both(audited: Audited, x: Tensor, places: Tensor, *, route_given: bool) -> list[Labelled | str]:
    found: list[Labelled | str] = []
    for numbers in (places, EXAMPLES - 1 - places):
        ranks = numbers.reshape(-1, *[1] * (x.dim() - 1))
        each = label(audited.subject, x, ranks, alphabet=audited.alphabet, route_given=route_given)
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


def _by_values(audited: Audited) -> tuple[str, str]:
    """How far one example moves when another one is changed, where that is more than rounding, and what cannot be
    compared. Both passes are the same call, so that a finite number that is lost depends on the other example."""
    subject, x = audited.subject, audited.draw(EXAMPLES, 1)
    unknown = ""
    for draw, changed in ((0, EXAMPLES - 1), (1, 0)):
        subject.redraw(draw)
        try:
            with torch.no_grad():
                other = x.clone()
                other[changed] = audited.draw(1, 2)[0]
                others = torch.arange(EXAMPLES) != changed
                one, moved = subject(x)[others], subject(other)[others]
        except (Exception, SystemExit):
            if draw == 0:
                raise
            continue
        distance = apart(one, moved)
        when = f"when example {changed} of {EXAMPLES} is changed"
        if bool((distance > 0).any()):
            return f"an output moves by {float(distance.max()):.3g} {when}", ""
        if bool((one.isfinite() != moved.isfinite()).any()):
            return f"whether an output is finite changes {when}", ""
        if bool(lost(one, moved).any()):
            unknown = "outputs are not finite, so that they cannot be compared"
    return "", unknown
