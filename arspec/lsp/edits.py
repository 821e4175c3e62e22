"""Edits as the protocol has them: of single places, and from one text to another."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

from lsprotocol import types as lsp

from arspec.diagnostics import Place, Source
from arspec.lsp.positions import range_of

MOST_LINES = 4_000  # of texts that are compared line by line; others are replaced between what they have in common


def at_places(edits: Iterable[tuple[Place, str]]) -> list[lsp.TextEdit]:
    """What stands at each place becomes its text."""
    return [lsp.TextEdit(range_of(place.source, place.start, place.end), text) for place, text in edits]


def between(source: Source, text: str) -> list[lsp.TextEdit]:
    """The edits of lines that turn a source into a text, so that what does not change keeps its cursor and marks."""
    if text == source.text:
        return []
    before, after = source.text.splitlines(keepends=True), text.splitlines(keepends=True)
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line))
    if max(len(before), len(after)) > MOST_LINES:
        head = next((k for k, (b, a) in enumerate(zip(before, after, strict=False)) if b != a), 0)
        changes = [(head, len(before), head, len(after))]
    else:
        found = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
        changes = [change for tag, *change in found if tag != "equal"]
    return [
        lsp.TextEdit(range_of(source, starts[low], starts[high]), "".join(after[first:last]))
        for low, high, first, last in changes
    ]
