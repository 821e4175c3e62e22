"""Padding: outputs at real positions read no padding, and are what they are without it. Others are not judged."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ModeReport, closed, undecided
from arspec.auditing.labelling import NONE, label
from arspec.auditing.shown import Witness
from arspec.auditing.values import lost, not_finite, parting
from arspec.auditing.verdicts import Verdict, worst
from arspec.auditing.witnessing import of_parting

MOST = 3  # positions of padding

Found = tuple[Verdict, str, list[str]]


def padding(audited: Audited) -> ModeReport:
    """On each side: labels, then without padding. Absent where the call takes no mask of padding."""
    settings, subject, full = audited.settings, audited.subject, audited.length
    if not (audited.whole and audited.takes(settings.padding_mask)):
        raise Absent(f"its call takes no {settings.padding_mask}")
    count = min(MOST, full - 1)
    if count < 1:
        raise Absent("a row of one step has no room for padding")
    subject.module.eval()
    start = subject.passes
    x = audited.draw(2, 6)[..., count:]
    alone = audited.at(full - count)
    rows: list[Tensor] = []  # without padding, once for both sides
    found: list[Found] = []
    for side in settings.padding:
        verdict, why, opaque = _side(audited, alone, rows, x, side)
        found.append((verdict, f"{side}: {why}" if why else "", opaque))
        if verdict == Verdict.DIFFERS:
            break
    passes = subject.passes - start + alone.subject.passes
    verdict = worst(verdict for verdict, _, _ in found)
    witnesses = _witnesses(audited, alone, x, settings.padding[len(found) - 1]) if verdict == Verdict.DIFFERS else []
    subject.redraw(0)
    opaque = next(opaque for each, _, opaque in found if each == verdict)
    why = "; ".join(why for _, why, _ in found if why)
    return ModeReport("padding", verdict, passes, open=opaque, why=why, witnesses=witnesses)


def _padded(audited: Audited, x: Tensor, side: str) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """A row with padding, the mask as an argument of the call, and which steps are real [T]."""
    full = audited.length
    count = full - x.shape[-1]
    filler = audited.draw(2, 7)[..., :count]
    row = torch.cat([filler, x] if side == "left" else [x, filler], -1)
    real = torch.arange(full) >= count if side == "left" else torch.arange(full) < full - count
    return row, {audited.settings.padding_mask: real.long().expand(2, -1).contiguous()}, real


def _witnesses(audited: Audited, alone: Audited, x: Tensor, side: str) -> list[Witness]:
    """The first operator whose values at real steps differ from those without padding."""
    full, least = audited.length, x.shape[-1]
    row, given, _ = _padded(audited, x, side)
    row, given = row[:1], {name: mask[:1] for name, mask in given.items()}
    window = (full, full - least, full) if side == "left" else (full, 0, least)
    return of_parting(
        audited.subject,
        "padding",
        row,
        lambda: alone.run(row[..., window[1] : window[2]]),
        lambda: audited.run(row, **given),
        "right" if side == "left" else "left",
        window,
    )


def _side(audited: Audited, alone: Audited, rows: list[Tensor], x: Tensor, side: str) -> Found:
    """`x` are the real steps. Padding has the last rank of all, so that no real position may read it, nor what is
    later."""
    subject, full, offset = audited.subject, audited.length, audited.case.question.offset
    row, given, real = _padded(audited, x, side)
    limit = torch.arange(full) + offset
    ranks = torch.where(real, torch.arange(full), full + offset).expand(row.shape[1:])
    # With an offset of 2 an output reads one step more than its own place, which may be padding.
    judged = real & (torch.arange(full) < int(real.nonzero()[-1]) + 2 - max(1, offset))
    held = audited.in_places(row), torch.where(judged, limit, NONE)
    labelled = partial(label, subject, row, ranks, alphabet=audited.alphabet, more=given, held=held)
    strict = labelled(route_given=audited.routed)
    exceeding = audited.exceeding(strict, limit) & judged
    verdict, why, opaque = Verdict.PROVEN, "", [] if isinstance(strict, str) else strict.open
    if not isinstance(strict, str) and not bool(exceeding.any()):
        verdict, why = closed(strict, Verdict.GIVEN_ROUTE if audited.routed else Verdict.PROVEN)
    with torch.no_grad():
        padded = audited.run(row, **given) if isinstance(strict, str) else audited.values(strict)
        rows += [alone.run(x)] if not rows else []
        pair = padded[:, real][:, judged[real]], rows[0][:, judged[real]]
        found = parting(*pair)
        if found is not None:
            why = f"from real step {found[0]} on the outputs differ from those without padding, by {found[1]:.3g}"
            return Verdict.DIFFERS, why, []
        unknown = not_finite(lost(*pair).any(-1).any(0), "real step")
        if unknown:
            return Verdict.NOT_DECIDED, unknown, []
    if isinstance(strict, str) or bool(exceeding.any()):
        route = strict
        if not audited.routed and not isinstance(strict, str):
            route = labelled(route_given=True)
        if not isinstance(route, str) and not bool((audited.exceeding(route, limit) & judged).any()):
            return (*closed(route, Verdict.GIVEN_ROUTE), route.open)
        return undecided(strict, int(exceeding.sum()))
    return verdict, why, opaque
