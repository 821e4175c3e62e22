"""Sampler: what the module's own sampler draws is what the module scores."""

from __future__ import annotations

import torch

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ModeReport
from arspec.auditing.sampler import check_sampler, find_sampler, scored
from arspec.auditing.verdicts import Verdict
from arspec.auditing.witnessing import of_sampling


def sampler(audited: Audited) -> ModeReport:
    """By statistics of its samples. Absent where no method is named."""
    settings, subject, layout = audited.settings, audited.subject, audited.case.layout
    if settings.sampler is None:
        raise Absent("--sampler names no method")
    start = subject.passes
    modelled = torch.tensor(audited.case.modelled)
    checked = check_sampler(
        subject,
        layout,
        audited.alphabet,
        modelled,
        method=settings.sampler,
        head=settings.head,
        samples=settings.samples,
        draws=2,
        seed=settings.search.seed,
    )
    passes = subject.passes - start
    if checked.ok:
        return ModeReport("sampler", Verdict.AGREES, passes, why=str(checked), sampler=checked)
    rank = torch.tensor(audited.case.rank)
    witnesses = of_sampling(
        subject,
        checked.draw,
        find_sampler(subject.module, settings.sampler),
        lambda drawn: scored(subject, layout, audited.alphabet, rank, modelled, settings.head, drawn),
    )
    subject.redraw(0)
    return ModeReport("sampler", Verdict.DIFFERS, passes, why=str(checked), sampler=checked, witnesses=witnesses)
