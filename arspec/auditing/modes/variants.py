"""Variants: the same module built with other arguments, such as another implementation of attention."""

from __future__ import annotations

from dataclasses import replace

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.borrowed import borrowed
from arspec.auditing.judging import ModeReport, judge
from arspec.auditing.verdicts import worst


def variants(audited: Audited) -> ModeReport:
    """Each of them as in evaluation. Absent where none is named."""
    chosen = audited.settings.variants
    if not chosen:
        raise Absent("--variant names none")
    reports: list[ModeReport] = []
    for name, module in chosen.items():
        with borrowed(module):
            other = audited.settle(module)
            report = judge(other.subject, other.case, other.alphabet, audited.settings.search, "variants")
        reports.append(replace(report, why=f"{name}: {report.verdict}" + (f", {report.why}" if report.why else "")))
    verdict = worst(report.verdict for report in reports)
    blamed = next(report for report in reports if report.verdict == verdict)
    return replace(
        blamed, passes=sum(report.passes for report in reports), why="; ".join(report.why for report in reports)
    )
