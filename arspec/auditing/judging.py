"""The verdict on a module as it stands, in one mode: labels first, and values for what labels allow."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.case import Case
from arspec.auditing.labelling import Labelled, label
from arspec.auditing.values import Search, confirm
from arspec.auditing.verdicts import Verdict
from arspec.diagnostics import InputError
from arspec.verification.dependencies import Findings

SMALL = 1024  # entries of an example; labels of smaller ones are had from a batch of two


@dataclass(frozen=True)
class ModeReport:
    """What was found in one mode.

    passes      forward passes of the module
    findings    by values: pairs that move though they may not, and one violation an output
    suspects    how many outputs read, by the labels, what their order forbids
    open        operators without a rule, with the lines that call them
    why         why it is not decided, or what the proof takes as given
    """

    mode: str
    verdict: Verdict
    passes: int
    findings: Findings = field(default_factory=lambda: Findings.none(0))
    suspects: int = 0
    open: list[str] = field(default_factory=list[str])
    why: str = ""


def judge(subject: Borrowed, case: Case, alphabet: Tensor, search: Search, mode: str) -> ModeReport:
    """The verdict on the module in the mode that it is in. Its weights are its own again afterwards.

    Labels are had with redrawn weights where the module takes such, since weights of zero hide what they multiply."""
    start = subject.passes
    generator = torch.Generator().manual_seed(search.seed)
    count = 2 if case.layout.entries <= SMALL else 1
    x = alphabet[torch.randint(len(alphabet), (count, *case.layout.shape), generator=generator)]
    strict = _labelled(subject, case, x, route_given=False)
    suspects = torch.from_numpy(case.modelled)
    if isinstance(strict, Labelled):
        suspects = strict.exceeds(case)
        if not bool(suspects.any()):
            subject.redraw(0)
            verdict, why = _closed()
            return ModeReport(mode, verdict, subject.passes - start, open=_names(strict), why=why)
    found = confirm(subject, case, alphabet, suspects, search)
    opaque = _names(strict)
    verdict, why = Verdict.LEAKS, ""
    if not found.violations:
        given = _labelled(subject, case, x, route_given=True) if isinstance(strict, Labelled) else strict
        verdict, why = Verdict.NOT_DECIDED, _why(strict, int(suspects.sum()))
        if isinstance(given, Labelled) and not bool(given.exceeds(case).any()):
            verdict, why = Verdict.GIVEN_ROUTE, "which rows are chosen, or sorted where, is taken from this pass"
            opaque = _names(given)
        subject.redraw(0)
    return ModeReport(mode, verdict, subject.passes - start, found, int(suspects.sum()), opaque, why)


def _labelled(subject: Borrowed, case: Case, x: Tensor, *, route_given: bool) -> Labelled | str:
    """Labels with redrawn weights, or else with the module's own; or why there are none."""
    subject.redraw(1)
    try:
        return label(subject, case, x, route_given=route_given)
    except InputError:
        raise
    except (Exception, SystemExit):
        subject.redraw(0)
    try:
        return label(subject, case, x, route_given=route_given)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        return f"its operators cannot be followed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _closed() -> tuple[Verdict, str]:
    """Whether the pass is closed: nothing that the labels call unchanged changes."""
    return Verdict.NOT_DECIDED, "no output reads what its order forbids, by the labels of a pass that is not closed yet"


def _names(labelled: Labelled | str) -> list[str]:
    """Operators without a rule, each once, with the line that calls it first."""
    if isinstance(labelled, str):
        return []
    first: dict[str, str] = {}
    for each in labelled.opaque:
        first.setdefault(each.operator.removeprefix("aten."), f"{each.place}")
    return [f"{name} ({place})" for name, place in first.items()]


def _why(labelled: Labelled | str, suspects: int) -> str:
    if isinstance(labelled, str):
        return labelled
    outputs = f"{suspects:,} output{'s' * (suspects > 1)}"
    if labelled.opaque:
        return f"labels allow {outputs} to read too much, through operators without a rule; values did not show it"
    return f"labels allow {outputs} to read too much; values did not show it"
