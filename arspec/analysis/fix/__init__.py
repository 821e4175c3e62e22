"""Checked proposals: a small edit of the text with which the spec is proven.

A proof takes milliseconds, so the edits along the path of a leak are simply tried: another mask, the other side of a
padding, a shift, the other stack. An edit is proposed only if the spec with it proves at full size.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arspec.analysis.entries import Entries
from arspec.analysis.fix.candidate import Candidate
from arspec.analysis.fix.candidates import candidates, mask_candidates
from arspec.analysis.fix.edits import apply
from arspec.analysis.fix.search import Holding, Proven, best, coverage, cut_off, edited, holds, small, views
from arspec.analysis.fix.together import together
from arspec.analysis.known_at import known_at, late_further, leaking, of_further
from arspec.analysis.leaks import culprit
from arspec.analysis.report import Report
from arspec.analysis.witness import witness
from arspec.diagnostics import InputError, Place
from arspec.language.load import Spec
from arspec.layers.base import Node

PATHS = 4  # of leaks of one member, spread over all, along which edits are sought
ENOUGH = 0.5  # of the legal pairs seen before: where the edit of one place leaves fewer, those of several are tried too


@dataclass(frozen=True, eq=False)
class Proposal:
    """An edit with which the spec is proven. `text` is the whole edited text of the file `name`, `original` the text
    that it replaces; `coverage` the share of legal pairs that is then seen, from 0 to 1."""

    message: str
    name: str
    original: str
    text: str
    place: Place
    coverage: float

    @property
    def diff(self) -> str:
        """The edit as a unified diff."""
        lines = difflib.unified_diff(
            self.original.splitlines(keepends=True), self.text.splitlines(keepends=True), self.name, self.name
        )
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)

    def write(self) -> None:
        """Writes the edited text to its file, atomically. InputError where the file has changed since it was read, or
        belongs to the installed arspec."""
        from arspec.files.atomic import write_text
        from arspec.language.shipped import check_own
        from arspec.syntax.yaml import read

        check_own(self.name)
        if read(self.name).text != self.original:
            raise InputError("AR810", f"{self.name} has changed since it was read", "run verify again")
        write_text(Path(os.path.realpath(self.name)), self.text)

    def json(self) -> dict[str, object]:
        """The proposal as `arspec verify --fix --json` prints it."""
        return {
            "message": self.message, "file": self.name, "line": self.place.line, "coverage": self.coverage,
            "diff": self.diff,
        }  # fmt: skip


def propose(report: Report) -> Proposal | None:
    """The small edit along the witnesses with which a leaking spec is proven and sees most; None where there is none,
    or nothing leaks. Where no edit of one place does, a mask that several lack. Never one that cuts the model off its
    data, under which a variable that saw some of its past sees none of it."""
    if report.proven:
        return None
    spec = report.spec
    little, proven = small(spec), Proven()
    nodes, guilty = _along(little, proven)
    tried = candidates(Entries(little), nodes, guilty, lambda cut: holds(little, cut, proven))
    found = best(spec, little, tried, proven)
    before = views(little, proven)
    if found is None or found.coverage < ENOUGH * coverage(before):

        def works(candidate: Candidate) -> bool:
            after = edited(little, candidate, proven)
            return after is not None and not cut_off(lambda: before, views(after, proven))

        every = dict.fromkeys([*nodes, *reversed(little.graph().computed)])  # a path is one of many: others lack it too
        several = best(spec, little, together(Entries(little), every, tried, works), proven)
        found = max((one for one in (found, several) if one is not None), key=lambda one: one.worth, default=None)
    return None if found is None else _proposal(found)


def propose_context(report: Report) -> Proposal | None:
    """For a spec that holds and leaves legal pairs unseen: the mask with which it still holds and sees most; None where
    no single one makes it see more."""
    if not report.proven or not report.unseen or report.coverage is None:
        return None
    spec = report.spec
    little = small(spec)
    masked = [node for node in little.graph().live if "mask" in type(node.layer).model_fields]
    found = best(spec, little, mask_candidates(Entries(little), masked), Proven())
    return _proposal(found) if found is not None and found.coverage > report.coverage else None


def _along(spec: Spec, proven: Proven) -> tuple[list[Node], list[Node]]:
    """The nodes on the paths of its leaks, from the head down, and those at which the paths show the fault."""
    nodes: dict[Node, None] = {}
    guilty: dict[Node, None] = {}
    for member in spec.graph().members:
        for training in (False, True):
            relations = proven.relations(spec, member, training)
            known = known_at(relations, memo=proven.memo)
            leaks = leaking(relations, known)
            for variable in leaks[np.unique(np.linspace(0, len(leaks) - 1, min(len(leaks), PATHS)).astype(np.int64))]:
                path = witness(relations, known, int(variable))
                if path is not None:
                    guilty.setdefault(culprit(path, member))
                    nodes.update(dict.fromkeys(step.node for step in reversed(path.path)))
            for one in spec.graph().further if not nodes else ():
                headed = of_further(relations, one)
                reached = known_at(headed, memo=proven.memo)
                sites, limits = late_further(headed, one, reached)
                path = witness(headed, reached, int(sites[0]), int(limits[0])) if len(sites) else None
                if path is not None:
                    guilty.setdefault(culprit(path, member))
                    nodes.update(dict.fromkeys(step.node for step in reversed(path.path)))
        if nodes:
            break
    return list(nodes), list(guilty)


def _proposal(found: Holding) -> Proposal:
    candidate = found.candidate
    ((name, text),) = apply(candidate.edits).items()
    place = candidate.edits[0].place
    return Proposal(candidate.message, name, place.source.text, text, place, found.coverage)


__all__ = ["Proposal", "propose", "propose_context"]
