"""Documents: in a packed row nothing is read across borders, and each document is what it is alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.comparing import held_to, lost, not_finite, parting
from arspec.auditing.judging import ModeReport, by_labels
from arspec.auditing.labelling import Labelled, label
from arspec.auditing.shown import Witness
from arspec.auditing.verdicts import Verdict
from arspec.auditing.witnessing import of_parting
from arspec.diagnostics import InputError


def documents(audited: Audited) -> ModeReport:
    """Three documents in a row: labels in both directions, and each alone.

    Absent where no keyword is named."""
    keyword = audited.settings.documents
    if keyword is None:
        raise Absent("--documents KEYWORD names the argument of the call that takes the numbers of documents")
    if not audited.takes(keyword):
        raise InputError("AR961", f"the module's call takes no {keyword!r}")
    subject, full = audited.subject, audited.length
    if not audited.whole or full < 3:
        raise Absent("a row of fewer than 3 steps has no room for documents")
    subject.evaluate()
    start = subject.passes
    packed = _Packed.made(audited, keyword)
    verdict, why, opaque = by_labels(packed.labelled, packed.exceeding, packed.refuted, routed=audited.routed)
    passes = subject.passes - start
    witnesses = packed.witnesses() if verdict == Verdict.LEAKS else []
    subject.redraw(0)
    missing = why == packed.unknown != ""
    return ModeReport("documents", verdict, passes, open=opaque, why=why, witnesses=witnesses, lost=missing)


@dataclass(eq=False)
class _Packed:
    """Two rows of three documents.

    drawn [2, *shape]: rows as they were drawn. x: documents that begin as rows do whose outputs, `whole`, are known;
    two rows in two orders, so that none is another's twin. of [T]: the document of each step. given: the same as an
    argument of the call. ranks [2, T]: one row in its order, and one with the documents in the opposite order. limit:
    the ranks from which on an output reads too much. number: the document that differs. unknown: what can't be
    compared."""

    audited: Audited
    drawn: Tensor
    x: Tensor
    whole: Tensor | None
    of: Tensor
    given: dict[str, Tensor]
    ranks: Tensor
    limit: Tensor
    number: int = 0
    unknown: str = ""

    @classmethod
    def made(cls, audited: Audited, keyword: str) -> _Packed:
        """Rows whose numbers of documents the call takes by a keyword."""
        full = audited.length
        first, second = max(1, full // 3 - 1), max(2, full * 2 // 3)
        of = torch.zeros(full, dtype=torch.long)
        of[first:] = 1
        of[second:] = 2
        drawn = audited.draw(2, 9)
        known, whole = audited.known or (drawn, None)
        x = torch.cat([drawn[..., :first], known[..., : second - first], known.flip(0)[..., : full - second]], -1)
        places = torch.arange(full)
        backwards = ((2 - of) * full + places).argsort().argsort()
        ranks = torch.stack([places, backwards])
        limit = ranks + audited.case.question.offset
        return cls(audited, drawn, x, whole, of, {keyword: of.expand(2, -1).contiguous()}, ranks, limit)

    def labelled(self, route_given: bool) -> list[Labelled | str]:
        """The labels of one pass, or why there are none."""
        audited, x = self.audited, self.x
        own = self.ranks.reshape(2, *[1] * (x.dim() - 2), audited.length)
        held = audited.in_places(x), self.limit
        return [label(audited.subject, x, own, alphabet=audited.alphabet, route_given=route_given, more=self.given,
                      held=held)]  # fmt: skip

    def exceeding(self, each: Labelled | str, _: int) -> int:
        """Outputs that read too much."""
        return int(self.audited.exceeding(each, self.limit).sum())

    def refuted(self, found: list[Labelled | str], holds: bool) -> tuple[Verdict, str] | None:
        """What values say: how the second or the third document differs from itself alone."""
        audited, first, unknown = self.audited, found[0], ""
        ahead = max(0, audited.case.question.offset - 1)  # steps that an output reads beyond its own place
        with torch.no_grad():
            packed = audited.run(self.x, **self.given) if isinstance(first, str) else audited.values(first)
            for number in (1, 2):
                own = self.of == number
                judged = int(own.sum()) - ahead
                if judged < 1:
                    continue
                rows = packed[:, own][:, :judged]
                pair = rows, held_to(rows, self._known(number, judged), partial(self._alone, own, judged))
                apart = parting(*pair)
                unknown = unknown or not_finite(lost(*pair).any(-1).any(0), f"document {number}, step")
                if apart is not None:
                    self.number = number
                    why = f"in a packed row, document {number} differs from itself alone, from its step {apart[0]} on"
                    return Verdict.LEAKS, f"{why}, by {apart[1]:.3g}"
        self.unknown = unknown
        return (Verdict.NOT_DECIDED, unknown) if unknown else None

    def _known(self, number: int, judged: int) -> Tensor | None:
        """The known outputs of the rows that a document begins like: in their order, and in the opposite one."""
        return None if self.whole is None else (self.whole if number == 1 else self.whole.flip(0))[:, :judged]

    def _alone(self, own: Tensor, judged: int) -> Tensor:
        """The first outputs of the steps `own` [T] where they are a row by themselves."""
        one = torch.zeros_like(self.of[own]).expand(2, -1).contiguous()
        part = self.audited.at(int(own.sum()))
        return part.run(self.x[..., own], **dict.fromkeys(self.given, one))[:, :judged]

    def witnesses(self) -> list[Witness]:
        """The first operator whose values differ between the document that differs in a packed row and alone."""
        audited, given = self.audited, self.given
        own = (self.of == self.number).nonzero()[:, 0]
        first, stop = int(own[0]), int(own[-1]) + 1
        alone = audited.at(stop - first)
        one = torch.zeros(1, stop - first, dtype=torch.long)
        row, packed = self.drawn[:1], {name: numbers[:1] for name, numbers in given.items()}
        return of_parting(
            audited.subject,
            "documents",
            row,
            lambda: alone.run(row[..., first:stop], **dict.fromkeys(given, one)),
            lambda: audited.run(row, **packed),
            "right",
            (audited.length, first, stop),
        )
