"""What the words of a spec are, for colours: names by what they stand for, and where they are stated."""

from __future__ import annotations

from typing import NamedTuple

from arspec.editor.document import Document
from arspec.editor.names import Kind
from arspec.editor.text import Position, position_at
from arspec.layers import KINDS
from arspec.masks import READY_MADE

TYPES: dict[Kind, str] = {
    "node": "variable", "input": "parameter", "output": "property", "param": "enumMember", "block": "class",
    "mask": "function", "condition": "parameter", "part": "parameter", "head": "variable", "data": "parameter",
    "layer": "type",
}  # fmt: skip
"""The types of the Language Server Protocol that stand for what a name can be."""
MODIFIERS = ("declaration", "defaultLibrary")


class Token(NamedTuple):
    """A word of one line: its place, its length in units of UTF-16, its type, and whether it is stated there or comes
    with arspec."""

    position: Position
    length: int
    type: str
    declares: bool
    ready: bool


def tokens(document: Document) -> list[Token]:
    """The names of the document's own text, in the order of their places; none of a text with escapes."""
    found: dict[int, Token] = {}
    for line in document.by_line.values():
        for one in line:
            text = document.text[one.spot.start : one.spot.end]
            if not one.exact or text != one.symbol.name or one.spot.start in found:
                continue
            kind = one.symbol.kind
            ready = (kind == "layer" and text in KINDS) or (kind == "mask" and text in READY_MADE) or kind == "data"
            if kind == "layer" and not ready:
                continue
            at = position_at(document.source, one.spot.start)
            found[one.spot.start] = Token(at, len(text), TYPES[kind], one.defines, ready)
    return [found[start] for start in sorted(found)]
