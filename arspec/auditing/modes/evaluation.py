"""Evaluation: the module after `eval()`, at the size that was asked for."""

from __future__ import annotations

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ModeReport, judge


def evaluation(audited: Audited) -> ModeReport:
    """Labels, and values for what labels allow."""
    if audited.settings.forbid is not None:
        raise Absent("--forbid takes the place of the order")
    audited.subject.module.eval()
    return judge(audited.subject, audited.case, audited.alphabet, audited.settings.search, "evaluation")
