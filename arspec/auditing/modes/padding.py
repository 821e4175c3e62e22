"""Padding: outputs at real positions read no padding, and are what they are without it. Others are not judged."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.comparing import held_to, lost, not_finite, parting
from arspec.auditing.judging import ModeReport, by_labels
from arspec.auditing.labelling import NONE, Labelled, label
from arspec.auditing.shown import Witness
from arspec.auditing.verdicts import Verdict
from arspec.auditing.witnessing import of_parting

MOST = 3  # positions of padding


def padding(audited: Audited) -> ModeReport:
    """A batch of two rows, one for each side that is asked for: labels, then each without padding.

    Padding has the last rank of all, so that no real position may read it, nor what is later. Where evaluation leaks,
    what is later is not asked once more. Absent where the call takes no mask of padding."""
    settings, subject, full = audited.settings, audited.subject, audited.length
    if not (audited.whole and audited.takes(settings.padding_mask)):
        raise Absent(f"its call takes no {settings.padding_mask}")
    count = min(MOST, full - 1)
    if count < 1:
        raise Absent("a row of one step has no room for padding")
    subject.module.eval()
    start = subject.passes
    known, whole = audited.known or (audited.draw(2, 6), None)
    x = known[..., : full - count]
    alone = audited.at(full - count)
    sides = [settings.padding[0], settings.padding[-1]]
    rows, given, real = _padded(audited, x, sides)
    offset = audited.case.question.offset
    leaks = audited.verdicts.get("evaluation") == Verdict.LEAKS
    order = torch.zeros(full, dtype=torch.long) if leaks else torch.arange(full)
    ranks = torch.where(real, order, full + offset).reshape(2, *[1] * (x.dim() - 2), full)
    limit = torch.full((full,), full) if leaks else torch.arange(full) + offset
    # With an offset of 2 an output reads one step more than its own place, which may be padding.
    last = torch.stack([row.nonzero()[-1, 0] for row in real])[:, None]
    judged = real & (torch.arange(full) < last + 2 - max(1, offset))
    blamed, unknown = 0, ""

    def labelled(route_given: bool) -> list[Labelled | str]:
        held = audited.in_places(rows), torch.where(judged, limit, NONE)
        return [label(subject, rows, ranks, alphabet=audited.alphabet, route_given=route_given, more=given, held=held)]

    def exceeding(each: Labelled | str, _: int) -> int:
        """Steps at which a row, where it is judged, reads too much."""
        if isinstance(each, str):
            return full
        highest = audited.places(each.output, 2, full).amax(-1)
        return int(((highest >= limit) & judged).any(0).sum())

    def refuted(found: list[Labelled | str], holds: bool) -> tuple[Verdict, str] | None:
        nonlocal blamed, unknown
        with torch.no_grad():
            padded = audited.run(rows, **given) if isinstance(found[0], str) else audited.values(found[0])
            own = torch.stack([padded[row, judged[row]] for row in range(2)])
            prefix = None if whole is None else whole[:, : own.shape[1]]
            expected = held_to(own, prefix, lambda: alone.run(x)[:, : own.shape[1]])
        for row, side in enumerate(sides):
            pair = own[row : row + 1], expected[row : row + 1]
            apart = parting(*pair)
            if apart is not None:
                blamed = row
                why = f"{side}: from real step {apart[0]} on the outputs differ from those without padding"
                return Verdict.DIFFERS, f"{why}, by {apart[1]:.3g}"
            missing = not_finite(lost(*pair).any(-1).any(0), "real step")
            unknown = unknown or (f"{side}: {missing}" if missing else "")
        return (Verdict.NOT_DECIDED, unknown) if unknown else None

    verdict, why, opaque = by_labels(labelled, exceeding, refuted, routed=audited.routed)
    passes = subject.passes - start + alone.subject.passes
    witnesses: list[Witness] = []
    if verdict == Verdict.DIFFERS:
        witnesses = _witnesses(audited, alone, x[blamed : blamed + 1], sides[blamed])
    subject.redraw(0)
    missing = why == unknown != ""
    return ModeReport("padding", verdict, passes, open=opaque, why=why, witnesses=witnesses, lost=missing)


def _padded(audited: Audited, x: Tensor, sides: list[str]) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """Rows with padding, each on its side, the mask as an argument of the call, and which steps are real [B, T]."""
    full = audited.length
    count = full - x.shape[-1]
    filler = audited.draw(2, 7)[..., :count]
    rows: list[Tensor] = []
    real: list[Tensor] = []
    for row, side in enumerate(sides):
        parts = [filler[row], x[row]] if side == "left" else [x[row], filler[row]]
        rows.append(torch.cat(parts, -1))
        real.append(torch.arange(full) >= count if side == "left" else torch.arange(full) < full - count)
    steps = torch.stack(real)
    return torch.stack(rows), {audited.settings.padding_mask: steps.long()}, steps


def _witnesses(audited: Audited, alone: Audited, x: Tensor, side: str) -> list[Witness]:
    """The first operator whose values at real steps differ from those without padding."""
    full, least = audited.length, x.shape[-1]
    row, given, _ = _padded(audited, x, [side])
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
