"""Sampler: what the module's own sampler draws is what the module scores."""

from __future__ import annotations

import torch

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ModeReport
from arspec.auditing.sampler import check_sampler
from arspec.auditing.verdicts import Verdict


def sampler(audited: Audited) -> ModeReport:
    """By statistics of its samples. Absent where no method is named."""
    settings = audited.settings
    if settings.sampler is None:
        raise Absent("--sampler names no method")
    start = audited.subject.passes
    checked = check_sampler(
        audited.subject,
        audited.case.layout,
        audited.alphabet,
        torch.tensor(audited.case.modelled),
        method=settings.sampler,
        head=settings.head,
        samples=settings.samples,
        draws=2,
        seed=settings.search.seed,
    )
    verdict = Verdict.AGREES if checked.ok else Verdict.LEAKS
    return ModeReport("sampler", verdict, audited.subject.passes - start, why=str(checked), sampler=checked)
