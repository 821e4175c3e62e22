"""The verdict on a module as it stands, in one mode: labels first, and values for what labels allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.case import Case
from arspec.auditing.comparing import NOT_FINITE
from arspec.auditing.derivatives import by_derivatives
from arspec.auditing.labelling import Labelled, label, ranks_of
from arspec.auditing.sampler import SamplerCheck
from arspec.auditing.shown import Witness
from arspec.auditing.values import Search, confirm
from arspec.auditing.verdicts import Verdict
from arspec.auditing.witnessing import of_violation
from arspec.verification.dependencies import Findings

ROUTED = 3  # forward passes of the search by values where labels hold with the route given
ALONE = 5  # further ones, of one example each, where Python reads a truth value or a number of the whole batch
SMALL = 1024  # entries of an example; labels of smaller ones are had from a batch of two


@dataclass(frozen=True)
class ModeReport:
    """What was found in one mode.

    passes      forward passes of the module
    findings    by values: pairs that move though they may not, and one violation an output
    suspects    how many outputs read, by the labels, what their order forbids
    open        operators without a rule, with the lines that call them
    why         why it is not decided, or what the proof takes as given
    witnesses   the way of a value through the author's code, and the line that must be changed
    lost        whether outputs are not finite, so that they could not be compared
    """

    mode: str
    verdict: Verdict
    passes: int
    findings: Findings = field(default_factory=lambda: Findings.none(0))
    suspects: int = 0
    open: list[str] = field(default_factory=list[str])
    why: str = ""
    sampler: SamplerCheck | None = None
    witnesses: list[Witness] = field(default_factory=list[Witness])
    lost: bool = False


def judge(
    subject: Borrowed,
    case: Case,
    alphabet: Tensor,
    search: Search,
    mode: str,
    *,
    cuts: int = 2,
    routed: bool = False,
) -> ModeReport:
    """The verdict on the module in the mode that it is in. Its weights are its own again afterwards.

    Labels are had with redrawn weights where the module takes such, since weights of zero hide what they multiply.
    `cuts` passes close a strict one. `routed`: the route of the pass is given from the first."""
    start = subject.passes
    generator = torch.Generator().manual_seed(search.seed)
    examples = 2 if case.layout.entries <= SMALL else 1
    x = alphabet[torch.randint(len(alphabet), (examples, *case.layout.shape), generator=generator)]
    ranks, limit = ranks_of(case), case.limit
    suspects = torch.tensor(case.modelled)
    strict: Labelled | str | None = None
    if not routed:
        strict = label(subject, x, ranks, alphabet=alphabet, cuts=cuts)
        suspects = suspects if isinstance(strict, str) else strict.exceeds(limit)
        _keep(subject, mode, x, strict)
        if not isinstance(strict, str) and not bool(suspects.any()):
            verdict, why = closed(strict)
            subject.redraw(0)
            return ModeReport(mode, verdict, subject.passes - start, open=strict.open, why=why)
    count = int(suspects.sum())
    if isinstance(strict, str):
        given: Labelled | str = strict
    else:
        held = partial(subject.rows, batch=examples), limit
        given = label(subject, x, ranks, alphabet=alphabet, route_given=True, held=held)
    if strict is None:
        _keep(subject, mode, x, given)
    if strict is None and isinstance(given, Labelled) and bool(given.exceeds(limit).any()):
        suspects = given.exceeds(limit)
        count = int(suspects.sum())
    verdict, why, opaque = undecided(given if strict is None else strict, count)
    if not isinstance(given, str) and not bool(given.exceeds(limit).any()):
        verdict, why = closed(given, Verdict.GIVEN_ROUTE)
        opaque = given.open
        search = replace(search, passes=min(search.passes, ROUTED))
    found = confirm(subject, case, alphabet, suspects, search) if search.passes else Findings.none(0)
    taken = [] if routed or isinstance(given, str) else given.taken
    if verdict == Verdict.GIVEN_ROUTE and taken and not found.violations:
        found = confirm(subject, case, alphabet, suspects, replace(search, passes=ALONE, alone=True))
    followed = isinstance(strict, Labelled) and not strict.trace.reads  # else leaves may be others in every pass
    if followed and not found.violations and verdict == Verdict.NOT_DECIDED and search.passes and not found.mixes:
        found.add(by_derivatives(subject, case, alphabet, suspects, search))
    if found.violations:
        opaque = strict.open if isinstance(strict, Labelled) else []
        passes = subject.passes - start
        witnesses = of_violation(subject, case, alphabet, found, mode)
        subject.redraw(0)
        return ModeReport(mode, Verdict.LEAKS, passes, found, count, opaque, witnesses=witnesses)
    unknown = verdict == Verdict.NOT_DECIDED and bool(found.lost)
    if unknown:
        why = f"{why}; {NOT_FINITE}, for ({case.layout.name(found.lost[0])})"
        why += f" and {len(found.lost) - 1} more" * (len(found.lost) > 1)
    subject.redraw(0)
    return ModeReport(mode, verdict, subject.passes - start, found, count, opaque, why, lost=unknown)


def _keep(subject: Borrowed, mode: str, x: Tensor, labelled: Labelled | str) -> None:
    """What a pass gave, for the modes that compare others with it."""
    if mode in ("evaluation", "variants") and isinstance(labelled, Labelled) and not subject.trained:
        subject.known = labelled.draw, x, labelled.values


def closed(labelled: Labelled, verdict: Verdict = Verdict.PROVEN) -> tuple[Verdict, str]:
    """The verdict where labels forbid every leak, and why: nothing that they call unchanged may change."""
    if labelled.trace.unseen:
        return Verdict.NOT_DECIDED, "memory may be written where no rule sees it"
    for closure in labelled.close():
        if not closure.ok:
            where = "" if closure.place is None else f" ({closure.place})"
            return Verdict.NOT_DECIDED, f"labels and values disagree at {closure.operator}{where}: {closure.why}"
    kept = labelled.first()
    if kept:
        return Verdict.NOT_DECIDED, kept
    return verdict, _route(labelled) if verdict == Verdict.GIVEN_ROUTE else ""


def _route(labelled: Labelled) -> str:
    """Why a proof has its route given: what it takes from this pass."""
    what = ["which rows are chosen, or sorted where,"] if labelled.trace.routes or not labelled.taken else []
    if labelled.taken:
        what.append(f"what Python reads of data, {_first(labelled.taken)},")
    return f"{' and '.join(what)} is taken from this pass"


def by_labels(
    labelled: Callable[[bool], list[Labelled | str]],
    exceeding: Callable[[Labelled | str, int], int],
    refuted: Callable[[list[Labelled | str], bool], tuple[Verdict, str] | None],
    *,
    routed: bool,
) -> tuple[Verdict, str, list[str]]:
    """Strict labels, else those with the route given, else undecided: the verdict, why, and what is open.

    `labelled` runs passes, with the route given or not; the first one is closed. `exceeding` counts what one of
    them, by its number, allows though it may not. `refuted` looks at values once labels are had, and whether these
    hold: what it gives stands. `routed`: the route is given from the first."""
    first = labelled(routed)
    suspects = _suspects(first, exceeding)
    found = refuted(first, suspects == 0)
    if found is not None:
        return (*found, [])
    if suspects == 0:
        return _closed(first[0], Verdict.GIVEN_ROUTE if routed else Verdict.PROVEN)
    if not routed and not all(isinstance(each, str) for each in first):
        given = labelled(True)
        if _suspects(given, exceeding) == 0:
            return _closed(given[0], Verdict.GIVEN_ROUTE)
    return undecided(first[0], suspects)


def _suspects(passes: list[Labelled | str], exceeding: Callable[[Labelled | str, int], int]) -> int:
    return max(exceeding(each, number) for number, each in enumerate(passes))


def _closed(labelled: Labelled | str, best: Verdict) -> tuple[Verdict, str, list[str]]:
    assert isinstance(labelled, Labelled), "what has no labels exceeds all"
    return (*closed(labelled, best), labelled.open)


def _first(reads: Sequence[str]) -> str:
    """The first of several, and how many more there are."""
    return reads[0] + (f" and {len(reads) - 1} more" if len(reads) > 1 else "")


def undecided(labelled: Labelled | str, suspects: int) -> tuple[Verdict, str, list[str]]:
    """The verdict, why, and what is open, where labels allow a leak that values do not show."""
    if isinstance(labelled, str):
        return Verdict.NOT_DECIDED, labelled, []
    outputs = f"{suspects:,} output{'s' * (suspects > 1)}"
    through = ", through operators without a rule" if labelled.open else ""
    read = f", after Python reads what depends on data: {_first(labelled.read)}" if labelled.read else ""
    why = f"labels allow {outputs} to read too much{through}{read}; values did not show it"
    return Verdict.NOT_DECIDED, why, labelled.open
