"""Places in texts as the protocol counts them: lines from 0, columns in units of UTF-16.

A line ends at \\n, \\r\\n or \\r and nowhere else, as `Source` has it; `str.splitlines` knows more ends than
editors do.
"""

from __future__ import annotations

from lsprotocol import types as lsp

from arspec.diagnostics import Place, Source


def units(text: str) -> int:
    """How many columns a piece of a line takes: units of UTF-16."""
    return len(text) if text.isascii() else len(text) + sum(char > "\uffff" for char in text)


def position(source: Source, offset: int) -> lsp.Position:
    """The position of the character at `offset`."""
    offset = min(max(offset, 0), len(source.text))
    line = source.line_at(offset) - 1
    return lsp.Position(line, units(source.text[source.line_starts[line] : offset]))


def offset_of(source: Source, position: lsp.Position) -> int:
    """The character at a position: the nearest one of the text, where the position lies beyond a line or within a
    character."""
    if position.line >= len(source.line_starts):
        return len(source.text)
    start, stop = source.line_starts[position.line], end_of_line(source, position.line)
    line, taken = source.text[start:stop], 0
    if line.isascii():
        return start + min(position.character, len(line))
    for number, char in enumerate(line):
        taken += units(char)
        if taken > position.character:
            return start + number
    return stop


def end_of_line(source: Source, line: int) -> int:
    """Where the characters of a line, from 0, end: before its line break."""
    stop = source.line_starts[line + 1] if line + 1 < len(source.line_starts) else len(source.text)
    start = source.line_starts[line]
    return start + len(source.text[start:stop].rstrip("\r\n"))


def range_of(source: Source, start: int, end: int) -> lsp.Range:
    """The range of the characters [start, end)."""
    return lsp.Range(position(source, start), position(source, end))


def shown(place: Place) -> lsp.Range:
    """Where a place is underlined: what of it stands on its first line, and at least one character if the line has
    any."""
    source, line = place.source, place.source.line_at(place.start) - 1
    first, last = source.line_starts[line], end_of_line(source, line)
    start = min(place.start, last)
    end = max(start, min(place.end, last))
    if start == end:
        start, end = (start, end + 1) if end < last else (max(start - 1, first), end)
    return range_of(source, start, end)
