"""Random numbers that a module draws by itself: calls of other lengths draw others, and so differ without a fault."""

from __future__ import annotations

from dataclasses import replace

import torch

from arspec.auditing.audited import Audited
from arspec.auditing.judging import ModeReport
from arspec.auditing.values import apart
from arspec.auditing.verdicts import Verdict


def excused(report: ModeReport, audited: Audited) -> ModeReport:
    """A report that compares calls of several lengths: not decided where it accuses a module whose outputs move with
    the random numbers alone."""
    if report.verdict not in (Verdict.LEAKS, Verdict.DIFFERS) or report.findings.violations:
        return report
    subject, x = audited.subject, audited.draw(1, 13)
    own = subject.seed
    subject.redraw(0)
    subject.module.eval()
    with torch.no_grad():
        one = subject(x)
        subject.seed = own + 1
        try:
            moved = float(apart(one, subject(x)).max())
        finally:
            subject.seed = own
    if not moved:
        return report
    why = f"other random numbers alone move its outputs by {moved:.3g}, and calls of other lengths draw others"
    return replace(
        report, verdict=Verdict.NOT_DECIDED, passes=report.passes + 2, why=f"{why}: {report.why}", witnesses=[]
    )
