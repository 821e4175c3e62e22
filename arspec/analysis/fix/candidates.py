"""The edits that may mend a leak: of the values, the inputs and the places of the entries on its path."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from arspec.analysis.entries import Entries, Entry
from arspec.analysis.fix.candidate import ELSEWHERE, WIDER, Candidate, Found, leaves
from arspec.analysis.fix.inputs import inputs, moved, outputs
from arspec.analysis.fix.values import Values
from arspec.layers.base import Node


def candidates(
    entries: Entries, nodes: list[Node], guilty: list[Node], cut: Callable[[Iterable[Node]], bool]
) -> list[Candidate]:
    """Edits of the entries of these nodes and of the instances of blocks around them, the likeliest first.

    guilty: the nodes at which the paths show the fault. `cut`: whether the leak is gone once some nodes read nothing;
    where it is not, no edit of what they read mends it, and none is tried."""
    found = Found()
    everything = entries.spec.graph().computed
    blamed = {entry.key for node in guilty if (entry := entries.of(node)) is not None}
    for entry in _distinct(entries.of(node) for node in nodes):
        mine = [node for node in everything if node.place == entry.named]
        found.more = 0.0 if entry.key in blamed else ELSEWHERE
        through = cut(mine)
        Values(entries, found, entry, mine, frozenset(guilty)).all(through)
        if through:
            inputs(entries, found, entry, mine[0])
            moved(found, entry, mine[0])
    found.more = WIDER
    for instance in _distinct(i for node in nodes for i in reversed(entries.around(node))):
        inside = [node for node in everything if instance.key in {i.key for i in entries.around(node)}]
        inputs(entries, found, instance, inside[0], through=cut(inside))
        outputs(entries, found, instance)
        for other in _passed(instance):  # its inputs may go straight through it, so that no node of it is on the path
            inputs(entries, found, other, inside[0], through=False)
            outputs(entries, found, other)
    return sorted(found.candidates, key=lambda c: c.cost)


def mask_candidates(entries: Entries, nodes: list[Node]) -> list[Candidate]:
    """Other masks of these nodes."""
    found = Found()
    for entry in _distinct(entries.of(node) for node in nodes):
        mine = [node for node in nodes if node.place == entry.named]
        Values(entries, found, entry, mine, masks_only=True).all(True)
    return sorted(found.candidates, key=lambda c: c.cost)


def _distinct(found: Iterable[Entry | None]) -> list[Entry]:
    return list({entry.key: entry for entry in found if entry is not None}.values())


def _passed(entry: Entry) -> list[Entry]:
    """The instances of blocks whose outputs an entry takes."""
    tree = entry.map.get("from")
    named = {str(leaf.value).partition(".")[0] for leaf in leaves(tree)} if tree is not None else set()
    return [other for other in entry.before if other.name in named and "block" in other.map.entries]
