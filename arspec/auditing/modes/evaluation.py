"""Evaluation: the module after `eval()`, at the size that was asked for."""

from __future__ import annotations

from dataclasses import replace

import torch

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ModeReport, judge
from arspec.auditing.values import apart
from arspec.auditing.verdicts import Verdict


def evaluation(audited: Audited) -> ModeReport:
    """Labels, and values for what labels allow. No proof holds where later calls depend on what the first was given."""
    if audited.settings.forbid is not None:
        raise Absent("--forbid takes the place of the order")
    audited.subject.module.eval()
    report = judge(audited.subject, audited.case, audited.alphabet, audited.settings.search, "evaluation")
    if report.verdict not in (Verdict.PROVEN, Verdict.GIVEN_ROUTE):
        return report
    start = audited.subject.passes
    why, passes = _kept(audited)
    why = why or _trained(audited)
    report = replace(report, passes=report.passes + audited.subject.passes - start + passes)
    return replace(report, verdict=Verdict.NOT_DECIDED, why=why) if why else report


def _kept(audited: Audited) -> tuple[str, int]:
    """What a copy that was never called says of an input which the module, called before, says otherwise; and how many
    forward passes the copy took. Labels do not see it: what was kept is a constant by the time they are written."""
    subject = audited.subject
    fresh = subject.fresh()
    if fresh is None:
        return "", 0
    x = audited.draw(2, 5)
    subject.redraw(0)
    with torch.no_grad():
        moved = float(apart(fresh(x), subject(x)).max())
    why = (
        f"it keeps something of its first call, which moves the outputs of later calls by {moved:.3g}; "
        "a module that was called once before is judged with what it has kept"
    )
    return why if moved > 0 else "", fresh.passes


def _trained(audited: Audited) -> str:
    """Which zeros of weights nothing but their start keeps, where labels allow a leak once they are others."""
    subject = audited.subject
    found = subject.trained_zeros(audited.draw(2, 5))
    if not found:
        return ""
    subject.trained = dict(found.values())
    try:
        search = replace(audited.settings.search, passes=0)
        report = judge(subject, audited.case, audited.alphabet, search, "evaluation", cuts=1, routed=audited.routed)
    finally:
        subject.trained = {}
    if not report.suspects:
        return ""
    names = ", ".join(list(found)[:3])
    return f"zeros of {names} are not kept: a step of training moves them, and labels allow a leak then"
