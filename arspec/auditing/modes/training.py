"""Training: the module after `train()`, where that changes what it does, or where recording gradients does.

Norms over a batch and one-time initialisation read what evaluation does not. Dropout draws the same numbers in every
pass, since the random state is the same at each entrance.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.borrowed import Borrowed
from arspec.auditing.comparing import apart
from arspec.auditing.judging import ModeReport, judge
from arspec.auditing.verdicts import Verdict

FIRST = "the first call in training initialises the module from its batch, and is not judged"


def training(audited: Audited) -> ModeReport:
    """The same as in evaluation, with fewer draws. Absent where no part behaves differently."""
    subject, settings = audited.subject, audited.settings
    start, versions = subject.passes, _versions(subject)
    if settings.forbid is not None:
        raise Absent("--forbid takes the place of the order")
    try:
        if not _differs(audited):
            raise Absent("it gives the same outputs as in evaluation")
        subject.train()
        search = replace(settings.search, draws=min(settings.search.draws, 2), bases=1, passes=8)
        report = judge(subject, audited.case, audited.alphabet, search, "training", cuts=1, routed=audited.routed)
        if report.verdict == Verdict.LEAKS and subject.adopt(audited.draw(2)):
            subject.train()
            report = judge(subject, audited.case, audited.alphabet, search, "training", cuts=1, routed=audited.routed)
            report = replace(report, why=f"{FIRST}{'; ' * bool(report.why)}{report.why}")
    finally:
        subject.gradients = False
        subject.evaluate()
        subject.redraw(0)
        if _versions(subject) != versions:  # what wrote to its weights may do so once more when the mode has changed
            with torch.no_grad():
                subject(audited.draw(1))
            subject.redraw(0)
    return replace(report, passes=subject.passes - start)


def _versions(subject: Borrowed) -> list[int]:
    """How often each of its weights was written to by the module itself."""
    return [weight._version for weight in subject.module.parameters()]  # pyright: ignore[reportPrivateUsage]


def _differs(audited: Audited) -> bool:
    """Whether training gives other outputs for random inputs, with redrawn weights or the module's own.

    Where they are others yet while gradients are recorded, the mode records them."""
    subject, x = audited.subject, audited.draw(2)
    try:
        subject.redraw(1)
        try:
            return _two(audited, x, 1)
        except (Exception, SystemExit):  # it takes no redrawn weights
            subject.redraw(0)
            return _two(audited, x, 0)
    finally:
        subject.evaluate()


def _two(audited: Audited, x: Tensor, draw: int) -> bool:
    subject = audited.subject
    with torch.no_grad():
        evaluated = _evaluated(subject, x, draw)
        subject.train()
        trained = subject(x).nan_to_num()
    subject.gradients = True
    try:
        recorded = subject(x).nan_to_num()
    except (Exception, SystemExit):  # it cannot be trained, and is judged without
        recorded = trained
    subject.gradients = bool((apart(recorded, trained) > 0).any())
    return subject.gradients or not torch.equal(evaluated, trained)


def _evaluated(subject: Borrowed, x: Tensor, draw: int) -> Tensor:
    """The outputs in evaluation with these weights, which that mode may have computed already."""
    if subject.known is not None and subject.known[0] == draw and torch.equal(subject.known[1], x):
        return subject.rows(subject.known[2], len(x)).nan_to_num()
    subject.evaluate()
    return subject(x).nan_to_num()
