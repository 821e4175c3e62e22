"""Evaluation: the module after `eval()`, at the size that was asked for."""

from __future__ import annotations

from dataclasses import replace

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ModeReport, judge
from arspec.auditing.verdicts import Verdict


def evaluation(audited: Audited) -> ModeReport:
    """Labels, and values for what labels allow. No proof holds where zeros that training moves forbid a leak."""
    if audited.settings.forbid is not None:
        raise Absent("--forbid takes the place of the order")
    audited.subject.evaluate()
    report = judge(audited.subject, audited.case, audited.alphabet, audited.settings.search, "evaluation")
    if report.verdict not in (Verdict.PROVEN, Verdict.GIVEN_ROUTE):
        return report
    start = audited.subject.passes
    why = _trained(audited, routed=report.verdict == Verdict.GIVEN_ROUTE)
    report = replace(report, passes=report.passes + audited.subject.passes - start)
    return replace(report, verdict=Verdict.NOT_DECIDED, why=why) if why else report


def _trained(audited: Audited, *, routed: bool) -> str:
    """Which zeros of weights nothing but their start keeps, where labels allow a leak once they are others."""
    subject = audited.subject
    found = subject.trained_zeros(audited.draw(2, 5))
    if not found:
        return ""
    subject.trained = dict(found.values())
    try:
        search = replace(audited.settings.search, passes=0)
        report = judge(subject, audited.case, audited.alphabet, search, "evaluation", cuts=1, routed=routed)
    finally:
        subject.trained = {}
    if report.verdict.holds:
        return ""
    names = ", ".join(list(found)[:3])
    return f"zeros of {names} are not kept: a step of training moves them, and labels allow a leak then"
