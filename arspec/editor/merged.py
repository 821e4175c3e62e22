"""Keys that speak of a key below: those of sections with a +, and parameters that a spec sets anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from arspec.editor.names import Spot
from arspec.editor.walk import key_spot
from arspec.language.merging import merged_name
from arspec.syntax.yaml import Map, Tree


def links(own: Map, below: Mapping[str, Tree]) -> Iterator[tuple[Spot, Spot]]:
    """Each key of a spec's own text that names what a section below it has, with the key there."""
    for key, (_, tree) in own.entries.items():
        there = below.get(merged_name(key) or key)
        if isinstance(tree, Map) and isinstance(there, Map) and (merged_name(key) is not None or key == "params"):
            yield from _within(tree, there)


def _within(own: Map, below: Map) -> Iterator[tuple[Spot, Spot]]:
    for key, (place, tree) in own.entries.items():
        name = merged_name(key) or key
        there = below.entries.get(name)
        if there is not None and there[0].source.name != place.source.name:
            yield key_spot(place, name)[0], key_spot(there[0], name)[0]
            if merged_name(key) is not None and isinstance(tree, Map) and isinstance(there[1], Map):
                yield from _within(tree, there[1])
