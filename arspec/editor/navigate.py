"""Where a name is stated, and where it is used."""

from __future__ import annotations

import os

from arspec.diagnostics import Source
from arspec.editor.document import Document
from arspec.editor.family import Classes, beside, family
from arspec.editor.names import Spot
from arspec.editor.text import Location, Position, Range, offset_at, range_of
from arspec.language.extends import extended_file
from arspec.language.using import library_file, names_used
from arspec.syntax.yaml import Scalar


def definition(document: Document, position: Position) -> list[Location]:
    """Where what stands at a position is stated: a name, or a file that is extended or used."""
    files = named_file(document, position)
    if files is not None:
        return files
    found: list[Spot] = []
    for one in document.at(position):
        found += [stated.spot for stated in document.definitions(one.symbol)]
    offset = offset_at(document.source, position)
    found += [
        below for own, below in document.merged_keys if own.file == document.file and own.start <= offset <= own.end
    ]
    return [location(document, spot) for spot in dict.fromkeys(found)]


def references(document: Document, position: Position, declaration: bool = True) -> list[Location]:
    """Where the name at a position stands, in all files whose names hang together with this one's. declaration: those
    that state it too."""
    at = document.at(position)
    if not at:
        return []
    documents = family(document)
    classes = Classes(documents)
    spots = sorted({spot for one in at for spot in classes.of(one.spot)})
    stated = {spot for spot in spots if any(one.defines for one in classes.occurrences.get(spot, ()))}
    sources = {one.file: one.source for one in documents}
    return [
        Location(spot.file, range_of(sources[spot.file], spot.start, spot.end))
        for spot in spots
        if spot.file in sources and (declaration or spot not in stated)
    ]


def highlights(document: Document, position: Position) -> list[tuple[Range, bool]]:
    """The places of the document's own text where the name at a position stands; whether each states it."""
    found: dict[Spot, bool] = {}
    for at in document.at(position):
        for one in document.by_symbol.get(at.symbol, ()):
            if one.spot.file == document.file:
                found[one.spot] = found.get(one.spot, False) or one.defines
    return [(range_of(document.source, spot.start, spot.end), stated) for spot, stated in sorted(found.items())]


def location(document: Document, spot: Spot) -> Location:
    """A spot as a range of its file."""
    source = document.places.get(spot.file)
    if source is None:
        other = beside(document, spot.file)
        source = other.source if other is not None else Source(spot.file, "")
    return Location(spot.file, range_of(source, spot.start, min(spot.end, len(source.text))))


def named_file(document: Document, position: Position) -> list[Location] | None:
    """The file that `extends` or `use` names at a position; None where these name none there, nothing where it is not
    there."""
    tree, offset = document.reading.tree, offset_at(document.source, position)
    here = os.path.normpath(document.file)
    extends = tree.get("extends")
    named: list[tuple[Scalar, str]] = []
    if isinstance(extends, Scalar) and isinstance(extends.value, str):
        named.append((extends, extended_file(extends.value, (here,))))
    named += [(one, library_file(str(one.value), here)) for one in names_used(tree.get("use"))]
    start = Range(Position(0, 0), Position(0, 0))
    for scalar, file in named:
        if scalar.place.start <= offset <= scalar.place.end:
            return [Location(os.path.normpath(file), start)] if os.path.isfile(file) or file in document.open else []
    return None
