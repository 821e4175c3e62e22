"""Documents: in a packed row nothing is read across borders, and each document is what it is alone."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ROUTE, ModeReport, closed, undecided
from arspec.auditing.labelling import Labelled, label
from arspec.auditing.shown import Witness
from arspec.auditing.values import lost, not_finite, parting
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
    x = audited.draw(2, 9)
    places = torch.arange(full)
    # Once in the order of the row, and once with the documents in the opposite order.
    orders = [places, (2 - of) * full + places]
    strict = [_label(audited, x, ranks, given, route_given=audited.routed) for ranks in orders]
    allowed = [_count(audited, each, ranks) for each, ranks in zip(strict, orders, strict=True)]
    best = Verdict.GIVEN_ROUTE if audited.routed else Verdict.PROVEN
    verdict, why, opaque = best, "", list[str]()
    for each, count in zip(strict, allowed, strict=True):
        if count == 0 and not isinstance(each, str) and verdict == best:
            verdict, why = closed(each, best)
            opaque = each.open
    failure, unknown, passes, number = _values(audited, x, of, strict[0], given)
    if failure:
        verdict, why = Verdict.LEAKS, failure
    elif unknown:
        verdict, why, opaque = Verdict.NOT_DECIDED, unknown, []
    elif any(allowed):
        verdict, why, opaque = undecided(strict[0], max(allowed))
        if not audited.routed:
            verdict, why, opaque = _route(audited, x, orders, given, strict[0], max(allowed))
    passes += subject.passes - start
    witnesses = _witnesses(audited, x, of, number, given) if failure else []
    subject.redraw(0)
    return ModeReport("documents", verdict, passes, open=opaque, why=why, witnesses=witnesses)


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


def _label(
    audited: Audited, x: Tensor, ranks: Tensor, given: dict[str, Tensor], *, route_given: bool
) -> Labelled | str:
    held = audited.in_places(x), ranks + audited.case.question.offset
    ranks = ranks.expand(x.shape[1:])
    return label(audited.subject, x, ranks, alphabet=audited.alphabet, route_given=route_given, more=given, held=held)


def _count(audited: Audited, labelled: Labelled | str, ranks: Tensor) -> int:
    """How many outputs read, by the labels, what they may not."""
    return int(audited.exceeding(labelled, ranks + audited.case.question.offset).sum())


def _route(
    audited: Audited, x: Tensor, orders: list[Tensor], given: dict[str, Tensor], strict: Labelled | str, count: int
) -> tuple[Verdict, str, list[str]]:
    """The verdict with the route of the pass given."""
    for ranks in orders:
        route = _label(audited, x, ranks, given, route_given=True)
        if isinstance(route, str) or _count(audited, route, ranks):
            return undecided(strict, count)
        verdict, why = closed(route, Verdict.GIVEN_ROUTE)
        if verdict != Verdict.GIVEN_ROUTE:
            return verdict, why, route.open
    return Verdict.GIVEN_ROUTE, ROUTE, []


def _values(
    audited: Audited,
    x: Tensor,
    of: Tensor,
    labelled: Labelled | str,
    given: dict[str, Tensor],
) -> tuple[str, str, int, int]:
    """How the second or the third document differs from itself alone, what cannot be compared, the passes of documents
    alone, and which document differs."""
    passes, unknown = 0, ""
    ahead = max(0, audited.case.question.offset - 1)  # steps that an output reads beyond its own place
    with torch.no_grad():
        packed = audited.run(x, **given) if isinstance(labelled, str) else audited.values(labelled)
        for number in (1, 2):
            own = of == number
            judged = int(own.sum()) - ahead
            if judged < 1:
                continue
            alone = audited.at(int(own.sum()))
            one = torch.zeros_like(of[own]).expand(2, -1).contiguous()
            pair = packed[:, own][:, :judged], alone.run(x[..., own], **dict.fromkeys(given, one))[:, :judged]
            found = parting(*pair)
            unknown = unknown or not_finite(lost(*pair).any(-1).any(0), f"document {number}, step")
            passes += 1
            if found is not None:
                why = f"in a packed row, document {number} differs from itself alone, from its step {found[0]} on"
                return f"{why}, by {found[1]:.3g}", "", passes, number
    return "", unknown, passes, 0
