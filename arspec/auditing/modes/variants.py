"""Variants: the same module built with other arguments, such as another implementation of attention."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.borrowed import Borrowed, borrowed
from arspec.auditing.judging import ModeReport, judge
from arspec.auditing.values import apart, lost
from arspec.auditing.verdicts import Verdict, worst

FEWER = 3  # forward passes of the search by values, where evaluation was proven with the route given


def variants(audited: Audited) -> ModeReport:
    """Each of them as in evaluation. Absent where none is named."""
    chosen = audited.settings.variants
    if not chosen:
        raise Absent("--variant names none")
    subject = audited.subject
    subject.module.eval()
    start = subject.passes
    reports: list[ModeReport] = []
    for name, module in chosen.items():
        with borrowed(module):
            other = audited.settle(module)
            own = other.subject
            if _alike(_first(subject), _first(own)):  # its first call is as that of the module, which was looked at
                own.compared[(False, False)] = ""
            passes = own.passes
            search = replace(audited.settings.search, passes=0)
            report = judge(own, other.case, other.alphabet, search, "variants", cuts=1, routed=audited.routed)
            if report.verdict != Verdict.PROVEN and not _as_known(subject, own):  # else values have been looked at
                search = replace(search, passes=FEWER if audited.routed else audited.settings.search.passes)
                report = judge(own, other.case, other.alphabet, search, "variants", cuts=1, routed=audited.routed)
        text = f"{name}: {report.verdict}" + (f" ({report.why})" if report.verdict == Verdict.NOT_DECIDED else "")
        reports.append(replace(report, passes=report.passes + passes, why=text))
    verdict = worst(report.verdict for report in reports)
    blamed = next(report for report in reports if report.verdict == verdict)
    return replace(
        blamed,
        passes=subject.passes - start + sum(report.passes for report in reports),
        why="; ".join(report.why for report in reports),
    )


def _as_known(one: Borrowed, other: Borrowed) -> bool:
    """Whether two modules gave the same for one input, with one draw of the weights, when they were judged."""
    if one.known is None or other.known is None or one.known[0] != other.known[0]:
        return False
    return torch.equal(one.known[1], other.known[1]) and _alike(one.known[2], other.known[2])


def _first(subject: Borrowed) -> Tensor | None:
    """What the first call of all gave."""
    return None if subject.settled is None else subject.settled[1]


def _alike(one: Tensor | None, other: Tensor | None) -> bool:
    """Whether numbers are the same up to rounding."""
    if one is None or other is None or one.shape != other.shape:
        return False
    other = other.to(one.dtype)
    return not bool(((apart(one, other) > 0) | lost(one, other)).any())
