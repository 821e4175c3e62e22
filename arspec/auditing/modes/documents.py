"""Documents: in a packed row nothing is read across borders, and each document is what it is alone."""

from __future__ import annotations

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
    subject.module.eval()
    first, second = max(1, full // 3 - 1), max(2, full * 2 // 3)
    of = torch.zeros(full, dtype=torch.long)
    of[first:] = 1
    of[second:] = 2
    given = {keyword: of.expand(2, -1).contiguous()}
    start = subject.passes
    drawn = audited.draw(2, 9)
    known, whole = audited.known or (drawn, None)
    # Documents that begin as rows do whose outputs are known; two rows in two orders, so that none is another's twin.
    x = torch.cat([drawn[..., :first], known[..., : second - first], known.flip(0)[..., : full - second]], -1)
    places = torch.arange(full)
    # One row in its order, and one with the documents in the opposite order.
    backwards = ((2 - of) * full + places).argsort().argsort()
    ranks = torch.stack([places, backwards])
    limit = ranks + audited.case.question.offset
    number, unknown = 0, ""

    def labelled(route_given: bool) -> list[Labelled | str]:
        own = ranks.reshape(2, *[1] * (x.dim() - 2), full)
        held = audited.in_places(x), limit
        return [label(subject, x, own, alphabet=audited.alphabet, route_given=route_given, more=given, held=held)]

    def refuted(found: list[Labelled | str], holds: bool) -> tuple[Verdict, str] | None:
        nonlocal number, unknown
        failure, unknown, number = _values(audited, x, of, found[0], given, whole)
        if failure or unknown:
            return (Verdict.LEAKS, failure) if failure else (Verdict.NOT_DECIDED, unknown)
        return None

    def exceeding(each: Labelled | str, _: int) -> int:
        return int(audited.exceeding(each, limit).sum())

    verdict, why, opaque = by_labels(labelled, exceeding, refuted, routed=audited.routed)
    passes = subject.passes - start
    witnesses = _witnesses(audited, drawn, of, number, given) if verdict == Verdict.LEAKS else []
    subject.redraw(0)
    missing = why == unknown != ""
    return ModeReport("documents", verdict, passes, open=opaque, why=why, witnesses=witnesses, lost=missing)


def _witnesses(audited: Audited, x: Tensor, of: Tensor, number: int, given: dict[str, Tensor]) -> list[Witness]:
    """The first operator whose values differ between a document in a packed row and alone."""
    own = (of == number).nonzero()[:, 0]
    first, stop = int(own[0]), int(own[-1]) + 1
    alone = audited.at(stop - first)
    one = torch.zeros(1, stop - first, dtype=torch.long)
    row, packed = x[:1], {name: numbers[:1] for name, numbers in given.items()}
    return of_parting(
        audited.subject,
        "documents",
        row,
        lambda: alone.run(row[..., first:stop], **dict.fromkeys(given, one)),
        lambda: audited.run(row, **packed),
        "right",
        (audited.length, first, stop),
    )


def _values(
    audited: Audited,
    x: Tensor,
    of: Tensor,
    labelled: Labelled | str,
    given: dict[str, Tensor],
    whole: Tensor | None,
) -> tuple[str, str, int]:
    """How the second or the third document differs from itself alone, what cannot be compared, and which document
    differs. `whole`: the outputs of the rows that the two begin like, in this order and in the opposite one."""
    unknown = ""
    ahead = max(0, audited.case.question.offset - 1)  # steps that an output reads beyond its own place
    with torch.no_grad():
        packed = audited.run(x, **given) if isinstance(labelled, str) else audited.values(labelled)
        for number in (1, 2):
            own = of == number
            judged = int(own.sum()) - ahead
            if judged < 1:
                continue
            prefix = None if whole is None else (whole if number == 1 else whole.flip(0))[:, :judged]

            def alone(own: Tensor = own, judged: int = judged) -> Tensor:
                one = torch.zeros_like(of[own]).expand(2, -1).contiguous()
                return audited.at(int(own.sum())).run(x[..., own], **dict.fromkeys(given, one))[:, :judged]

            rows = packed[:, own][:, :judged]
            pair = rows, held_to(rows, prefix, alone)
            found = parting(*pair)
            unknown = unknown or not_finite(lost(*pair).any(-1).any(0), f"document {number}, step")
            if found is not None:
                why = f"in a packed row, document {number} differs from itself alone, from its step {found[0]} on"
                return f"{why}, by {found[1]:.3g}", "", number
    return "", unknown, 0
