"""Masks that keep nothing: their layers read no site, and give their bias everywhere."""

from __future__ import annotations

from arspec.analysis.known_at import Relations
from arspec.diagnostics import Diagnostic
from arspec.layers.base import Node
from arspec.types import Ints


def empty_masks(relations: Relations, known: dict[Node, Ints]) -> list[Diagnostic]:
    """A note for each line of the spec at which a masked layer knows nothing, though its inputs know something."""
    found: dict[object, Diagnostic] = {}
    for node in relations.graph.computed:
        if node.mask is None or known[node].max(initial=-1) >= 0:
            continue
        if max((int(known[source].max(initial=-1)) for source in node.inputs), default=-1) >= 0:
            place = node.keys.get("mask", node.place)
            message = f"the mask '{node.mask}' of '{node.name}' keeps nothing: no site reads anything of the data"
            help = "`so_far` keeps the site itself; or take a larger kernel"
            found.setdefault(place, Diagnostic("AR318", message, place, help))
    return list(found.values())
