"""Variants: the same module built with other arguments, such as another implementation of attention."""

from __future__ import annotations

from dataclasses import replace

import torch

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.borrowed import borrowed
from arspec.auditing.judging import ModeReport, judge
from arspec.auditing.values import apart, lost
from arspec.auditing.verdicts import Verdict, worst

FEWER = 3  # forward passes of the search by values, where evaluation was proven with the route given


def variants(audited: Audited) -> ModeReport:
    """Each of them as in evaluation. Absent where none is named."""
    chosen = audited.settings.variants
    if not chosen:
        raise Absent("--variant names none")
    subject, x = audited.subject, audited.draw(2, 11)
    subject.module.eval()
    start = subject.passes
    with torch.no_grad():
        base = subject(x)
    reports: list[ModeReport] = []
    for name, module in chosen.items():
        with borrowed(module):
            other = audited.settle(module)
            with torch.no_grad():
                numbers = other.subject(x).to(base.dtype)
                same = not bool(((apart(base, numbers) > 0) | lost(base, numbers)).any())
            # Where it gives the same numbers, values have been looked at.
            search = audited.settings.search
            search = replace(search, passes=0 if same else FEWER if audited.routed else search.passes)
            passes = other.subject.passes
            report = judge(other.subject, other.case, other.alphabet, search, "variants", cuts=1, routed=audited.routed)
        text = f"{name}: {report.verdict}" + (f" ({report.why})" if report.verdict == Verdict.NOT_DECIDED else "")
        reports.append(replace(report, passes=report.passes + passes, why=text))
    verdict = worst(report.verdict for report in reports)
    blamed = next(report for report in reports if report.verdict == verdict)
    return replace(
        blamed,
        passes=subject.passes - start + sum(report.passes for report in reports),
        why="; ".join(report.why for report in reports),
    )
