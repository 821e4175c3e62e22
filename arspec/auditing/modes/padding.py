"""Padding: outputs at real positions read no padding, and are what they are without it. Others are not judged."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ModeReport, closed, undecided
from arspec.auditing.labelling import label
from arspec.auditing.values import apart
from arspec.auditing.verdicts import Verdict, worst
from arspec.diagnostics import InputError

MOST = 3  # positions of padding


def padding(audited: Audited) -> ModeReport:
    """On each side: labels, then other padding, then none. Absent where the call takes no mask of padding."""
    settings, subject, full = audited.settings, audited.subject, audited.length
    if not audited.takes(settings.padding_mask):
        raise Absent(f"its call takes no {settings.padding_mask}")
    count = min(MOST, full - 1)
    if count < 1:
        raise Absent("a row of one step has no room for padding")
    subject.module.eval()
    start, passes = subject.passes, 0
    verdicts: list[tuple[Verdict, str, list[str]]] = []
    for side in settings.padding:
        if side not in ("left", "right"):
            raise InputError("AR808", f"padding is on the left or on the right, not {side!r}")
        verdict, why, opaque, more = _side(audited, side, count)
        passes += more
        verdicts.append((verdict, f"{side}: {why}" if why else "", opaque))
        if verdict == Verdict.LEAKS:
            break
    subject.redraw(0)
    verdict = worst(verdict for verdict, _, _ in verdicts)
    opaque = next(opaque for each, _, opaque in verdicts if each == verdict)
    why = "; ".join(why for _, why, _ in verdicts if why)
    return ModeReport("padding", verdict, passes + subject.passes - start, open=opaque, why=why)


def _side(audited: Audited, side: str, count: int) -> tuple[Verdict, str, list[str], int]:
    """Verdict, why, operators without a rule, and forwards passes of the unpadded row."""
    settings, subject, full = audited.settings, audited.subject, audited.length
    real = torch.arange(full) >= count if side == "left" else torch.arange(full) < full - count
    mask = real.long().expand(2, -1)
    given = {settings.padding_mask: mask}
    x = audited.draw(2, 6)
    other = torch.where(real, x, audited.draw(2, 7))
    subject.redraw(1)
    with torch.no_grad():
        padded = audited.run(x, **given)
        if bool(padded[:, real].isnan().any()):
            subject.redraw(0)
            padded = audited.run(x, **given)
        moved = apart(padded, audited.run(other, **given))[:, real].amax(-1)
        if bool((moved > 0).any()):
            place = int(real.nonzero()[int(moved.amax(0).argmax()), 0])
            why = f"the output at {audited.time} {place} moves with padding, by {float(moved.max()):.3g}"
            return Verdict.LEAKS, why, [], 0
        alone = audited.at(full - count)
        distance = apart(padded[:, real], alone.run(x[..., real])).amax(-1)
    if bool((distance > 0).any()):
        place = int(distance.amax(0).argmax())
        why = f"the output at real step {place} is another one without padding, by {float(distance.max()):.3g}"
        return Verdict.LEAKS, why, [], alone.subject.passes
    verdict, why, opaque = _labels(audited, x, real, given)
    return verdict, why, opaque, alone.subject.passes


def _labels(audited: Audited, x: Tensor, real: Tensor, given: dict[str, Tensor]) -> tuple[Verdict, str, list[str]]:
    """Padding has the last rank of all, so that no output at a real position may read it, nor what is later."""
    subject, full, offset = audited.subject, audited.length, audited.case.question.offset
    limit = torch.arange(full) + offset
    ranks = torch.where(real, torch.arange(full), full + offset).expand(x.shape[1:])
    strict = label(subject, x, ranks, alphabet=audited.alphabet, more=given)
    count = int((audited.exceeding(strict, limit) & real).sum())
    if count == 0 and not isinstance(strict, str):
        return (*closed(strict), strict.open)
    route = label(subject, x, ranks, route_given=True, alphabet=audited.alphabet, more=given)
    if not isinstance(route, str) and not bool((audited.exceeding(route, limit) & real).any()):
        return (*closed(route, Verdict.GIVEN_ROUTE), route.open)
    return undecided(strict, count)
