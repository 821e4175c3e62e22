"""Random numbers that a module draws by itself: calls of other lengths draw others, and so differ without a fault."""

from __future__ import annotations

from dataclasses import replace

import torch

from arspec.auditing.audited import Audited
from arspec.auditing.borrowed import Borrowed
from arspec.auditing.comparing import apart
from arspec.auditing.judging import ModeReport
from arspec.auditing.verdicts import Verdict


def excused(report: ModeReport, audited: Audited) -> ModeReport:
    """A report that compares calls of several lengths: not decided where it accuses a module whose outputs move with
    the random numbers alone."""
    if report.verdict not in (Verdict.LEAKS, Verdict.DIFFERS) or report.findings.violations:
        return report
    subject = audited.subject
    start = subject.passes
    subject.redraw(0)
    subject.evaluate()
    moved = _by_chance(subject)
    if not moved:
        return report
    why = f"other random numbers alone move its outputs by {moved:.3g}, and calls of other lengths draw others"
    passes = report.passes + subject.passes - start
    return replace(report, verdict=Verdict.NOT_DECIDED, passes=passes, why=f"{why}: {report.why}", witnesses=[])


def _by_chance(subject: Borrowed) -> float:
    """How far other random numbers move the outputs for the input of the first call of all, whose outputs are known.
    Where these are others, it may also be that a later call gives others than the first: the input is run again."""
    assert subject.settled is not None
    x, first = subject.settled
    with torch.no_grad():
        with subject.by_chance():
            other = subject(x.clone())
        if first.shape == other.shape and not bool(apart(first, other).any()):
            return 0.0
        return float(apart(subject(x.clone()), other).max())
