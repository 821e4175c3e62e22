"""Forbid: pairs of output and input that the caller names, in place of an order."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ROUTE, ModeReport
from arspec.auditing.pairs import pairs
from arspec.auditing.values import confirm
from arspec.auditing.verdicts import Verdict
from arspec.auditing.witnessing import of_violation


def forbid(audited: Audited) -> ModeReport:
    """Sets of variables as labels, then values of what they allow. Absent where no pairs are named."""
    settings = audited.settings
    if settings.forbid is None:
        raise Absent("--forbid names no pairs")
    subject, case = audited.subject, audited.case
    start = subject.passes
    subject.module.eval()
    forbidden = torch.tensor(settings.forbid) & torch.tensor(case.modelled)[:, None]
    strict = _read(audited, forbidden, route_given=False)
    if strict is not None and not bool(strict.any()):
        subject.redraw(0)
        return ModeReport("forbid", Verdict.PROVEN, subject.passes - start)
    suspects = forbidden.any(1) if strict is None else strict.any(1)
    found = confirm(subject, case, audited.alphabet, suspects, settings.search, forbidden=forbidden)
    count = int(suspects.sum())
    if found.violations:
        passes = subject.passes - start
        witnesses = of_violation(subject, case, audited.alphabet, found, "forbid", forbidden.numpy())
        subject.redraw(0)
        return ModeReport("forbid", Verdict.LEAKS, passes, found, count, witnesses=witnesses)
    given = _read(audited, forbidden, route_given=True)
    subject.redraw(0)
    if given is not None and not bool(given.any()):
        return ModeReport("forbid", Verdict.GIVEN_ROUTE, subject.passes - start, found, count, why=ROUTE)
    why = f"labels allow {count:,} output{'s' * (count > 1)} to read forbidden variables; values did not show it"
    return ModeReport("forbid", Verdict.NOT_DECIDED, subject.passes - start, found, count, why=why)


def _read(audited: Audited, forbidden: Tensor, *, route_given: bool) -> Tensor | None:
    """[V, V]: forbidden pairs that labels allow; None without labels."""
    found = pairs(audited.subject, audited.case, audited.draw(1), route_given=route_given)
    if found is None or found.found.unseen:
        return None
    return torch.from_numpy(found.reads) & forbidden
