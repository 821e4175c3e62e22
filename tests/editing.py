"""What the tests of an editor share: documents, and places in them."""

from __future__ import annotations

import re
from pathlib import Path

from arspec.editor.document import Document
from arspec.editor.text import Position, position_at

ROOT = Path(__file__).parent.parent
CURSOR = "¦"


def shipped(name: str) -> Document:
    """A shipped spec as a document."""
    path = ROOT / "specs" / f"{name}.yaml"
    return Document(str(path), path.read_text("utf-8"))


def sized(name: str, **params: int) -> Document:
    """A shipped spec whose text has other values of parameters, so that it loads at once."""
    text = shipped(name).text
    for key, value in params.items():
        text, found = re.subn(rf"^(  {key}: )\d+", rf"\g<1>{value}", text, flags=re.MULTILINE)
        assert found == 1, key
    return Document(f"{name}.yaml", text)


def marked(text: str, file: str = "mine.yaml", **keys: object) -> tuple[Document, Position]:
    """A document, and the place of the cursor in its text."""
    assert text.count(CURSOR) == 1, text
    document = Document(file, text.replace(CURSOR, ""), **keys)  # type: ignore[arg-type]
    return document, position_at(document.source, text.index(CURSOR))


def place(document: Document, around: str, word: str) -> Position:
    """The place behind the first character of a word, within a piece of the text that stands there once."""
    assert document.text.count(around) == 1, (around, document.text.count(around))
    return position_at(document.source, document.text.index(around) + around.index(word) + 1)


def text_at(document: Document, line: int) -> str:
    """A line of the text, from 0."""
    return document.source.line(line + 1)
