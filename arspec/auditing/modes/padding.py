"""Padding: outputs at real positions read no padding, and are what they are without it. Others are not judged."""

from __future__ import annotations

from dataclasses import dataclass

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
    subject.evaluate()
    start = subject.passes
    rows = _Rows.made(audited, count)
    verdict, why, opaque = by_labels(rows.labelled, rows.exceeding, rows.refuted, routed=audited.routed)
    passes = subject.passes - start + rows.alone.subject.passes
    witnesses = rows.witnesses() if verdict == Verdict.DIFFERS else []
    subject.redraw(0)
    missing = why == rows.unknown != ""
    return ModeReport("padding", verdict, passes, open=opaque, why=why, witnesses=witnesses, lost=missing)


@dataclass(eq=False)
class _Rows:
    """Two rows, each with padding on its side of `sides`, and the same without it.

    x [2, *shape]: without padding, as `alone` takes them. whole: outputs of rows that begin like these, where they are
    known. rows, given: with padding, and the mask as an argument of the call. ranks [2, ..., T]: of their steps. limit
    [T]: the rank from which on an output reads too much. judged [2, T]: the outputs that are looked at. blamed: the row
    that differs. unknown: what can't be compared."""

    audited: Audited
    alone: Audited
    sides: list[str]
    x: Tensor
    whole: Tensor | None
    rows: Tensor
    given: dict[str, Tensor]
    ranks: Tensor
    limit: Tensor
    judged: Tensor
    blamed: int = 0
    unknown: str = ""

    @classmethod
    def made(cls, audited: Audited, count: int) -> _Rows:
        """Rows with `count` steps of padding. Where evaluation leaks, all real steps have one rank."""
        settings, full = audited.settings, audited.length
        known, whole = audited.known or (audited.draw(2, 6), None)
        x = known[..., : full - count]
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
        return cls(audited, audited.at(full - count), sides, x, whole, rows, given, ranks, limit, judged)

    def labelled(self, route_given: bool) -> list[Labelled | str]:
        """The labels of one pass, or why there are none."""
        audited = self.audited
        held = audited.in_places(self.rows), torch.where(self.judged, self.limit, NONE)
        return [label(audited.subject, self.rows, self.ranks, alphabet=audited.alphabet, route_given=route_given,
                      more=self.given, held=held)]  # fmt: skip

    def exceeding(self, each: Labelled | str, _: int) -> int:
        """Steps at which a row, where it is judged, reads too much."""
        full = self.audited.length
        if isinstance(each, str):
            return full
        highest = self.audited.places(each.output, 2, full).amax(-1)
        return int(((highest >= self.limit) & self.judged).any(0).sum())

    def refuted(self, found: list[Labelled | str], holds: bool) -> tuple[Verdict, str] | None:
        """What values say: how a row differs from itself without padding."""
        audited, first = self.audited, found[0]
        with torch.no_grad():
            padded = audited.run(self.rows, **self.given) if isinstance(first, str) else audited.values(first)
            own = torch.stack([padded[row, self.judged[row]] for row in range(2)])
            prefix = None if self.whole is None else self.whole[:, : own.shape[1]]
            expected = held_to(own, prefix, lambda: self.alone.run(self.x)[:, : own.shape[1]])
        for row, side in enumerate(self.sides):
            pair = own[row : row + 1], expected[row : row + 1]
            apart = parting(*pair)
            if apart is not None:
                self.blamed = row
                why = f"{side}: from real step {apart[0]} on the outputs differ from those without padding"
                return Verdict.DIFFERS, f"{why}, by {apart[1]:.3g}"
            missing = not_finite(lost(*pair).any(-1).any(0), "real step")
            self.unknown = self.unknown or (f"{side}: {missing}" if missing else "")
        return (Verdict.NOT_DECIDED, self.unknown) if self.unknown else None

    def witnesses(self) -> list[Witness]:
        """The first operator whose values at real steps differ from those without padding, in the row that is
        blamed."""
        audited, alone, side = self.audited, self.alone, self.sides[self.blamed]
        x = self.x[self.blamed : self.blamed + 1]
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
