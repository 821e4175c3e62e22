"""Whether the node before the head gives what the head takes; where it does not, which layer is the cause, and how to
mend it."""

from __future__ import annotations

from collections.abc import Collection

from arspec.diagnostics import Diagnostic, Place
from arspec.layers.base import Node
from arspec.layers.geometry import by
from arspec.layers.one_grid import cut, factor
from arspec.types import Type

SHOWN = 6  # layers that change the grid, which a diagnostic shows


def wrong_end(
    node: Node, wanted: Type, place: Place, head: str, levels: int, size: str, readers: Collection[Node],
    names: Collection[str],
) -> Diagnostic | None:  # fmt: skip
    """What keeps a node from giving a head's parameters; None where nothing does. `wanted`: the type that the head
    takes; `place`: where the head names the node; `size`: how a spec writes the channels that it takes; `readers`:
    other nodes that read this one; `names`: those that are taken."""
    out = node.out
    if out.grid != wanted.grid:
        return _wrong_grid(node, wanted, place)
    if out.groups != wanted.groups:
        found = f"the head speaks for {wanted.groups} channel groups, and '{node.name}' gives {out}"
        help = f"write `groups: {wanted.groups}` in that layer, or make the channels joint"
        return Diagnostic("AR605", found, place, help)
    if out.channels == wanted.channels:
        return None
    found = f"a {head} head of {levels} levels takes {wanted.width} channels, and '{node.name}' gives {out.width}"
    key = width_key(node)
    if key is not None and not readers and node.tied is None:
        at = node.keys[key]
        return Diagnostic(
            "AR601", found, place, f"write `{key}: {size}` in '{node.name}'", ((at, "given here"),), ((at, size),)
        )
    name = next(n for n in ("logits", "last", "last_layer", "before_head") if n not in names or n == "before_head")
    between = f"{name}: {{layer: conv, from: {node.name}, out: {size}, mask: so_far}}"
    return Diagnostic("AR601", found, place, f"put a layer between that gives them: {between}")


def width_key(node: Node) -> str | None:
    """The key that states how many channels a layer gives, where its line of the spec has one."""
    fields = type(node.layer).model_fields.items()
    return next((key for key, field in fields if "channels" in field.metadata and key in node.keys), None)


def _wrong_grid(node: Node, wanted: Type, place: Place) -> Diagnostic:
    changes = _changes(node)
    found = f"the head speaks for a grid of {by(wanted.grid)}, and '{node.name}' gives {node.out}"
    if not changes:
        return Diagnostic("AR602", found, place, "the head takes a node on the data's grid")
    uneven = next((n for n in changes if "stride" in n.keys and _uneven(n)), None)
    related = (
        *((_at(n), f"here {by(n.ins[0].grid)} becomes {by(n.out.grid)}") for n in changes[:SHOWN]),
        (place, "the head"),
    )
    if uneven is not None:
        found += f": the stride of '{uneven.name}' does not divide {by(uneven.ins[0].grid)}"
        return Diagnostic("AR602", found, _at(uneven), _even(uneven, node, wanted), related)
    last = changes[-1]
    if "padding" in last.keys and "stride" not in last.keys:
        same = ((last.keys["padding"], "same"),)
        return Diagnostic("AR602", found, _at(last), "write `padding: same`, which keeps the grid", related, same)
    return Diagnostic("AR602", found, _at(last), _back(node.out, wanted), related)


def _changes(node: Node) -> list[Node]:
    """The layers between the data and a node that change the grid, first those next to the data."""
    found: list[Node] = []
    while node.inputs:
        below = node.inputs[0]
        if below.out.grid != node.out.grid:
            found.append(node)
        node = below
    return found[::-1]


def _uneven(node: Node) -> bool:
    return any(size % out for size, out in zip(node.ins[0].grid, node.out.grid, strict=False))


def _at(node: Node) -> Place:
    return node.keys.get("stride") or node.keys.get("padding") or node.place


def _even(uneven: Node, node: Node, wanted: Type) -> str:
    sizes = uneven.ins[0].grid
    good = [s for s in range(2, min(sizes) + 1) if not any(size % s for size in sizes)]
    stride = f"take a stride that divides it, such as {' or '.join(map(str, good[:2]))}, in both layers" if good else ""
    sides = cut(node.out.grid, wanted.grid)
    other = f"cut what is too much before the head: {{layer: crop, {sides}}}" if sides else "leave the stride out"
    return f"{stride}; or {other}" if stride else other


def _back(out: Type, wanted: Type) -> str:
    if (times := factor(out, wanted.grid)) is not None:
        return (
            f"bring it back to {by(wanted.grid)} before the head: {{layer: upsample, factor: {times}}}, or a `conv` "
            f"with `transposed: true` and `stride: {times}`"
        )
    if (sides := cut(out.grid, wanted.grid)) is not None:
        return f"cut what is too much before the head: {{layer: crop, {sides}}}"
    return "bring it back to the data's grid before the head"
