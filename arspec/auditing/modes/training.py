"""Training: the module after `train()`, where that changes what it does.

Norms over a batch and one-time initialisation read what evaluation does not. Dropout draws the same numbers in every
pass, since the random state is the same at each entrance.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ModeReport, judge
from arspec.auditing.verdicts import Verdict

FIRST = "the first call in training initialises the module from its batch, and is not judged"


def training(audited: Audited) -> ModeReport:
    """The same as in evaluation, with fewer draws. Absent where no part behaves differently."""
    subject, settings = audited.subject, audited.settings
    start = subject.passes
    if settings.forbid is not None:
        raise Absent("--forbid takes the place of the order")
    if not _differs(audited):
        raise Absent("it gives the same outputs as in evaluation")
    try:
        subject.module.train()
        search = replace(settings.search, draws=min(settings.search.draws, 2), bases=1, passes=8)
        report = judge(subject, audited.case, audited.alphabet, search, "training", cuts=1)
        if report.verdict == Verdict.LEAKS and subject.adopt(audited.draw(2)):
            subject.module.train()
            report = judge(subject, audited.case, audited.alphabet, search, "training", cuts=1)
            report = replace(report, why=f"{FIRST}{'; ' * bool(report.why)}{report.why}")
    finally:
        subject.module.eval()
        subject.redraw(0)
    return replace(report, passes=subject.passes - start)


def _differs(audited: Audited) -> bool:
    """Whether training gives other outputs for random inputs, with redrawn weights or the module's own."""
    subject, x = audited.subject, audited.draw(2)
    try:
        subject.redraw(1)
        try:
            return _two(audited, x)
        except (Exception, SystemExit):  # it takes no redrawn weights
            subject.redraw(0)
            return _two(audited, x)
    finally:
        subject.module.eval()


def _two(audited: Audited, x: Tensor) -> bool:
    with torch.no_grad():
        audited.subject.module.eval()
        evaluated = audited.subject(x)
        audited.subject.module.train()
        return not torch.equal(evaluated.nan_to_num(), audited.subject(x).nan_to_num())
