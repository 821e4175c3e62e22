"""Diagnostics for people: the place, the severity, the line with a caret, the help, and a count at the end."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable

from arspec.diagnostics.codes import LEVELS
from arspec.diagnostics.diagnostic import Diagnostic
from arspec.diagnostics.foreign import visible
from arspec.diagnostics.place import Place

SHOWN = 100  # diagnostics that `text` prints in full; the rest are counted
WIDTH = 100  # columns of a source line that are shown around the caret

COLOURS = {"error": "1;31", "warning": "1;33", "note": "1;36", "help": "1;32", "margin": "1;34", "strong": "1"}
"""The parameters of the escape sequence `ESC [ ... m` (ECMA-48, SGR) for each part that has a colour."""

_Paint = Callable[[str, str], str]  # (what it is, a key of COLOURS; the piece) -> the piece, painted or as it is


def text(diagnostics: Iterable[Diagnostic], colour: bool = False) -> str:
    """For people: `file:line:col: error[CODE]: message`, the line with a caret, related places, the help line, and how
    many there are. `colour`: with escape sequences for a terminal."""
    every = list(diagnostics)
    paint = _painted if colour else _plain
    blocks = [_block(diagnostic, paint) for diagnostic in every[:SHOWN]]
    if len(every) > SHOWN:
        blocks.append(f"... and {len(every) - SHOWN:,} more")
    if len(every) > 1 or any(diagnostic.place is not None for diagnostic in every):
        blocks.append(paint("strong", _counted(every)))
    return "\n".join(blocks)


def _painted(part: str, piece: str) -> str:
    return f"\x1b[{COLOURS[part]}m{piece}\x1b[0m" if piece else piece


def _plain(_: str, piece: str) -> str:
    return piece


def _counted(diagnostics: Iterable[Diagnostic]) -> str:
    """Such as '2 errors, 1 warning'."""
    counts = Counter(diagnostic.level for diagnostic in diagnostics)
    return ", ".join(f"{counts[n]:,} {n}{'s' if counts[n] > 1 else ''}" for n in LEVELS if counts[n])


def _block(diagnostic: Diagnostic, paint: _Paint) -> str:
    place, level = diagnostic.place, diagnostic.level
    margin = max((len(str(p.line)) for p in (place, *(p for p, _ in diagnostic.related)) if p is not None), default=0)
    margin = max(margin + 1, 5)
    equals = paint("margin", f"{'':{margin}} =")
    head = f"{paint(level, f'{level}[{diagnostic.code}]')}: {paint('strong', visible(diagnostic.message))}"
    where = "" if place is None else f"{paint('strong', visible(str(place)))}: "
    lines = [where + head, *([] if place is None else _excerpt(place, margin, level, paint))]
    for other, note in diagnostic.related:
        lines += [f"{equals} {visible(str(other))}: {visible(note)}", *_excerpt(other, margin, "margin", paint)]
    if diagnostic.help:
        first, *rest = visible(diagnostic.help, keep="\n").split("\n")
        lines += [f"{equals} {paint('help', 'help')}: {first}", *(f"{'':{margin}}   {line}" for line in rest)]
    return "\n".join(lines)


def _excerpt(place: Place, margin: int, part: str, paint: _Paint) -> list[str]:
    """The place's first line under its number, and carets below the place; long lines are cut around the place. Nothing
    of a source that is not quoted."""
    if not place.source.quoted:
        return []
    line = place.line_text
    start = min(place.column - 1, len(line))
    end = len(line) if place.end_line > place.line else min(place.end_column - 1, len(line))
    left = max(0, start - WIDTH // 3) if len(line) > WIDTH else 0
    right = min(len(line), left + WIDTH)
    before, inside = _shown(line[left:start]), _shown(line[start : min(end, right)])
    rest = _shown(line[max(start, min(end, right)) : right])
    lead = "..." if left else ""
    tail = "..." if right < len(line) else ""
    number, beside = (paint("margin", f"{given:>{margin}} |") for given in (place.line, ""))
    carets = paint(part, "^" * max(1, _columns(inside)))
    return [f"{number} {lead}{before}{inside}{rest}{tail}", f"{beside} {' ' * _columns(lead + before)}{carets}"]


def _shown(piece: str) -> str:
    return visible(piece.replace("\t", " "))


def _columns(piece: str) -> int:
    """Columns that a terminal uses: two for wide characters, none for combining ones."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in piece
    )
