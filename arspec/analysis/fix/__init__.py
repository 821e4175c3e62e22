"""Checked proposals: a small edit of the text with which the spec is proven.

A proof takes milliseconds, so the edits along the path of a leak are simply tried: another mask, the other side of a
padding, a shift, the other stack. An edit is proposed only if the spec with it proves at full size.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from arspec.analysis.entries import Entries
from arspec.analysis.fix.candidates import Candidate, candidates
from arspec.analysis.fix.edits import apply
from arspec.analysis.fix.search import Holding, best, unseen
from arspec.analysis.report import Report, culprit
from arspec.diagnostics import InputError, Place
from arspec.layers.base import Node


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
        """Writes the edited text to its file, atomically. InputError where the file has changed since it was read."""
        from arspec.data.atomic import write_text
        from arspec.spec.yaml import read

        if read(self.name).text != self.original:
            raise InputError("AR808", f"{self.name} has changed since it was read", "run verify again")
        write_text(Path(os.path.realpath(self.name)), self.text)

    def json(self) -> dict[str, object]:
        return {
            "message": self.message, "file": self.name, "line": self.place.line, "coverage": self.coverage,
            "diff": self.diff,
        }  # fmt: skip


def propose(report: Report) -> Proposal | None:
    """The small edit along the witnesses with which a leaking spec is proven and sees most; None where there is none,
    or nothing leaks."""
    if report.proven or not report.witnesses:
        return None
    found = best(report.spec, _along(report))
    return None if found is None else _proposal(found)


def propose_context(report: Report) -> Proposal | None:
    """For a spec that holds and leaves legal pairs unseen: the mask with which it still holds and sees most; None where
    no single one makes it see more."""
    if not report.proven or not report.unseen:
        return None
    spec = report.spec
    masked = [node for node in spec.graph().live if "mask" in type(node.layer).model_fields]
    found = best(spec, candidates(Entries(spec), masked, masks_only=True), enough=0)
    return _proposal(found) if found is not None and found.unseen < unseen(spec)[0] else None


def _along(report: Report) -> Iterator[Candidate]:
    """Edits of what all witnesses pass through, the culprit first; then of what only some of them do. (A single edit
    mends all, so it is among the first, unless it changes several entries at once.)"""
    entries = Entries(report.spec)
    paths: list[list[Node]] = []
    guilty: list[Node] = []
    for member, of in zip(report.spec.graph().members, report.members, strict=True):
        for witness in of.witnesses:
            paths.append([step.node for step in reversed(witness.path)])
            guilty.append(culprit(witness, member))
    every = list(dict.fromkeys([*guilty, *(node for path in paths for node in path)]))
    common = {
        place for place in _places(entries, paths[0]) if all(place in _places(entries, path) for path in paths[1:])
    }
    inner = [node for node in every if (entry := entries.of(node)) is not None and entry.key in common]
    yield from candidates(entries, inner)
    yield from candidates(entries, every)


def _places(entries: Entries, path: list[Node]) -> set[Place]:
    return {entry.key for node in path if (entry := entries.of(node)) is not None}


def _proposal(found: Holding) -> Proposal:
    candidate = found.candidate
    ((name, text),) = apply(candidate.edits).items()
    place = candidate.edits[0].place
    return Proposal(candidate.message, name, place.source.text, text, place, found.coverage)


__all__ = ["Proposal", "propose", "propose_context"]
