"""Diagnostics: what is wrong, where, and how to mend it, as text, JSON and GitHub annotations.

A fault in a spec has a `Place` in its text and is a `Diagnostic`; a `Collector` gathers all of a file's faults and
raises them at once as a `SpecError`. Bad input without a place in a spec (weights, data, flags) is an `InputError`.
The codes and their pages stand in `arspec.codes`, one file for each hundred.
"""

from __future__ import annotations

import difflib
import itertools
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from arspec.codes import CODES, Code

__all__ = [
    "CODES",
    "Code",
    "Collector",
    "Diagnostic",
    "InputError",
    "Place",
    "Source",
    "SpecError",
    "did_you_mean",
    "explain",
    "github",
    "nearest",
    "text",
    "to_json",
]

SHOWN = 100  # diagnostics that `text` prints in full; the rest are counted
MAX_FAULTS = 1000  # that a collector takes before it gives up
MAX_COMPARED = 300  # names that a misspelt one is compared with
WIDTH = 100  # columns of a source line that are shown around the caret

_LINE_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Source:
    """A text and its name as the user gave it. The text is kept to the character, so that edits can be spliced."""

    name: str
    text: str

    @cached_property
    def line_starts(self) -> list[int]:
        """Offset of the first character of each line."""
        return [0, *(match.end() for match in _LINE_BREAK.finditer(self.text))]

    def line_at(self, offset: int) -> int:
        """The line, from 1, that holds the character at `offset`."""
        return bisect_right(self.line_starts, offset)

    def column_at(self, offset: int) -> int:
        """The column, from 1, of the character at `offset`; a byte order mark takes none."""
        start = self.line_starts[self.line_at(offset) - 1]
        mark = start == 0 and offset > 0 and self.text.startswith("\ufeff")
        return offset - start + (0 if mark else 1)

    def line(self, number: int) -> str:
        """The text of line `number`, from 1, without its line break and byte order mark."""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n").removeprefix("\ufeff" if start == 0 else "")


@dataclass(frozen=True)
class Place:
    """The characters [start, end) of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.line_at(self.start)

    @property
    def column(self) -> int:
        return self.source.column_at(self.start)

    @property
    def end_line(self) -> int:
        return self.source.line_at(self.end)

    @property
    def end_column(self) -> int:
        return self.source.column_at(self.end)

    @property
    def line_text(self) -> str:
        """The whole line on which the place starts."""
        return self.source.line(self.line)

    @property
    def text(self) -> str:
        """The characters of the place themselves."""
        return self.source.text[self.start : self.end]

    def within(self, offset: int, length: int = 1) -> Place:
        """A part of this place, `offset` characters from its start; clipped to it."""
        start = min(self.start + offset, self.end)
        return Place(self.source, start, max(start, min(start + length, self.end)))

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Diagnostic:
    """One fault: its code, what holds and what came, the place, how to mend it, and places that belong to it."""

    code: str
    message: str
    place: Place | None = None
    help: str | None = None
    related: tuple[tuple[Place, str], ...] = ()

    @property
    def level(self) -> str:
        """'error', or 'note' for what is told but refused nowhere, such as a blind spot."""
        code = CODES.get(self.code)
        return code.level if code else "error"


class InputError(Exception):
    """Bad input that has no place in a spec: weights, data, flags, files. Its text is one clear message."""

    def __init__(self, code: str, message: str, help: str | None = None) -> None:
        super().__init__(code, message, help)
        self.code = code
        self.message = message
        self.help = help

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return (Diagnostic(self.code, self.message, None, self.help),)

    def __str__(self) -> str:
        return text(self.diagnostics)


class SpecError(InputError):
    """The faults of a spec, ordered by file and place, each once."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        ordered = _in_order(diagnostics)
        if not ordered:
            raise ValueError("a SpecError needs at least one diagnostic")
        first = ordered[0]
        super().__init__(first.code, first.message, first.help)
        self.args = (ordered,)  # what pickle and copy call the class with
        self._diagnostics = ordered

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return self._diagnostics


class Collector:
    """Gathers diagnostics, so that all faults of a file are reported at once. Raises SpecError at MAX_FAULTS."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def add(
        self,
        code: str,
        message: str,
        place: Place | None,
        help: str | None = None,
        related: Iterable[tuple[Place, str]] = (),
    ) -> None:
        self.diagnostics.append(Diagnostic(code, message, place, help, tuple(related)))
        if len(self.diagnostics) >= MAX_FAULTS:
            raise SpecError(self.diagnostics)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics.extend(diagnostics)

    def __len__(self) -> int:
        return len(self.diagnostics)

    def raise_if_any(self) -> None:
        """Raises SpecError with everything that was added, if anything was."""
        if self.diagnostics:
            raise SpecError(self.diagnostics)


def text(diagnostics: Iterable[Diagnostic]) -> str:
    """For people: `file:line:col: CODE message`, the line with a caret, related places and the help line."""
    every = list(diagnostics)
    blocks = [_block(diagnostic) for diagnostic in every[:SHOWN]]
    if len(every) > SHOWN:
        blocks.append(f"... and {len(every) - SHOWN:,} more")
    return "\n".join(blocks)


def to_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """For programs: one object a diagnostic; lines and columns from 1, offsets in characters from 0."""
    return [
        {
            "code": diagnostic.code,
            "level": diagnostic.level,
            "message": diagnostic.message,
            "help": diagnostic.help,
            "place": None if diagnostic.place is None else _place_json(diagnostic.place),
            "related": [{"message": note, "place": _place_json(place)} for place, note in diagnostic.related],
        }
        for diagnostic in diagnostics
    ]


def github(diagnostics: Iterable[Diagnostic]) -> str:
    """For GitHub Actions: one workflow command a diagnostic, which the site shows beside the line."""
    return "\n".join(_annotation(diagnostic) for diagnostic in diagnostics)


def explain(code: str) -> str:
    """The page of a code, such as 'AR201' (case does not matter). InputError with the nearest codes for another."""
    wanted = code.strip().upper()
    if wanted not in CODES:
        near = nearest(wanted, CODES) or sorted(CODES)[:3]
        listed = "; ".join(f"{name}: {CODES[name].title}" for name in near)
        raise InputError("AR817", f"there is no diagnostic {_visible(code[:40])!r}", f"the nearest are {listed}")
    return CODES[wanted].page


def nearest(word: str, candidates: Iterable[str], n: int = 3) -> list[str]:
    """Up to `n` candidates that resemble `word`, best first; case and -/_ do not matter.

    >>> nearest("Conv2d", ["add", "conv", "gate"])
    ['conv']
    """
    plain: dict[str, list[str]] = {}
    for candidate in itertools.islice(candidates, MAX_COMPARED):
        plain.setdefault(_folded(candidate), []).append(candidate)
    matches = difflib.get_close_matches(_folded(word[:100]), plain, n=n, cutoff=0.6)
    return [candidate for match in matches for candidate in plain[match]][:n]


def did_you_mean(word: str, candidates: Iterable[str], what: str = "known") -> str | None:
    """A help line: the nearest candidates, or all of them where they are few, or None.

    >>> did_you_mean("gat", ["add", "conv", "gate"])
    "did you mean 'gate'?"
    >>> did_you_mean("zzz", ["add", "conv", "gate"])
    'known: add, conv, gate'
    """
    every = sorted(set(candidates))
    near = nearest(word, every)
    if near:
        return f"did you mean {' or '.join(repr(name) for name in near)}?"
    if every and len(every) <= 40:
        return f"{what}: {', '.join(every)}"
    return None


def _folded(word: str) -> str:
    return word.lower().replace("-", "_")


def _in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    once: dict[tuple[str, str, Place | None], Diagnostic] = {}
    for diagnostic in diagnostics:
        once.setdefault((diagnostic.code, diagnostic.message, diagnostic.place), diagnostic)
    return tuple(sorted(once.values(), key=_position))


def _position(diagnostic: Diagnostic) -> tuple[bool, str, int, int, str, str]:
    place = diagnostic.place
    if place is None:
        return (True, "", 0, 0, diagnostic.code, diagnostic.message)
    return (False, place.source.name, place.start, place.end, diagnostic.code, diagnostic.message)


def _block(diagnostic: Diagnostic) -> str:
    place = diagnostic.place
    head = f"{diagnostic.code} {_visible(diagnostic.message)}"
    margin = max((len(str(p.line)) for p in (place, *(p for p, _ in diagnostic.related)) if p is not None), default=0)
    margin = max(margin + 1, 5)
    lines = [head] if place is None else [f"{_visible(str(place))}: {head}", *_excerpt(place, margin)]
    for other, note in diagnostic.related:
        lines += [f"{'':{margin}} = {_visible(str(other))}: {_visible(note)}", *_excerpt(other, margin)]
    if diagnostic.help:
        first, *rest = _visible(diagnostic.help, keep="\n").split("\n")
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
    return _visible(piece.replace("\t", " "))


def _visible(piece: str, keep: str = "") -> str:
    """Control characters and lone surrogates as escapes: a message can neither steer a terminal nor fail to print."""
    if piece.isprintable():
        return piece
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode() for char in piece
    )


def _columns(piece: str) -> int:
    """Columns that a terminal uses: two for wide characters, none for combining ones."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in piece
    )


def _place_json(place: Place) -> dict[str, Any]:
    return {
        "file": place.source.name,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "start": place.start,
        "end": place.end,
    }


def _annotation(diagnostic: Diagnostic) -> str:
    command = "notice" if diagnostic.level == "note" else "error"
    properties: list[tuple[str, object]] = []
    place = diagnostic.place
    if place is not None:
        properties += [("file", place.source.name), ("line", place.line), ("endLine", place.end_line)]
        # GitHub shows no columns for a range of several lines and warns of those that run backwards
        properties.append(("col", place.column))
        if place.end_line == place.line:
            properties.append(("endColumn", max(place.column, place.end_column)))
    properties.append(("title", diagnostic.code))
    stated = ",".join(f"{name}={_escaped(str(value), (':', ','))}" for name, value in properties)
    parts: Sequence[str] = [
        diagnostic.message,
        *(f"{other}: {note}" for other, note in diagnostic.related),
        *([f"help: {diagnostic.help}"] if diagnostic.help else []),
    ]
    return f"::{command} {stated}::{_escaped(chr(10).join(parts))}"


def _escaped(value: str, more: Iterable[str] = ()) -> str:
    """Escapes of the workflow commands, https://github.com/actions/toolkit packages/core/src/command.ts."""
    for char in ("%", "\r", "\n", *more):
        value = value.replace(char, f"%{ord(char):02X}")
    return value.encode("utf-8", "backslashreplace").decode()
