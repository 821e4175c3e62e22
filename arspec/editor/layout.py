"""The layout of a spec's text: indentation by two spaces, one space where one belongs, one empty line at the most.

Comments stay, and where they stand behind something they keep their column if there is room. Values that a person put
one below the other stay so. Lines are not broken and not joined. Only what lies between the tokens of YAML is written
anew, so that no value changes; the result is read again, and the text stays as it is where the tree or the comments
would not be the same.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml as pyyaml

from arspec.diagnostics import InputError, Source
from arspec.syntax.yaml import Map, Scalar, Seq, Tree, parse, scanned

INDENT = 2  # spaces of a level
BEFORE = 2  # spaces before a comment behind something, at least
MOST = 1 << 18  # characters of a text that is laid out

_BREAK = re.compile(r"\r\n|\n|\r")
_OPEN, _CLOSE = ("[", "{"), ("]", "}")


class Unlaid(Exception):
    """A text that has what is not laid out: explicit keys, directives, several documents."""


def laid_out(source: Source) -> str:
    """The text in its layout; laid out twice it is the same. SpecError where it is not YAML. What is not laid out
    comes back as it is."""
    before = parse(source)
    if len(source.text) > MOST or _odd(source.text):
        return source.text
    try:
        text, comments = _Layout(source.text).text()
        same = _same(before, parse(Source(source.name, text))) and _Layout(text).text() == (text, comments)
    except (Unlaid, InputError, pyyaml.YAMLError):
        return source.text
    return text if same else source.text


def _odd(text: str) -> bool:
    """Whether a text has ends of lines that YAML and editors count differently."""
    return re.search("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", text) is not None


def _same(one: Tree, other: Tree) -> bool:
    """Whether two trees hold the same, in the same order and in the same style."""
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return type(one.value) is type(other.value) and (one.value == other.value or one.value != one.value)
    if isinstance(one, Seq) and isinstance(other, Seq):
        return len(one) == len(other) and one.flow == other.flow and all(map(_same, one.items, other.items))
    if isinstance(one, Map) and isinstance(other, Map):
        own, theirs = ([tree for _, tree in each.entries.values()] for each in (one, other))
        return [*one.entries] == [*other.entries] and one.flow == other.flow and all(map(_same, own, theirs))
    return False


@dataclass(frozen=True)
class _Token:
    """What is written and stays: characters [start, end) of the text; of a block that begins or ends, none of them."""

    kind: str  # "scalar", "mark" ([ ] { } , : - --- ...), "property" (& * !), "block" (a block begins), "end"
    text: str
    start: int
    end: int


@dataclass
class _Block:
    """A block that is open: the column of its entries in the text, and the new one."""

    before: int
    now: int | None


class _Layout:
    """Writes a text anew, token by token."""

    def __init__(self, text: str) -> None:
        self.mark = "\ufeff" if text.startswith("\ufeff") else ""
        self.given = text.removeprefix("\ufeff")
        self.newline = "\r\n" if self.given.count("\r\n") * 2 > self.given.count("\n") else "\n"
        self.starts = [0, *(found.end() for found in _BREAK.finditer(self.given))]
        self.out: list[str] = []
        self.column = 0  # of what is written next
        self._at = 0  # where the last token ends in the given text
        self.blocks: list[_Block] = []
        self.flow: list[tuple[int, int]] = []  # brackets that are open: their columns, and the new ones
        self.shift = 0  # columns by which the line has moved that what is open began on
        self.comments: list[str] = []
        self.below: set[int] = set()  # colons whose values stand below one another
        self.closed: list[_Block] = []  # blocks that end between the last token and the next

    def text(self) -> tuple[str, list[str]]:
        """The new text, and its comments. Unlaid where it has what is not laid out."""
        last: _Token | None = None
        tokens = [*self._tokens()]
        self._find_columns([token for token in tokens if token.kind not in ("block", "end")])
        for token in tokens:
            if token.kind == "block":
                self.blocks.append(_Block(self._column(token.start), None))
            elif token.kind == "end":
                self.closed.append(self.blocks.pop())
            else:
                self._gap(last, token)
                self._solid(token)
                last, self.closed = token, []
        self._rest(last)
        return self.mark + "".join(self.out), self.comments

    # -- tokens ------------------------------------------------------------------------------------------------------

    def _tokens(self) -> Iterator[_Token]:
        """The tokens, of which those that are not written have no characters."""
        names: dict[str, str] = {"BlockMappingStartToken": "block", "BlockSequenceStartToken": "block",
                                 "BlockEndToken": "end", "ScalarToken": "scalar", "AliasToken": "property",
                                 "AnchorToken": "property", "TagToken": "property"}  # fmt: skip
        documents = 0
        for token in scanned(self.given):
            name, start, end = type(token).__name__, token.start_mark.index, token.end_mark.index
            written = self.given[start:end]
            documents += name == "DocumentStartToken"
            if name == "DirectiveToken" or documents > 1 or (name == "KeyToken" and written.startswith("?")):
                raise Unlaid
            kind = names.get(name, "mark")
            if kind == "scalar":
                written = self._written(token, written)
                end = start + len(written)
            if written or kind in ("block", "end"):
                yield _Token(kind, "" if kind in ("block", "end") else written, start, end)

    @staticmethod
    def _written(token: Any, written: str) -> str:
        """The characters of a scalar, without the empty lines behind it where they mean nothing."""
        if token.style not in ("|", ">"):
            return written
        lines = _BREAK.split(written)
        if "+" in lines[0].partition("#")[0]:
            return written
        body, end = _body(lines), len(lines)
        while end > 1 and not lines[end - 1].strip(" ") and len(lines[end - 1]) <= body:
            end -= 1
        starts = [0, *(found.end() for found in _BREAK.finditer(written))]
        return written if end == len(lines) else written[: starts[end]].rstrip("\r\n")

    def _column(self, at: int) -> int:
        return at - self.starts[bisect_right(self.starts, at) - 1]

    def _find_columns(self, tokens: list[_Token]) -> None:
        """Finds the entries of blocks whose values a person put below one another: on lines that follow each other,
        with keys in one column and values in another, one space behind the longest key."""
        flow, found = 0, dict[int, tuple[int, int, int]]()  # line -> columns of key and value, and the colon
        for key, colon, value in zip(tokens, tokens[1:], tokens[2:], strict=False):
            flow += (key.kind == "mark") * ((key.text in _OPEN) - (key.text in _CLOSE))
            line, column = bisect_right(self.starts, key.start), self._column(key.start)
            first = not self.given[key.start - column : key.start].strip()
            same = key.end == colon.start and bisect_right(self.starts, value.start) == line
            if colon.kind == "mark" and colon.text == ":" and first and same and not flow:
                found[line] = (column, self._column(value.start), colon.start)
        for line, (_, value_, at) in found.items():
            if value_ - self._column(at) == 2:  # the longest key, with one space behind it
                for step in (-1, 1):
                    other = line + step
                    while found.get(other, (0, 0))[:2] == found[line][:2]:
                        self.below.add(found[other][2])
                        other += step

    # -- writing -----------------------------------------------------------------------------------------------------

    def _put(self, text: str) -> None:
        self.out.append(text)
        _, broken, tail = text.rpartition("\n")
        self.column = len(tail) if broken else self.column + len(text)

    def _gap(self, last: _Token | None, token: _Token) -> None:
        """What stands before a token: its indentation where it begins a line, else the space between it and the one
        before."""
        given = self.given[last.end if last else 0 : token.start]
        pieces = _BREAK.split(given)
        if last is not None and len(pieces) == 1:
            self._put(given if given and last.start in self.below else _between(last, token, given))
            return
        self._lines(pieces if last is not None else ["", *pieces], self._column(token.start), token, last is None)

    def _lines(self, pieces: list[str], column: int, token: _Token | None, first: bool = False) -> None:
        """Comments and empty lines, and the indentation of the token that follows."""
        self._behind(pieces[0])
        indent = self._indent(column, token) if token is not None else 0
        empty = 0
        for piece in pieces[1:-1]:
            words = piece.strip()
            if not words:
                empty += 1
                continue
            self._break(first, empty)
            first, empty = False, 0
            self._put(" " * self._beside(len(piece) - len(piece.lstrip()), column, indent))
            self._put(words)
            self.comments.append(words)
        if token is not None:
            self._break(first, empty)
            self._put(" " * indent)
            if not self.flow:
                self.shift = indent - column

    def _break(self, first: bool, empty: int) -> None:
        if not first:
            self._put(self.newline * (1 + min(empty, 1)))

    def _behind(self, piece: str) -> None:
        """A comment behind a token: at its column, or further to the right."""
        words = piece.strip()
        if words:
            before = self._column(self._at) + len(piece) - len(piece.lstrip())
            self._put(" " * max(BEFORE, before - self.column))
            self._put(words)
            self.comments.append(words)

    def _indent(self, column: int, token: _Token) -> int:
        """The new column of a token that begins a line."""
        if self.flow:
            before, now = self.flow[-1]
            return now + 1 if column == before + 1 else max(column + self.shift, 0)
        if not self.blocks:
            return 0
        block = self.blocks[-1]
        if block.now is None:
            block.now = INDENT + self._around(len(self.blocks) - 1)
        if column == block.before:
            return block.now
        return block.now + INDENT if token.kind != "mark" or token.text not in ("---", "...") else 0

    def _around(self, depth: int) -> int:
        """The new column of the block around one; less than nothing around the outermost."""
        above = self.blocks[depth - 1].now if depth else -INDENT
        return -INDENT if above is None else above

    def _beside(self, column: int, following: int, indent: int) -> int:
        """The new column of a comment on a line of its own: that of what it stands beside."""
        if self.flow and column != following:
            return max(column + self.shift, 0)
        for block in (*self.closed, *reversed(self.blocks)):
            if block.now is not None and block.before == column:
                return block.now
        return indent

    def _solid(self, token: _Token) -> None:
        if self.blocks and self.blocks[-1].now is None:
            self.blocks[-1].now = self.column
        self._at = token.end
        if token.kind == "mark" and token.text in _OPEN:
            self.flow.append((self._column(token.start), self.column))
        elif token.kind == "mark" and token.text in _CLOSE:
            self.flow.pop()
        lines = _BREAK.split(token.text)
        if len(lines) == 1:
            self._put(token.text)
        elif token.kind == "scalar" and token.text[:1] in ("|", ">"):
            self._put(self.newline.join(self._literal(lines)))
        else:
            least = self._inside()
            moved = [lines[0], *(line and " " * max(_indentation(line) + self.shift, least) + line.lstrip(" ")
                                 for line in lines[1:])]  # fmt: skip
            self._put(self.newline.join(moved))

    def _literal(self, lines: list[str]) -> list[str]:
        """The lines of a block scalar, which stand a level further in than the entry that they belong to."""
        header = lines[0].partition("#")[0]
        body = _body(lines)
        shift = self.shift if re.search(r"\d", header) else self._inside() + INDENT - 1 - body
        return [lines[0].rstrip(), *(" " * (_indentation(line) + shift) + line.lstrip(" ") if len(line) > body or
                                     line.strip(" ") else "" for line in lines[1:])]  # fmt: skip

    def _inside(self) -> int:
        """The first column that is inside the innermost block."""
        now = self.blocks[-1].now if self.blocks else None
        return 0 if now is None else now + 1

    def _rest(self, last: _Token | None) -> None:
        """What stands behind the last token."""
        pieces = _BREAK.split(self.given[last.end if last else 0 :])
        if last is None:
            pieces = ["", *pieces]
        self._lines([*pieces, ""], 0, None, last is None)
        self._put(self.newline)


def _body(lines: list[str]) -> int:
    """The indentation of what a block scalar holds: that of its first line that is not empty."""
    return next((_indentation(line) for line in lines[1:] if line.strip(" ")), 0)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _between(last: _Token, token: _Token, given: str) -> str:
    """The space between two tokens of a line."""
    if last.kind == "property" or (last.kind == "mark" and last.text in (":", "-", "---")):
        return " "
    if last.text in _OPEN and last.kind == "mark":
        return ""
    if token.kind == "mark" and token.text in (*_CLOSE, ",", ":"):
        return ""
    return " " if last.kind == "mark" and last.text == "," else given and " "


__all__ = ["MOST", "laid_out"]
