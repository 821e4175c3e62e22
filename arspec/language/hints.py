"""What a reference that names no node was most likely meant to name: help lines for newcomers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from arspec.diagnostics import did_you_mean, the_nearest
from arspec.syntax.yaml import Map, Scalar, Seq

CONDITION = "a condition has a section: condition: {label: {kind: class, classes: 10}}"


def unknown_node(
    name: str, known: Collection[str], block: str | None, blocks: Mapping[str, Map], graph: Map, conditions: bool
) -> tuple[str | None, str | None]:
    """The help line, and the name that is meant for sure. `known`: the names so far at the place, within `block` or, if
    that is None, in the graph; `conditions`: whether the spec has any."""
    if block is not None and name in graph.entries:
        return (
            f"a block sees its inputs alone: add '{name}' to the inputs of '{block}', and connect it under `from`",
            None,
        )
    if block is not None and not input_names(blocks[block]) and the_nearest(name, known) is None:
        return f"the block '{block}' has no inputs: write `inputs: [{name}]` in it", None
    if name in blocks:
        made = next((n for n, (_, e) in graph.entries.items() if _block_of(e) == name and n in known), None)
        other = f"make a node of it: body: {{block: {name}, from: ...}}"
        return f"'{name}' is a block; " + (
            f"write `{made}`, a node that is made of it" if made is not None else other
        ), made
    for inside, one in blocks.items():
        nodes = one.get("nodes")
        if inside != block and isinstance(nodes, Map) and name in nodes.entries:
            made = next((n for n, (_, e) in graph.entries.items() if _block_of(e) == inside), "body")
            help = (
                f"'{name}' stands inside the block '{inside}': add it to the outputs of that block, and write "
                f"`{made}.{name}`"
            )
            return help, None
    help = did_you_mean(name, known, "nodes so far")
    sure = the_nearest(name, known)
    sure = sure if sure is not None and sure.isidentifier() else None
    if not conditions and sure is None and not (help or "").startswith("did"):
        return f"{help}; {CONDITION}" if help else CONDITION, None
    return help, sure


def _block_of(entry: object) -> object:
    """The name of the block of which an entry of the graph is an instance."""
    called = (entry.get("block") or entry.get("experts")) if isinstance(entry, Map) else None
    return called.value if isinstance(called, Scalar) else None


def input_names(block: Map) -> list[str]:
    """The names of a block's inputs, which are a mapping, a list, or one name."""
    stated = block.get("inputs")
    if isinstance(stated, Map):
        return list(stated.entries)
    if isinstance(stated, Scalar) and isinstance(stated.value, str):
        return [stated.value]
    return [str(item.value) for item in stated.items if isinstance(item, Scalar)] if isinstance(stated, Seq) else []
