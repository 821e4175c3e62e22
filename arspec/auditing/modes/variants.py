"""Variants: the same module built with other arguments, such as another implementation of attention."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.borrowed import Borrowed, borrowed, set_mode
from arspec.auditing.comparing import apart, lost
from arspec.auditing.judging import ModeReport, judge
from arspec.auditing.verdicts import Verdict, worst

FEWER = 3  # forward passes of the search by values, where evaluation was proven with the route given


def variants(audited: Audited) -> ModeReport:
    """Each of them as in evaluation. Absent where none is named."""
    chosen = audited.settings.variants
    if not chosen:
        raise Absent("--variant names none")
    subject = audited.subject
    subject.evaluate()
    start = subject.passes
    reports: list[ModeReport] = []
    for name, module in chosen.items():
        with borrowed(module):
            report, passes = _judged(audited, module)
        text = f"{name}: {report.verdict}" + (f" ({report.why})" if report.verdict == Verdict.NOT_DECIDED else "")
        reports.append(replace(report, passes=report.passes + passes, why=text))
    verdict = worst(report.verdict for report in reports)
    blamed = next(report for report in reports if report.verdict == verdict)
    return replace(
        blamed,
        passes=subject.passes - start + sum(report.passes for report in reports),
        why="; ".join(report.why for report in reports),
    )


def _judged(audited: Audited, module: nn.Module) -> tuple[ModeReport, int]:
    """The report on a variant, and the passes that it took before. Its first call of all is the one that is followed,
    in the numbers that the module takes, unless it takes others."""
    subject, passes = audited.subject, 0
    set_mode(module, False)
    other = replace(audited, subject=subject.beside(module))
    own = other.subject
    own.compared[(False, False)] = ""  # no call came before the one that is followed
    report = _report(other, 0)
    if own.known is None or own.known[0] != 1 or bool(own.known[2].isnan().any()):
        untouched, other = own.untouched, audited.settle(module)
        own = other.subject
        own.untouched = untouched
        if _alike(_first(subject), _first(own)):  # its first call is as that of the module, which was looked at
            own.compared[(False, False)] = ""
        passes, report = own.passes, _report(other, 0)
    if report.verdict == Verdict.PROVEN:
        return report, passes
    later = False
    if own.settled is None:  # a later call was followed, or will be, and is compared with the first
        own.compared.clear()
        later = report.verdict == Verdict.GIVEN_ROUTE and not audited.routed
    if later or not _as_known(subject, own):  # else values have been looked at
        seed = int(own.settled is None)  # on another input, of which the first call kept nothing
        report = _report(other, FEWER if audited.routed else audited.settings.search.passes, seed)
    return report, passes


def _report(audited: Audited, passes: int, seed: int = 0) -> ModeReport:
    search = audited.settings.search
    search = replace(search, passes=passes, seed=search.seed + seed)
    subject, case = audited.subject, audited.case
    return judge(subject, case, audited.alphabet, search, "variants", cuts=1, routed=audited.routed)


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
