"""What an editor shows where the pointer rests: of a name, a key, a kind, or a file."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass

from arspec.editor import mask_picture
from arspec.editor.context import Context, context
from arspec.editor.describe import describe, mask, picture
from arspec.editor.document import Document
from arspec.editor.family import beside
from arspec.editor.markdown import code, fenced, flowing, joined
from arspec.editor.names import Occurrence, Symbol
from arspec.editor.navigate import named_file
from arspec.editor.stated import Stated, entry_path, kinds_of_section, stated
from arspec.editor.text import Position, Range, range_of
from arspec.layers import KINDS
from arspec.masks import READY_MADE
from arspec.scans import SCANS_1D, SCANS_2D
from arspec.syntax.predicates import COORDINATES
from arspec.syntax.yaml import Map, Scalar, Seq, plain

# Of several things that one place can stand for the first is told.
_ORDER = ("node", "param", "mask", "block", "layer", "condition", "data", "part", "head", "input", "output")


@dataclass(frozen=True)
class Hover:
    """What is shown, in Markdown, and the range that it is about."""

    text: str
    range: Range


def hover(document: Document, position: Position) -> Hover | None:
    """What is to be said of what stands at a position; None where that is nothing."""
    found = sorted(document.at(position), key=_rank)
    for one in found:
        said = describe(document, one.symbol)
        if said:
            return Hover(said, range_of(document.source, one.spot.start, one.spot.end))
    at = context(document.source, position)
    if at is None:
        return None
    word = document.text[at.start : at.end]
    said = _file(document, position) or _unread(document, at, word) or _key(document, at, word)
    said = said or _value(document, at, word) or _key(document, at, at.key or "")
    return Hover(said, range_of(document.source, at.start, at.end)) if said else None


def _file(document: Document, position: Position) -> str:
    """What a spec or a library says of itself, whose file is named at a position."""
    for place in named_file(document, position) or ():
        other = beside(document, place.file)
        about = None if other is None else other.reading.tree.get("about")
        said = plain(about) if about is not None else None
        return joined([f"**{os.path.basename(place.file)}**", flowing(str(said)) if said else ""])
    return ""


def _rank(one: Occurrence) -> tuple[bool, int]:
    return not one.exact, _ORDER.index(one.symbol.kind)


def _unread(document: Document, at: Context, word: str) -> str:
    """What a word stands for on a line that can't be read: by the key that it is a value of."""
    if at.key is None or not word:
        return ""
    name = word.lstrip("$").split(".")[0]
    path = entry_path(at.path)
    block = None if path is None else path[0]
    scope = document.names.top if block is None else document.names.blocks.get(block, document.names.top)
    if word.startswith("$"):
        return describe(document, document.names.param(name, scope))
    if at.key == "layer":
        return describe(document, Symbol("layer", None, word)) if word in KINDS else ""
    if at.key in ("block", "experts"):
        return describe(document, Symbol("block", None, word))
    if at.key == "mask":
        return mask(document, word)
    if path is not None and at.key in ("from", "weights"):
        return describe(document, document.names.node(name, scope))
    return ""


def outer_siblings(document: Document, path: tuple[str, ...]) -> dict[str, str]:
    """The keys of the entry that a path leads into, with the texts of their values."""
    found = entry_path(path)
    if found is None or not found[2]:
        return {}
    block, name, _ = found
    scope = document.names.top if block is None else document.names.blocks.get(block)
    entry = None if scope is None else scope.entry(name)
    return {} if entry is None else {key: tree.place.text for key, (_, tree) in entry.entries.items()}


def _key(document: Document, at: Context, word: str) -> str:
    """What a key means, that stands at the place itself."""
    word = word.rstrip(":").removesuffix("+")
    if at.key is not None and word != at.key:
        return ""
    here = stated(at.path, {**at.siblings, **_own(document, at)}, outer_siblings(document, at.path))
    if here is None or word not in here.keys:
        return ""
    return key_words(here, word)


def _own(document: Document, at: Context) -> dict[str, str]:
    """What the tree has of the mapping at a place, where the text around it could be read."""
    tree: object = document.sections
    for key in at.path:
        tree = tree.get(key) if isinstance(tree, (dict, Map)) else None
    if not isinstance(tree, Map):
        return {}
    return {key: str(one.value) for key, (_, one) in tree.entries.items() if isinstance(one, Scalar)}


def key_words(here: Stated, key: str) -> str:
    """A key in Markdown: whose it is, what it takes, what it means."""
    line = here.line(key)
    return joined([f"**{key}** of {here.title}" + (f": {line}" if line else ""), flowing(here.about_key(key))])


def _value(document: Document, at: Context, word: str) -> str:
    """What a word of a value means: a kind of a section, a part of a mask, a kernel."""
    if at.key == "kind" and at.path and at.path[0] in ("data", "condition", "head"):
        about = kinds_of_section(at.path[0]).get(word, "")
        return joined([f"**{word}**: {at.path[0]}", flowing(about)]) if about else ""
    if at.key == "scan" or (at.key == "order" and not at.path):
        return scan(word)
    if at.key == "mask" or at.path[:1] == ("masks",):
        who, _, what = word.partition(".")
        if who in ("this", "that") and what in COORDINATES:
            which = "the site that is computed" if who == "this" else "the site that may be read"
            return f"{code(word)}: of {which} {dict(COORDINATES)[what]}"  # pyright: ignore[reportArgumentType]
        if word in READY_MADE:
            return mask(document, word)
        return picture(document, f"{at.before}{word}".strip()) or _kernel(document, at)
    return ""


def scan(name: str) -> str:
    """A scan of an order: what its function says of it."""
    made = SCANS_2D.get(name) or SCANS_1D.get(name)
    about = (inspect.getdoc(made) or "").split("\n\n")[0]
    return joined([f"**{name}**: scan", flowing(about)]) if about else ""


def _kernel(document: Document, at: Context) -> str:
    """A mask that is a kernel of 0 and 1, as a picture."""
    tree: object = document.sections
    for key in (*at.path, "mask"):
        tree = tree.get(key) if isinstance(tree, (dict, Map)) else None
    tree = tree.get("kernel") if isinstance(tree, Map) else tree
    rows = tree.items if isinstance(tree, Seq) else ()
    lines = [row.items if isinstance(row, Seq) else rows for row in rows]
    if not rows or not all(isinstance(one, Scalar) for line in lines for one in line):
        return ""
    once = lines if isinstance(rows[0], Seq) else lines[:1]
    signs = [" ".join(mask_picture.ALL if isinstance(o, Scalar) and o.value else mask_picture.NONE for o in line)
             for line in once]  # fmt: skip
    return fenced(signs)
