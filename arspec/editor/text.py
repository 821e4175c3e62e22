"""Places of a text as editors count them: lines from 0, columns in units of UTF-16."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from arspec.diagnostics import Source


class Position(NamedTuple):
    """A line from 0, and a column from 0 in units of UTF-16, as the Language Server Protocol counts."""

    line: int
    column: int


class Range(NamedTuple):
    """From a position to before another one."""

    start: Position
    end: Position


@dataclass(frozen=True)
class Location:
    """A range of a file."""

    file: str
    range: Range


@dataclass(frozen=True)
class Edit:
    """A text that is to stand in the place of a range."""

    range: Range
    text: str


def units(text: str) -> int:
    """How many units of UTF-16 a text takes."""
    return len(text) + sum(character > "\uffff" for character in text)


def position_at(source: Source, offset: int) -> Position:
    """The position of the character at an offset."""
    line = source.line_at(offset)
    return Position(line - 1, units(source.text[source.line_starts[line - 1] : offset]))


def offset_at(source: Source, position: Position) -> int:
    """The offset of a position, at most the end of its line; the end of the text where it has no such line."""
    if position.line >= len(source.line_starts):
        return len(source.text)
    start = source.line_starts[max(position.line, 0)]
    left = position.column
    for k, character in enumerate(line_at(source, max(position.line, 0))):
        if left <= 0:
            return start + k
        left -= 2 if character > "\uffff" else 1
    return start + len(line_at(source, max(position.line, 0)))


def line_at(source: Source, line: int) -> str:
    """The text of a line, counted from 0, without its line break."""
    starts = source.line_starts
    end = starts[line + 1] if line + 1 < len(starts) else len(source.text)
    return source.text[starts[line] : end].rstrip("\r\n")


def range_of(source: Source, start: int, end: int) -> Range:
    """The range of the characters [start, end)."""
    return Range(position_at(source, start), position_at(source, end))
