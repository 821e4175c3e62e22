"""Batch: the examples of a batch do not read one another, in evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from arspec.auditing.audited import Audited
from arspec.auditing.comparing import NOT_FINITE, apart, lost
from arspec.auditing.judging import ModeReport, by_labels
from arspec.auditing.labelling import Labelled, label
from arspec.auditing.shown import Witness
from arspec.auditing.verdicts import Verdict
from arspec.auditing.witnessing import of_batch
from arspec.verification.dependencies import Findings

EXAMPLES = 3


def batch(audited: Audited) -> ModeReport:
    """Labels are the numbers of the examples, once from the front and once from the back."""
    subject = audited.subject
    subject.evaluate()
    start = subject.passes
    side = _Beside.made(audited)
    verdict, why, opaque = by_labels(side.labelled, side.exceeding, side.refuted, routed=audited.routed)
    moved = side.moved
    findings, passes = Findings.none(0), subject.passes - start
    findings.mixes = moved.leaks
    witnesses: list[Witness] = []
    if moved.leaks:
        witnesses = of_batch(subject, audited.case, audited.alphabet, moved.x, moved.other, moved.examples)
    elif verdict == Verdict.NOT_DECIDED and moved.why:
        why = f"{why}; {moved.why}"
    subject.redraw(0)
    suspects = 0 if verdict.holds else max(side.counts)
    unknown = verdict == Verdict.NOT_DECIDED and moved.why == NOT_FINITE
    return ModeReport("batch", verdict, passes, findings, suspects, opaque, why, witnesses=witnesses, lost=unknown)


@dataclass(frozen=True)
class _Moved:
    """Two batches [B, *shape] that differ in one example, which of the others moved [B], and by how much, or why that
    cannot be told."""

    leaks: bool
    why: str
    x: Tensor
    other: Tensor
    examples: Tensor


@dataclass(eq=False)
class _Beside:
    """A batch x [B, *shape], whose examples are numbered once from the front and once from the back.

    moved: what values have shown. counts: of outputs that read too much, in each pass."""

    audited: Audited
    x: Tensor
    orders: list[Tensor]
    moved: _Moved
    counts: list[int] = field(default_factory=list[int])

    @classmethod
    def made(cls, audited: Audited) -> _Beside:
        """Examples that are drawn."""
        x, places = audited.draw(EXAMPLES), torch.arange(EXAMPLES)
        nothing = _Moved(False, "", x, x, torch.zeros(EXAMPLES, dtype=torch.bool))
        return cls(audited, x, [places, EXAMPLES - 1 - places], nothing)

    def labelled(self, route_given: bool) -> list[Labelled | str]:
        """The labels of a pass for each order, up to the first that shows too much."""
        audited, x = self.audited, self.x
        found: list[Labelled | str] = []
        for numbers in self.orders:
            ranks = numbers.reshape(-1, *[1] * (x.dim() - 1))
            held = partial(audited.subject.rows, batch=len(x)), numbers[:, None] + 1
            found.append(
                label(audited.subject, x, ranks, alphabet=audited.alphabet, route_given=route_given, held=held)
            )
            if self.exceeding(found[-1], len(found) - 1):
                break
        return found

    def exceeding(self, each: Labelled | str, number: int) -> int:
        """Outputs that read another example, in the pass of an order."""
        over = 1 if isinstance(each, str) else int(each.exceeds(self.orders[number][:, None] + 1).sum())
        self.counts.append(over)
        return over

    def refuted(self, found: list[Labelled | str], holds: bool) -> tuple[Verdict, str] | None:
        """What values say: an example alone, where labels hold; else whether one moves when another is changed."""
        audited, first = self.audited, found[0]
        if holds and not audited.routed and isinstance(first, Labelled):
            other = _alone(audited, self.x, first)
            why = f"alone, an example gives other outputs than beside two, by {other:.3g}"
            return (Verdict.NOT_DECIDED, why) if other > 0 else None
        self.moved = _by_values(audited, self.x, found[-1], holds=holds)
        if holds and not self.moved.leaks and isinstance(first, Labelled):
            audited.subject.redraw(first.draw)
        return (Verdict.LEAKS, self.moved.why) if self.moved.leaks else None


def _alone(audited: Audited, x: Tensor, labelled: Labelled) -> float:
    """How far the outputs of the first example are from those that it has beside others, with the same weights."""
    subject = audited.subject
    try:
        with torch.no_grad():
            alone = subject(x[:1])
    except (Exception, SystemExit):  # it takes no batch of one
        return 0.0
    return float(apart(alone, subject.rows(labelled.values, len(x))[:1]).max())


def _by_values(audited: Audited, x: Tensor, labelled: Labelled | str, *, holds: bool) -> _Moved:
    """Whether an example moves when another one is changed, by more than rounding. The weights stay those that show it.

    Both passes are the same call, so that a finite number that is lost depends on the other example."""
    subject = audited.subject
    found = _Moved(False, "", x, x, torch.zeros(EXAMPLES, dtype=torch.bool))
    tried = [(0, EXAMPLES - 1), (1, 0)]
    if holds and isinstance(labelled, Labelled):  # the pass that closes them changes all others
        tried = [(labelled.draw, 0)]
    for draw, changed in tried:
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
            if draw == tried[0][0]:
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
            found = replace(found, why=NOT_FINITE)
    return found
