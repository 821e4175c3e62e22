"""Reading a text while it is being written: lines that can't be read are blanked, all others keep their places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from arspec.diagnostics import Place, Source, SpecError
from arspec.syntax.yaml import KEPT, Map, parse
from arspec.syntax.yaml_faults import stops_at

TRIES = 12  # texts that are read, at most, until one has a tree
_KEY = re.compile(r"(\s*(?:- +)*[A-Za-z_][\w-]*\+?\s*:)(?=\s|$)")
_BEGINS = re.compile(r"""\s*(-\s|-$|---|%|[?{\["'&*!]|[^\s#][^:]*:(\s|$))""")
_TEXT = re.compile(r":\s+[>|][+-]?\d?[+-]?\s*(#.*)?$")
_BREAK = re.compile(r"(\r\n|\n|\r)")
_VALUE, _LINE = 1, 2  # how much of a line is blanked: what stands behind its key, or all of it


@dataclass(frozen=True, eq=False)
class Reading:
    """The tree of a text. `source` has the characters of which the tree was made, in the places of the text's own.
    blanked: the lines, from 0, of which a part was left out."""

    source: Source
    tree: Map
    blanked: frozenset[int]

    @property
    def whole(self) -> bool:
        """Whether the tree is that of the text as it stands."""
        return not self.blanked


def read(source: Source) -> Reading:
    """The reading of a text: of what can be read of it where that is not all."""
    return _kept(source) if len(source.text) <= KEPT else _read(source)


@lru_cache(maxsize=16)
def _kept(source: Source) -> Reading:
    return _read(source)


def _read(source: Source) -> Reading:
    parts = _BREAK.split(source.text)
    lines, breaks = parts[::2], [*parts[1::2], ""]
    blanked: dict[int, int] = {}
    first = 0  # the line at which the text itself stops being read
    for attempt in range(TRIES):
        text = "".join(_left(line, blanked.get(k, 0)) + breaks[k] for k, line in enumerate(lines))
        now = Source(source.name, text, source.quoted)
        tree, at = _tree(now)
        if tree is not None:
            return Reading(now, tree, frozenset(blanked))
        first = at if attempt == 0 else first
        suspects = unclosed(lines) if attempt == 0 else []
        for line in suspects or [next(_near(lines, blanked, at), None)]:
            if line is not None:
                again = line in blanked or _KEY.match(lines[line]) is None
                blanked[line] = _LINE if again else _VALUE
    for line in dict.fromkeys(max(first - back, 0) for back in (0, 1, 2, 4, 8, 16)):  # what stands above the fault
        above = [text if k < line else " " * len(text) for k, text in enumerate(lines)]
        now = Source(source.name, "".join(a + b for a, b in zip(above, breaks, strict=True)), source.quoted)
        tree, _ = _tree(now)
        if tree is not None:
            return Reading(now, tree, frozenset(range(line, len(lines))))
    empty = Source(source.name, re.sub(r"[^\r\n]", " ", source.text), source.quoted)
    return Reading(empty, Map(Place(empty, 0, len(empty.text)), {}, False), frozenset(range(len(lines))))


def _tree(source: Source) -> tuple[Map | None, int]:
    """The tree of a text that is a mapping; else none, and the line at which reading stops."""
    at = stops_at(source.text)
    if at is not None:
        return None, at
    try:
        tree = parse(source)
    except SpecError as error:
        place = error.diagnostics[0].place
        return None, 0 if place is None else place.line - 1
    return (tree, 0) if isinstance(tree, Map) else (None, tree.place.line - 1)


def _left(line: str, how: int) -> str:
    key = _KEY.match(line) if how == _VALUE else None
    kept = key.end() if key else 0
    return line if how == 0 else line[:kept] + " " * (len(line) - kept)


def _near(lines: list[str], blanked: dict[int, int], at: int) -> Iterator[int]:
    """The lines that may be at fault, the likeliest first: the one that the reader names, those above it, which may
    have opened what it could not close, then those below."""
    for line in (at, *range(at - 1, -1, -1), *range(at + 1, len(lines))):
        if 0 <= line < len(lines) and lines[line].strip() and blanked.get(line, 0) < _LINE:
            yield line


def unclosed(lines: list[str]) -> list[int]:
    """The lines that open a bracket or a quote which nothing closes before an entry begins at their own level, those
    that close what is not open, and words that stand on a line alone where a key or an item is wanted."""
    found: list[int] = []
    opened: list[tuple[int, str]] = []  # the lines of the brackets that are open, with what closes each
    written = -1  # the indentation of the key whose text goes on below it, line by line
    for number, line in enumerate(lines):
        if not line.strip() or (0 <= written < _indent(line)) or line.lstrip().startswith("#"):
            continue
        written = _indent(line) if _TEXT.search(line) and not opened else -1
        if opened and _indent(line) <= _indent(lines[opened[0][0]]):
            found.append(opened[0][0])
            opened = []
        if not opened and not _BEGINS.match(line):
            found.append(number)
            continue
        quote = ""
        for k, character in enumerate(line):
            before = line[k - 1] if k else " "
            if quote:
                quote = "" if character == quote and before != "\\" else quote
            elif character == "#" and before in " \t":
                break
            elif character in "\"'" and before in " [{,:(\t":
                quote = character
            elif character in "{[" and (opened or before in " \t:-,"):
                opened.append((number, "}" if character == "{" else "]"))
            elif character in "}]" and opened:
                if opened[-1][1] != character:
                    found.append(number)
                    opened = []
                    break
                opened.pop()
        if quote:
            found.append(number)
            opened = [one for one in opened if one[0] != number]
    if opened:
        found.append(opened[0][0])
    return sorted(set(found))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
