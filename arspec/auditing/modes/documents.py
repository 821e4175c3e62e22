"""Documents: in a packed row nothing is read across borders, and each document is what it is alone."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ModeReport, closed, undecided
from arspec.auditing.labelling import label
from arspec.auditing.values import apart
from arspec.auditing.verdicts import Verdict
from arspec.diagnostics import InputError


def documents(audited: Audited) -> ModeReport:
    """Three documents in a row: values with other documents beside, values alone, and labels in both directions."""
    keyword = audited.settings.documents
    if keyword is None:
        raise Absent("--documents names no keyword")
    if not audited.takes(keyword):
        raise InputError("AR961", f"the module's call takes no {keyword!r}")
    subject, full = audited.subject, audited.length
    if full < 3:
        raise Absent("a row of fewer than 3 steps has no room for documents")
    subject.module.eval()
    first, second = max(1, full // 3 - 1), max(2, full * 2 // 3)
    of = torch.zeros(full, dtype=torch.long)
    of[first:] = 1
    of[second:] = 2
    given = {keyword: of.expand(2, -1)}
    start, passes = subject.passes, 0
    x = audited.draw(2, 8)
    subject.redraw(1)
    with torch.no_grad():
        packed = audited.run(x, **given)
        if bool(packed.isnan().any()):
            subject.redraw(0)
            packed = audited.run(x, **given)
        why = ""
        for number in (0, 1, 2):
            own = of == number
            changed = torch.where(own, x, audited.draw(2, 9))
            moved = apart(packed, audited.run(changed, **given))[:, own].amax(-1)
            if bool((moved > 0).any()):
                why = f"an output of document {number} moves with another document, by {float(moved.max()):.3g}"
                break
            alone = audited.at(int(own.sum()))
            rows = alone.run(x[..., own], **{keyword: torch.zeros_like(of[own]).expand(2, -1)})
            passes += 1
            distance = apart(packed[:, own], rows).amax(-1)
            if bool((distance > 0).any()):
                place = int(distance.amax(0).argmax())
                why = (
                    f"in a packed row, document {number} is another one than alone, "
                    f"from its step {place} on, by {float(distance.max()):.3g}"
                )
                break
    if why:
        subject.redraw(0)
        return ModeReport("documents", Verdict.LEAKS, passes + subject.passes - start, why=why)
    verdict, why, opaque = _labels(audited, x, of, given)
    subject.redraw(0)
    return ModeReport("documents", verdict, passes + subject.passes - start, open=opaque, why=why)


def _labels(audited: Audited, x: Tensor, of: Tensor, given: dict[str, Tensor]) -> tuple[Verdict, str, list[str]]:
    """Once in the order of the row, and once with the documents in the opposite order."""
    subject, full = audited.subject, audited.length
    places = torch.arange(full)
    orders = [places, (of.max() - of) * full + places]
    worst: tuple[Verdict, str, list[str]] = (Verdict.PROVEN, "", [])
    for ranks in orders:
        limit = ranks + audited.case.question.offset
        strict = label(subject, x, ranks.expand(x.shape[1:]), alphabet=audited.alphabet, more=given)
        count = int(audited.exceeding(strict, limit).sum())
        if count == 0 and not isinstance(strict, str):
            verdict, why = closed(strict)
            if verdict != Verdict.PROVEN:
                return verdict, why, strict.open
            continue
        route = label(subject, x, ranks.expand(x.shape[1:]), route_given=True, alphabet=audited.alphabet, more=given)
        if not isinstance(route, str) and not bool(audited.exceeding(route, limit).any()):
            worst = (*closed(route, Verdict.GIVEN_ROUTE), route.open)
            continue
        return undecided(strict, count)
    return worst
