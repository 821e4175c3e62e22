"""A text that was given, and a place in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

_LINE_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Source:
    """A text and its name as the user gave it. The text is kept to the character, so that edits can be spliced. What is
    not `quoted` is named in messages, and no part of it stands in them."""

    name: str
    text: str
    quoted: bool = True

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


class Place(NamedTuple):  # every node of a tree has one: a tuple is made in a third of the time of a frozen dataclass
    """The characters [start, end) of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """The line where the place starts, from 1."""
        return self.source.line_at(self.start)

    @property
    def column(self) -> int:
        """The column where the place starts, from 1."""
        return self.source.column_at(self.start)

    @property
    def end_line(self) -> int:
        """The line where the place ends, from 1."""
        return self.source.line_at(self.end)

    @property
    def end_column(self) -> int:
        """The column behind the last character, from 1."""
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
