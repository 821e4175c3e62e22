"""Places in texts as the protocol counts them: lines from 0, columns in units of the encoding that was agreed on.

A line ends at \\n, \\r\\n or \\r and nowhere else, as `Source` has it; `str.splitlines` knows more ends than
editors do.
"""

from __future__ import annotations

from lsprotocol import types as lsp

from arspec.diagnostics import Place, Source


class Columns:
    """Offsets in characters to columns and back, in one encoding."""

    def __init__(self, encoding: str = "utf-16") -> None:
        self.encoding = encoding

    def units(self, text: str) -> int:
        """How many columns a piece of a line takes."""
        if self.encoding == "utf-32" or text.isascii():
            return len(text)
        if self.encoding == "utf-8":
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text) + sum(char > "\uffff" for char in text)

    def position(self, source: Source, offset: int) -> lsp.Position:
        """The position of the character at `offset`."""
        offset = min(max(offset, 0), len(source.text))
        line = source.line_at(offset) - 1
        return lsp.Position(line, self.units(source.text[source.line_starts[line] : offset]))

    def offset(self, source: Source, position: lsp.Position) -> int:
        """The character at a position: the nearest one of the text, where the position lies beyond a line or within a
        character."""
        if position.line >= len(source.line_starts):
            return len(source.text)
        start = source.line_starts[position.line]
        stop = source.line_starts[position.line + 1] if position.line + 1 < len(source.line_starts) else None
        line = source.text[start:stop].rstrip("\r\n")
        if self.encoding == "utf-32" or line.isascii():
            return start + min(position.character, len(line))
        units = 0
        for number, char in enumerate(line):
            units += self.units(char)
            if units > position.character:
                return start + number
        return start + len(line)

    def range(self, source: Source, start: int, end: int) -> lsp.Range:
        """The range of the characters [start, end)."""
        return lsp.Range(self.position(source, start), self.position(source, end))

    def shown(self, place: Place) -> lsp.Range:
        """Where a place is underlined: what of it stands on its first line, and at least one character if the line has
        any."""
        source, line = place.source, place.source.line_at(place.start)
        stop = source.line_starts[line] if line < len(source.line_starts) else len(source.text)
        last = source.line_starts[line - 1] + len(source.text[source.line_starts[line - 1] : stop].rstrip("\r\n"))
        start = min(place.start, last)
        end = max(start, min(place.end, last))
        if start == end:
            start, end = (start, end + 1) if end < last else (max(start - 1, source.line_starts[line - 1]), end)
        return self.range(source, start, end)

    def whole(self, place: Place) -> lsp.Range:
        """The range of a whole place."""
        return self.range(place.source, place.start, place.end)
