"""Diagnostics for people: the place, the line with a caret, and the help."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from arspec.diagnostics.diagnostic import Diagnostic
from arspec.diagnostics.foreign import visible
from arspec.diagnostics.place import Place

SHOWN = 100  # diagnostics that `text` prints in full; the rest are counted
WIDTH = 100  # columns of a source line that are shown around the caret


def text(diagnostics: Iterable[Diagnostic]) -> str:
    """For people: `file:line:col: CODE message`, the line with a caret, related places and the help line."""
    every = list(diagnostics)
    blocks = [_block(diagnostic) for diagnostic in every[:SHOWN]]
    if len(every) > SHOWN:
        blocks.append(f"... and {len(every) - SHOWN:,} more")
    return "\n".join(blocks)


def _block(diagnostic: Diagnostic) -> str:
    place = diagnostic.place
    head = f"{diagnostic.code} {visible(diagnostic.message)}"
    margin = max((len(str(p.line)) for p in (place, *(p for p, _ in diagnostic.related)) if p is not None), default=0)
    margin = max(margin + 1, 5)
    lines = [head] if place is None else [f"{visible(str(place))}: {head}", *_excerpt(place, margin)]
    for other, note in diagnostic.related:
        lines += [f"{'':{margin}} = {visible(str(other))}: {visible(note)}", *_excerpt(other, margin)]
    if diagnostic.help:
        first, *rest = visible(diagnostic.help, keep="\n").split("\n")
        lines += [f"{'':{margin}} = help: {first}", *(f"{'':{margin}}   {line}" for line in rest)]
    return "\n".join(lines)


def _excerpt(place: Place, margin: int) -> list[str]:
    """The place's first line under its number, and carets below the place; long lines are cut around the place."""
    line = place.line_text
    start = min(place.column - 1, len(line))
    end = len(line) if place.end_line > place.line else min(place.end_column - 1, len(line))
    left = max(0, start - WIDTH // 3) if len(line) > WIDTH else 0
    right = min(len(line), left + WIDTH)
    before, inside = _shown(line[left:start]), _shown(line[start : min(end, right)])
    rest = _shown(line[max(start, min(end, right)) : right])
    lead = "..." if left else ""
    tail = "..." if right < len(line) else ""
    carets = " " * _columns(lead + before) + "^" * max(1, _columns(inside))
    return [f"{place.line:>{margin}} | {lead}{before}{inside}{rest}{tail}", f"{'':{margin}} | {carets}"]


def _shown(piece: str) -> str:
    return visible(piece.replace("\t", " "))


def _columns(piece: str) -> int:
    """Columns that a terminal uses: two for wide characters, none for combining ones."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in piece
    )
