"""Rename a node, a parameter, a block, a mask, a condition: in every file whose names hang together with this one's.

A rename is checked before it is given: the names of the edited texts stand for the same things as before, and each spec
that loads loads as the same graph, but for the name. What would change more is refused, in words.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from arspec.diagnostics import InputError, Source
from arspec.editor.document import Document
from arspec.editor.family import Classes, family
from arspec.editor.names import WORDS, Occurrence, Spot, Symbol
from arspec.editor.text import Edit, Position, Range, range_of
from arspec.language.built_in import BUILT_IN
from arspec.language.graph import Graph
from arspec.language.params import NAME
from arspec.language.shipped import PACKAGE, shipped_folder
from arspec.masks import READY_MADE
from arspec.types import Type

Edits = dict[str, list[Edit]]


@dataclass(frozen=True)
class Renaming:
    """What is renamed: its name, and its range at the cursor."""

    name: str
    range: Range


@dataclass(frozen=True, eq=False)
class _Change:
    """The spots of a name in all files, with the documents before and after."""

    symbol: Symbol
    name: str
    spots: list[Spot]
    before: list[Document]
    after: list[Document]


def prepare(document: Document, position: Position) -> Renaming:
    """What would be renamed at a position. InputError (AR941) where that is nothing that a spec names."""
    one = _at(document, position)
    return Renaming(one.symbol.name, range_of(document.source, one.spot.start, one.spot.end))


def rename(document: Document, position: Position, name: str) -> Edits:
    """The edits by file that give what stands at a position another name. InputError (AR941) where the name can't be
    had, or more would change than the name."""
    one = _at(document, position)
    if name == one.symbol.name:
        return {}
    _legal(one.symbol, name)
    documents = [replace(each, loads=True) for each in family(document)]
    classes = Classes(documents)
    spots = classes.of(one.spot)
    _writable(one.symbol, spots, classes, documents)
    edited = {file: _edited(doc, [s for s in spots if s.file == file], name) for doc in documents
              if (file := doc.file) in {s.file for s in spots}}  # fmt: skip
    texts = {**{d.file: d.text for d in documents}, **edited}
    after = [replace(d, text=texts[d.file], open={**d.open, **texts}, good=None, loaded=None) for d in documents]
    change = _Change(one.symbol, name, spots, documents, after)
    _same_names(change, classes, Classes(after))
    for old, new in zip(documents, after, strict=True):
        if any(file in edited for file in (old.file, *old.places)):
            _same_graph(change, old, new)
    return {
        doc.file: [Edit(range_of(doc.source, s.start, s.end), name) for s in spots if s.file == doc.file]
        for doc in documents if doc.file in edited
    }  # fmt: skip


def _refuse(message: str, help: str | None = None) -> InputError:
    return InputError("AR941", message, help)


def _at(document: Document, position: Position) -> Occurrence:
    """The name at a position, of several that stand for one place the first."""
    if not document.reading.whole:
        line = min(document.reading.blanked) + 1
        raise _refuse(f"nothing is renamed while line {line} can't be read", "mend that line, then rename")
    found = [one for one in document.at(position) if one.symbol.kind not in ("layer",)]
    if not found:
        raise _refuse("no name of the spec stands here", "nodes, parameters, blocks, masks and conditions are renamed")
    one = found[0]
    given = {"param": BUILT_IN, "mask": READY_MADE, "data": ("x", "data")}.get(one.symbol.kind, ())
    if one.symbol.name in given and not document.definitions(one.symbol):
        raise _refuse(f"{one.symbol} comes with arspec", "names that the spec states itself are renamed")
    if not document.definitions(one.symbol):
        raise _refuse(f"{one.symbol} is stated nowhere", "state it, or mend the reference")
    return one


def _legal(symbol: Symbol, name: str) -> None:
    """InputError for what is no name, or one that stands for something else everywhere."""
    if not NAME.fullmatch(name):
        other = name.replace("-", "_").replace(" ", "_")
        help = "names are letters, digits and _" + (f": write `{other}`" if NAME.fullmatch(other) else "")
        raise _refuse(f"'{name}' is no name for a {WORDS[symbol.kind]}", help)
    taken = {
        "param": {key: f"a parameter that arspec gives: {what}" for key, what in BUILT_IN.items()},
        "mask": {key: f"a ready-made mask: {what}" for key, (_, what) in READY_MADE.items()},
    }.get(symbol.kind, dict.fromkeys(("x", "data"), "the data") if symbol.kind in (
        "node", "input", "condition", "part") else {})  # fmt: skip
    if name in taken:
        raise _refuse(f"'{name}' is {taken[name]}", "take another name")


def _writable(symbol: Symbol, spots: list[Spot], classes: Classes, documents: list[Document]) -> None:
    """InputError where a place can't be edited."""
    sources = {document.file: document for document in documents}
    folder = str(shipped_folder())
    named = re.compile(rf"\b{re.escape(symbol.name)}\b")
    for document in documents:  # a line that can't be read may name it
        for line in sorted(document.reading.blanked):
            if line < len(document.source.line_starts) and named.search(document.source.line(line + 1)):
                where = f"{os.path.basename(document.file)}:{line + 1}"
                raise _refuse(f"{where} can't be read, and may name {symbol}", "mend that line, then rename")
    for spot in spots:
        file = sources.get(spot.file)
        inside = os.path.normpath(spot.file).startswith(folder + os.sep)
        if inside and shipped_folder().parent == PACKAGE:
            message = f"{symbol} stands in {os.path.basename(spot.file)} too, which belongs to the installed arspec"
            raise _refuse(message, "copy that spec to a file of your own, or take a name of your own beside it")
        if file is None:
            raise _refuse(f"{symbol} stands in {spot.file} too, which can't be read")
        inexact = any(not one.exact for one in classes.occurrences.get(spot, ()))
        line = file.source.line_at(spot.start)
        if inexact or file.text[spot.start : spot.end] != symbol.name:
            where = f"{os.path.basename(spot.file)}:{line}"
            raise _refuse(f"{symbol} stands at {where} in a text with escapes or line breaks, where it is not edited",
                          "write that value in one line, without escapes")  # fmt: skip


def _edited(document: Document, spots: list[Spot], name: str) -> str:
    text = document.text
    for spot in sorted(spots, reverse=True):
        text = text[: spot.start] + name + text[spot.end :]
    return text


# -- what must stay the same -------------------------------------------------------------------------------------------


def _moved(spot: Spot, change: _Change) -> Spot:
    """Where a spot stands in the edited text."""
    more = len(change.name) - len(change.symbol.name)
    before = sum(1 for one in change.spots if one.file == spot.file and one.start < spot.start)
    own = more if spot in set(change.spots) else 0
    return Spot(spot.file, spot.start + more * before, spot.end + more * before + own)


def _same_names(change: _Change, before: Classes, after: Classes) -> None:
    """InputError where a name would stand for something else: in the edited texts the same places are one name."""
    moved = {spot: _moved(spot, change) for spot in before.occurrences}
    expected = {moved[spot]: before.occurrences[spot] for spot in moved}
    lost = sorted(expected.keys() ^ after.occurrences.keys())
    if lost:
        raise _clash(change, lost[0])
    tops: dict[Spot, Spot] = {}
    old, new = before.kinds(), after.kinds()
    for spot, other in sorted(moved.items()):
        if tops.setdefault(old[spot], new[other]) != new[other]:
            raise _clash(change, other)
    apart = Counter(tops.values())
    for other in sorted(moved.values()):
        if apart[new[other]] > 1:
            raise _clash(change, other)
    for document, other in zip(change.before, change.after, strict=True):
        for symbol, places in other.by_symbol.items():
            keys = {one.spot for one in places if one.defines and one.exact}
            was = len({one.spot for one in document.by_symbol.get(_old(symbol, change), ()) if one.defines})
            if symbol.name == change.name and len(keys) > max(was, 1):
                raise _clash(change, sorted(keys)[-1])


def _old(symbol: Symbol, change: _Change) -> Symbol:
    """The symbol before, of one after the change."""
    name = change.symbol.name if symbol.name == change.name else symbol.name
    block = symbol.block
    if change.symbol.kind == "block" and block == change.name:
        block = change.symbol.name
    return Symbol(symbol.kind, block, name)


def _clash(change: _Change, spot: Spot) -> InputError:
    source = next((d.source for d in change.after if d.file == spot.file), Source(spot.file, ""))
    where = f"{os.path.basename(spot.file)}:{source.line_at(min(spot.start, len(source.text)))}"
    message = (
        f"{change.symbol} can't be called '{change.name}': {_taken(change)}, and {where} would mean something else"
    )
    return _refuse(message, "take a name that nothing else has there")


def _taken(change: _Change) -> str:
    """What has the name already."""
    for document in change.before:
        for symbol, places in document.by_symbol.items():
            stated = next((one for one in places if one.defines), None)
            if symbol.name == change.name and stated is not None:
                line = document.places[stated.spot.file].line_at(stated.spot.start)
                return f"{symbol} has that name ({os.path.basename(stated.spot.file)}:{line})"
    return "the name is taken"


def _same_graph(change: _Change, old: Document, new: Document) -> None:
    """InputError where a spec that loads would load as another one."""
    before, after = old.spec, new.spec
    if before is None:
        return
    if after is None:
        raise _refuse(f"with '{change.name}' {os.path.basename(old.file)} would not load", "take another name")
    a, b = before.graph(), after.graph()
    if not same(a, b, {change.name: change.symbol.name}) or before.params != {
        _back(key, change): value for key, value in after.params.items()
    }:
        raise _refuse(f"with '{change.name}' {os.path.basename(old.file)} would be another model", "take another name")


def _back(name: str, change: _Change) -> str:
    return change.symbol.name if change.symbol.kind == "param" and name == change.name else name


def _unnamed(kind: Type) -> Type:
    """A type without the names of the parts of its data."""
    return replace(kind, parts=tuple(("", _unnamed(part)) for _, part in kind.parts))


def same(a: Graph, b: Graph, names: Mapping[str, str] | None = None) -> bool:
    """Whether two graphs are one but for names: the same layers in the same order, on the same inputs, with weights and
    outputs of the same shapes. names: what parts of the data are called in `a`, by their names in `b`."""
    known = names or {}
    sources = [*a.sources], [*b.sources]
    if len(a.nodes) != len(b.nodes) or len(sources[0]) != len(sources[1]):
        return False
    number = {node: k for k, node in enumerate((*sources[0], *a.nodes))}
    other = {node: k for k, node in enumerate((*sources[1], *b.nodes))}
    for one, two in zip((*sources[0], *a.nodes), (*sources[1], *b.nodes), strict=True):
        left = one.layer.model_dump(exclude={"from_", "weights_of", "mask", *one.layer.ports})
        right = two.layer.model_dump(exclude={"from_", "weights_of", "mask", *two.layer.ports})
        if two.unwritten:
            right = {key: known.get(value, value) if isinstance(value, str) else value for key, value in right.items()}
        tied = (number.get(one.tied) if one.tied else None, other.get(two.tied) if two.tied else None)
        if left != right or _unnamed(one.out) != _unnamed(two.out) or tied[0] != tied[1]:
            return False
        if [number.get(node) for node in one.inputs] != [other.get(node) for node in two.inputs]:
            return False
        if (one.mask and (one.mask.predicate, one.mask.kernel)) != (two.mask and (two.mask.predicate, two.mask.kernel)):
            return False
        if len(one.layer.inner(one)) != len(two.layer.inner(two)):
            return False
    return number[a.head_node] == other[b.head_node] and a.head.kind == b.head.kind
