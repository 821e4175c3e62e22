"""What a small edit that may mend a leak is, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from arspec.analysis.entries import Entry
from arspec.analysis.fix.edits import Edit
from arspec.diagnostics import Place
from arspec.syntax.yaml import Map, Scalar, Seq, Tree

VALUE, MORE, NODE, INPUT = 1.0, 2.0, 3.0, 3.5  # cost: a value changed, a key more, a node more, another input
ELSEWHERE = 1.25  # more, where the path shows no fault
WIDER = 0.5  # more, for what changes several nodes at once
NAMESAKE = 1.0  # less, for an input of the same name as what it is connected to
OTHER = 1.5  # cost: the other input of a block, or the other output of one, in place of this (the other stack)


@dataclass(frozen=True)
class Candidate:
    """Edits that together are one change, the change in words, and what it costs: how large and how unlikely it is.
    `shift`: it puts a shift before an entry and changes nothing else."""

    edits: tuple[Edit, ...]
    message: str
    cost: float
    shift: bool = False


@dataclass(eq=False)
class Found:
    """Candidates so far, each change of the text once."""

    more: float = 0.0  # cost of the place
    candidates: list[Candidate] = field(default_factory=list[Candidate])
    told: set[tuple[Any, ...]] = field(default_factory=set[tuple[Any, ...]])

    def add(self, cost: float, message: str, *edits: Edit, anywhere: bool = False, shift: bool = False) -> None:
        """Adds the candidate that makes these edits, unless they change nothing or are there already.

        The candidate costs what the place does too, save where `anywhere` says that its place does not matter.
        """
        key = tuple((e.place.source.name, e.place.start, e.place.end, e.text) for e in edits)
        if key not in self.told and any(e.place.text != e.text for e in edits):
            self.told.add(key)
            self.candidates.append(Candidate(edits, message, cost if anywhere else cost + self.more, shift))


def leaves(tree: Tree) -> Iterator[Scalar]:
    """The scalars of a tree, in the order of the text."""
    if isinstance(tree, Scalar):
        yield tree
    elif isinstance(tree, Seq):
        for item in tree.items:
            yield from leaves(item)
    elif isinstance(tree, Map):
        for _, item in tree.entries.values():
            yield from leaves(item)


def said(entry: Entry) -> str:
    """An entry as messages name it."""
    return f"'{entry.name}' (line {entry.line})"


def within(inner: Place, outer: Place) -> bool:
    """Whether a place lies within another."""
    return inner.source.name == outer.source.name and outer.start <= inner.start and inner.end <= outer.end
