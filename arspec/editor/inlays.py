"""Hints behind the entries of a graph: the types of what they give, as the last text that loaded has them."""

from __future__ import annotations

from dataclasses import dataclass

from arspec.editor.describe import type_words
from arspec.editor.document import Document
from arspec.editor.facts import Facts, facts
from arspec.editor.text import Position, Range, position_at
from arspec.layers.base import Node
from arspec.syntax.yaml import Map


@dataclass(frozen=True)
class Inlay:
    """A hint at a position. about: what is said of it where the pointer rests, in Markdown."""

    position: Position
    text: str
    about: str


def inlays(document: Document, within: Range | None = None) -> list[Inlay]:
    """A hint for each entry of a graph or a block whose size is known, behind the entry."""
    spec = document.sized
    if spec is None:
        return []
    about, found = facts(spec), list[Inlay]()
    for scope in (document.names.top, *document.names.blocks.values()):
        for name, (place, entry) in scope.nodes.entries.items() if scope.nodes is not None else ():
            if {place.source.name, entry.place.source.name} != {document.file} or not isinstance(entry, Map):
                continue
            line = document.source.line_at(entry.place.end) - 1
            if within is None or within.start.line <= line <= within.end.line:
                hint = _hint(about, scope.block, name)
                if hint is not None:
                    found.append(Inlay(position_at(document.source, entry.place.end), *hint))
    return sorted(found, key=lambda one: one.position)


def _hint(about: Facts, block: str | None, name: str) -> tuple[str, str] | None:
    nodes = about.nodes.get((block, name))
    if nodes:
        return _types(nodes), _words(nodes)
    clusters = about.clusters.get((block, name))
    if not clusters:
        return None
    last = clusters[-1]
    outputs = {one: about.output(last.name, last.block, one) for one in about.outputs(last.block)}
    types = {one: str(given[-1].out) for one, given in outputs.items() if given}
    if not types:
        return None
    several = len({*types.values()}) > 1
    said = ", ".join(f"{one} {kind}" for one, kind in types.items()) if several else next(iter(types.values()))
    return said, "\n".join(f"- `{one}`: {type_words(given[-1].out)}" for one, given in outputs.items() if given)


def _types(nodes: list[Node]) -> str:
    """The types of the nodes that one entry stands for: the last one's, after how many others."""
    kinds = [*dict.fromkeys(str(node.out) for node in nodes)]
    return kinds[0] if len(kinds) == 1 else f"{kinds[0]} … {kinds[-1]}"


def _words(nodes: list[Node]) -> str:
    kinds = [*dict.fromkeys(node.out for node in nodes)]
    return "\n".join(f"- {type_words(kind)}" for kind in kinds[:8])
