"""Forbid: pairs of output and input that the caller names, in place of an order."""

from __future__ import annotations

import torch

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ModeReport
from arspec.auditing.values import confirm
from arspec.auditing.verdicts import Verdict


def forbid(audited: Audited) -> ModeReport:
    """Values of single variables and of all that an output may not read. Absent where no pairs are named."""
    settings = audited.settings
    if settings.forbid is None:
        raise Absent("--forbid names no pairs")
    start = audited.subject.passes
    audited.subject.module.eval()
    forbidden = torch.tensor(settings.forbid)
    found = confirm(
        audited.subject, audited.case, audited.alphabet, forbidden.any(1), settings.search, forbidden=forbidden
    )
    verdict = Verdict.LEAKS if found.violations else Verdict.NOT_DECIDED
    return ModeReport("forbid", verdict, audited.subject.passes - start, found)
