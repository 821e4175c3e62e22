"""Forbid: pairs of output and input that the caller names, in place of an order."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ModeReport, closed
from arspec.auditing.labelling import label
from arspec.auditing.pairs import pairs
from arspec.auditing.values import confirm
from arspec.auditing.verdicts import Verdict
from arspec.auditing.witnessing import of_violation

ROWS = 4  # outputs for which what they may not read is changed


def forbid(audited: Audited) -> ModeReport:
    """Sets of variables as labels, then values of what they allow. Absent where no pairs are named."""
    settings = audited.settings
    if settings.forbid is None:
        raise Absent("--forbid names no pairs")
    subject, case = audited.subject, audited.case
    start = subject.passes
    subject.evaluate()
    forbidden = torch.tensor(settings.forbid) & torch.tensor(case.modelled)[:, None]
    strict = _read(audited, forbidden, route_given=False)
    if strict is not None and not bool(strict.any()):
        verdict, why = _closed(audited, forbidden)
        subject.redraw(0)
        return ModeReport("forbid", verdict, subject.passes - start, why=why)
    suspects = forbidden.any(1) if strict is None else strict.any(1)
    found = confirm(subject, case, audited.alphabet, suspects, settings.search, forbidden=forbidden)
    count = int(suspects.sum())
    if found.violations:
        passes = subject.passes - start
        witnesses = of_violation(subject, case, audited.alphabet, found, "forbid", forbidden.numpy())
        subject.redraw(0)
        return ModeReport("forbid", Verdict.LEAKS, passes, found, count, witnesses=witnesses)
    given = _read(audited, forbidden, route_given=True)
    if given is not None and not bool(given.any()):
        verdict, why = _closed(audited, forbidden, route_given=True)
        subject.redraw(0)
        return ModeReport("forbid", verdict, subject.passes - start, found, count, why=why)
    subject.redraw(0)
    why = f"labels allow {count:,} output{'s' * (count > 1)} to read forbidden variables; values did not show it"
    return ModeReport("forbid", Verdict.NOT_DECIDED, subject.passes - start, found, count, why=why)


def _closed(audited: Audited, forbidden: Tensor, *, route_given: bool = False) -> tuple[Verdict, str]:
    """The verdict where labels allow no forbidden pair, and why. For some outputs all that they may not read is changed
    at once: what labels call unchanged must be so."""
    verdict, why = (Verdict.GIVEN_ROUTE if route_given else Verdict.PROVEN), ""
    rows = forbidden.any(1).nonzero()[:, 0]
    for row in rows[torch.linspace(0, len(rows) - 1, min(len(rows), ROWS)).long()]:
        late = audited.case.layout.by_entry(forbidden[row].long().numpy())
        found = label(audited.subject, audited.draw(1), late, alphabet=audited.alphabet, route_given=route_given)
        verdict, why = (Verdict.NOT_DECIDED, found) if isinstance(found, str) else closed(found, verdict)
        if verdict == Verdict.NOT_DECIDED:
            break
    return verdict, why


def _read(audited: Audited, forbidden: Tensor, *, route_given: bool) -> Tensor | None:
    """[V, V]: forbidden pairs that labels allow; None without labels."""
    found = pairs(audited.subject, audited.case, audited.draw(1), route_given=route_given)
    if found is None or found.found.unseen:
        return None
    return torch.from_numpy(found.reads) & forbidden
