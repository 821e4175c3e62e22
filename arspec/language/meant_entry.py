"""What an entry of a graph is meant to be that is neither a layer nor a block."""

from __future__ import annotations

from collections.abc import Iterable

from arspec.diagnostics import Place
from arspec.layers import KINDS
from arspec.syntax.synonyms import KEYS, called_here
from arspec.syntax.yaml import Map, Scalar, Tree


def meant_entry(
    name: str, entry: Tree, blocks: Iterable[str], lost: str | None
) -> tuple[str, tuple[()], list[tuple[Place, str]]]:
    """The help for an entry, no related places, and the edit that it stands for. lost: the help where the entry may be
    a key of the node above that has lost its indentation."""
    known = {**dict.fromkeys(KINDS, "layer"), **dict.fromkeys(blocks, "block")}
    if isinstance(entry, Map) and {"layer", "block"} <= entry.entries.keys():
        return "leave one of the two out", (), []
    kind = known.get(str(entry.value)) if isinstance(entry, Scalar) else None
    if lost is not None and (name in ("layer", "block") or (isinstance(entry, Scalar) and kind is None)):
        return lost, (), []
    if isinstance(entry, Scalar) and kind is not None:
        return f"{name}: {{{kind}: {entry.value}, ...}}", (), []
    for key, (place, tree) in entry.entries.items() if isinstance(entry, Map) else ():
        if isinstance(tree, Scalar) and tree.value in known and called_here(key, KEYS, ["layer"]):
            wanted = known[str(tree.value)]
            return f"write `{wanted}: {tree.value}`", (), [(place, wanted)] if place.text == key else []
    return f"{name}: {{layer: conv, ...}}", (), []
