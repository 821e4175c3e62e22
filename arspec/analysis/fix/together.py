"""Edits of several entries that are one change: a mask that all of them lack, and where that is not enough a shift too.

Models without any mask are of this kind: no edit of one entry mends them, or only one that cuts the model off its data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice

from arspec.analysis.entries import Entries, Entry
from arspec.analysis.fix.candidate import MORE, WIDER, Candidate, said
from arspec.analysis.fix.edits import Edit, added, scalar
from arspec.analysis.fix.masks import LIKELY, SITE_TOO
from arspec.analysis.fix.values import kind_of
from arspec.layers.base import Node

BARE = 12  # entries without a mask that are looked at, at most
SHIFTED = 6  # shifts that are tried with each mask, at most


@dataclass(frozen=True, eq=False)
class _Added:
    """A mask that an entry is given."""

    entry: Entry
    key: str
    text: str


def together(
    entries: Entries, nodes: Iterable[Node], tried: Iterable[Candidate], works: Callable[[Candidate], bool]
) -> list[Candidate]:
    """A mask that entries of these nodes lack, added to as few of them as it takes, with the site itself where it may
    be; alone, or with one of the shifts among the single edits that were `tried`. `works`: whether an edit mends the
    leak."""
    bare, dimensions = _bare(entries, nodes)
    shifts = list(islice((c for c in tried if c.shift), SHIFTED))
    found: list[Candidate] = []
    for text in LIKELY.get(dimensions, ()):
        chosen = [_Added(entry, key, text) for entry, key in bare]
        for shift in [None, *(shifts if text in SITE_TOO.values() else ())]:  # the site itself is then the past
            if chosen and works(_one(chosen, shift)):
                found.append(_one(_fewest(chosen, shift, works), shift))
                break
    return sorted(found, key=lambda c: c.cost)


def _bare(entries: Entries, nodes: Iterable[Node]) -> tuple[list[tuple[Entry, str]], int]:
    """The entries of nodes that leave out the mask which their kind has, with its key, all in one text and on grids of
    as many axes, which are told too."""
    found: dict[Edit, tuple[Entry, str, int]] = {}
    for node in nodes:
        entry = entries.of(node)
        if entry is None or not node.ins:
            continue
        for name, info in entry.model(node).model_fields.items():
            key = info.alias or name
            if kind_of(entry.model(node), name) == "mask" and key not in entry.map.entries:
                found.setdefault(added(entry.map, key, ""), (entry, key, len(node.ins[0].grid)))
    several = list(found.values())
    if not several:
        return [], 0
    first, _, axes = several[0]
    alike = [(e, key) for e, key, n in several if e.key.source == first.key.source and n == axes]
    return alike[:BARE], axes


def _one(chosen: list[_Added], shift: Candidate | None) -> Candidate:
    """All these edits as one."""
    edits = [added(one.entry.map, one.key, scalar(one.text)) for one in chosen]
    names: dict[str, list[str]] = {}
    for one in chosen:
        names.setdefault(f"`{one.key}: {scalar(one.text)}`", []).append(said(one.entry))
    message = "add " + ", and ".join(f"{what} to {_listed(of)}" for what, of in names.items())
    cost = MORE * len(chosen) + WIDER
    if shift is not None:
        message, cost, edits = f"{message}, and {shift.message}", cost + shift.cost, [*edits, *shift.edits]
    return Candidate(tuple(edits), message, cost)


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _fewest(chosen: list[_Added], shift: Candidate | None, works: Callable[[Candidate], bool]) -> list[_Added]:
    """The same without those that need not be, and with the site itself in those that may read it."""
    for one in list(chosen):
        fewer = [other for other in chosen if other is not one]
        if fewer and works(_one(fewer, shift)):
            chosen = fewer
    for one in list(chosen):
        if (text := SITE_TOO.get(one.text)) is not None:
            wider = [replace(one, text=text) if other is one else other for other in chosen]
            if works(_one(wider, shift)):
                chosen = wider
    return chosen
