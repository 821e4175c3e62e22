"""The outline of a spec, and what of it folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from arspec.diagnostics import Place
from arspec.editor.document import Document
from arspec.editor.stated import ENTRY
from arspec.editor.text import Range, line_at, range_of
from arspec.syntax.yaml import Map, Scalar, Seq, Tree

Sort = Literal["section", "node", "repeat", "block", "param", "mask", "condition", "head", "key"]


@dataclass(frozen=True)
class Entry:
    """An entry of the outline: its name, what it says of itself, its whole range and that of its name."""

    name: str
    detail: str
    sort: Sort
    range: Range
    own: Range
    inside: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Fold:
    """Lines, from 0, that fold onto the first; `comment` where they are comments. text: what is said of them."""

    first: int
    last: int
    comment: bool = False
    text: str = ""


def symbols(document: Document) -> list[Entry]:
    """The sections of the document's own text, with what they name."""
    found: list[Entry] = []
    for key, (place, tree) in document.reading.tree.entries.items():
        section = key.removesuffix("+")
        inside = tuple(_within(document, section, tree))
        detail = "" if inside else _brief(tree)
        found.append(_entry(document, key, detail, "section", place, tree, inside))
    return found


def _within(document: Document, section: str, tree: Tree) -> Iterator[Entry]:
    sorts: dict[str, Sort] = {"params": "param", "masks": "mask", "condition": "condition", "heads": "head"}
    if not isinstance(tree, Map):
        return
    for name, (place, item) in tree.entries.items():
        if section == "graph":
            yield _node(document, name, place, item)
        elif section == "blocks" and isinstance(item, Map):
            yield _entry(document, name, "block", "block", place, item, tuple(_block(document, item)))
        elif section in sorts:
            yield _entry(document, name, _brief(item), sorts[section], place, item)
        elif section in ("data", "order", "head"):
            yield _entry(document, name, _brief(item), "key", place, item)


def _block(document: Document, block: Map) -> Iterator[Entry]:
    for key, (place, tree) in block.entries.items():
        name = key.removesuffix("+")
        if name == "nodes" and isinstance(tree, Map):
            yield from (_node(document, one, at, entry) for one, (at, entry) in tree.entries.items())
        elif name == "params" and isinstance(tree, Map):
            for one, (at, value) in tree.entries.items():
                yield _entry(document, one, _brief(value), "param", at, value)
        elif name in ("inputs", "outputs"):
            yield _entry(document, key, _brief(tree), "key", place, tree)


def _node(document: Document, name: str, place: Place, tree: Tree) -> Entry:
    entry = tree if isinstance(tree, Map) else None
    what = next((f"{k} {entry.entries[k][1].place.text}" for k in ENTRY if entry and k in entry.entries), "")
    what = what.removeprefix("layer ")
    repeat = entry.get("repeat") if entry is not None else None
    detail = what if repeat is None else f"{what} × {repeat.place.text}"
    return _entry(document, name, detail, "node" if repeat is None else "repeat", place, tree)


def _entry(
    document: Document, name: str, detail: str, sort: Sort, place: Place, tree: Tree, inside: tuple[Entry, ...] = ()
) -> Entry:
    own = tree.place.source.name == place.source.name and tree.place.end >= place.end  # an alias stands elsewhere
    end = tree.place.end if own else place.end
    whole = range_of(document.source, place.start, end)
    return Entry(name, detail, sort, whole, range_of(document.source, place.start, place.end), inside)


def _brief(tree: Tree) -> str:
    """A value in a line."""
    if isinstance(tree, Scalar) and tree.value is None:
        return ""
    text = " ".join(tree.place.text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def folds(document: Document) -> list[Fold]:
    """What folds: sections, blocks, their nodes, entries over several lines, and runs of comments."""
    found: dict[int, Fold] = {}
    for place, tree in document.reading.tree.entries.values():
        _fold(document, place, tree, found)
    lines = [line_at(document.source, k) for k in range(len(document.source.line_starts))]
    start: int | None = None
    for number, line in enumerate([*lines, ""]):
        if line.lstrip().startswith("#"):
            start = number if start is None else start
        elif start is not None:
            if number - start > 1:
                found.setdefault(start, Fold(start, number - 1, True))
            start = None
    return [found[first] for first in sorted(found)]


def _fold(document: Document, place: Place, tree: Tree, found: dict[int, Fold]) -> None:
    if tree.place.source.name != place.source.name or tree.place.start < place.start:
        return
    first, last = document.source.line_at(place.start) - 1, document.source.line_at(max(tree.place.end - 1, 0)) - 1
    if last > first:
        repeat = tree.get("repeat") if isinstance(tree, Map) else None
        count = len(tree.entries) if isinstance(tree, Map) else 0
        said = (
            f"{count} entries" if repeat is None and count else f"× {repeat.place.text}" if repeat is not None else ""
        )
        found.setdefault(first, Fold(first, last, False, said))
    for at, item in tree.entries.values() if isinstance(tree, Map) else ():
        _fold(document, at, item, found)
    for item in tree.items if isinstance(tree, Seq) else ():
        if isinstance(item, Map):
            for at, inner in item.entries.values():
                _fold(document, at, inner, found)
