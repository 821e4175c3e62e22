"""Changes of what an entry takes: another node, the other stack, a shift between."""

from __future__ import annotations

from arspec.analysis.entries import Entries, Entry
from arspec.analysis.fix.candidate import INPUT, MORE, NAMESAKE, NODE, OTHER, VALUE, WIDER, Found, leaves, said
from arspec.analysis.fix.edits import added, dropped, inserted, replaced, scalar
from arspec.layers.base import Node
from arspec.syntax.yaml import Map, Scalar, Seq, Tree

MAX_REFERENCES = 10  # other nodes that are tried in place of one
SHIFTS: dict[int, tuple[str, ...]] = {1: ("steps: 1",), 2: ("rows: 1", "columns: 1")}


def inputs(entries: Entries, found: Found, entry: Entry, node: Node, through: bool = True) -> None:
    """Two inputs of an entry exchanged; and where all leaks go `through` it, other nodes in place of those that it
    takes, one of a list left out, and a shift between."""
    ports = ["from", *entry.model(node).ports] if entry.map.get("block") is None else ["from"]
    shifts = SHIFTS.get(_dimensions(node), ())
    scope = _scope(entries, entry)
    for port in ports:
        tree = entry.map.get(port)
        if tree is None:
            if through and port == "from" and entry.before:
                for other in scope[:MAX_REFERENCES]:
                    found.add(INPUT, f"add `from: {other}` to {said(entry)}", added(entry.map, "from", other))
            continue
        _swapped(found, tree, said(entry), "inputs")
        if not through:
            continue
        named = {v.place: key for key, (_, v) in tree.entries.items()} if isinstance(tree, Map) else {}
        references = [leaf for leaf in leaves(tree) if isinstance(leaf.value, str)]
        for ref in references:
            for other in _alternatives(str(ref.value), scope):
                message = f"take `{other}` instead of `{ref.place.text}` in {said(entry)}"
                less = NAMESAKE if named.get(ref.place) == other.rpartition(".")[2] else 0.0
                cost = OTHER if _siblings(str(ref.value), other, entry.block.inputs) else INPUT - less
                found.add(cost, message, replaced(ref.place, scalar(other)))
            for amount in shifts:
                _shifted(found, entry, ref, amount)
        if isinstance(tree, Seq) and len(tree.items) > 1:
            for number, item in enumerate(tree.items):
                message = f"leave `{item.place.text}` out of the inputs of {said(entry)}"
                found.add(INPUT, message, dropped(tree, number))
    if through and entry.map.get("from") is None:
        for amount in shifts:
            _shifted(found, entry, None, amount)


def outputs(entries: Entries, found: Found, instance: Entry) -> None:
    """Two outputs of a block exchanged, or others of its nodes given out."""
    which = instance.map.get("block")
    block = entries.blocks.get(str(which.value)) if isinstance(which, Scalar) else None
    if block is None or not isinstance(block.outputs, Map):
        return
    name = f"the outputs of the block '{block.name}' (line {block.outputs.place.line})"
    _swapped(found, block.outputs, name, "outputs")
    for key, (_, tree) in block.outputs.entries.items():
        if isinstance(tree, Scalar):
            for other in _alternatives(str(tree.value), [*reversed(block.nodes.entries), *block.inputs]):
                message = f"give `{other}` instead of `{tree.place.text}` as `{key}` in {name}"
                found.add(INPUT, message, replaced(tree.place, other))


def _swapped(found: Found, tree: Tree, name: str, what: str) -> None:
    """Two of named values exchanged: the other stack."""
    if not isinstance(tree, Map):
        return
    values = [(key, value) for key, (_, value) in tree.entries.items() if isinstance(value, Scalar)]
    for k, (first, a) in enumerate(values):
        for second, b in values[k + 1 :]:
            edits = replaced(a.place, b.place.text), replaced(b.place, a.place.text)
            message = f"exchange `{first}` and `{second}` among the {what} of {name}"
            found.add(VALUE, message if what == "inputs" else f"exchange `{first}` and `{second}` in {name}", *edits)


def _scope(entries: Entries, entry: Entry) -> list[str]:
    """The nodes that an entry may refer to, the nearest first."""
    found: list[str] = []
    for before in reversed(entry.before):
        found += _references(entries, before)
    return [*found, *entry.block.inputs]


def _references(entries: Entries, entry: Entry) -> list[str]:
    which = entry.map.get("block")
    block = entries.blocks.get(str(which.value)) if isinstance(which, Scalar) else None
    if block is None:
        return [entry.name]
    if isinstance(block.outputs, Map) and len(block.outputs.entries) > 1:
        return [f"{entry.name}.{output}" for output in block.outputs.entries]
    if isinstance(block.outputs, Seq) and len(block.outputs.items) > 1:
        return [f"{entry.name}.{item.value}" for item in block.outputs.items if isinstance(item, Scalar)]
    return [entry.name]


def _siblings(one: str, other: str, inputs: tuple[str, ...]) -> bool:
    """Whether both are inputs of the block, or outputs of the same instance."""
    stem = one.rpartition(".")[0]
    return (one in inputs and other in inputs) or (bool(stem) and stem == other.rpartition(".")[0])


def _alternatives(ref: str, scope: list[str]) -> list[str]:
    """Other references, first the other parts of what is referred to."""
    stem = ref.rpartition(".")[0]
    near = [name for name in scope if stem and name.startswith(stem + ".")]
    outputs = {name.rpartition(".")[2] for name in scope if "." in name}
    near += [f"{stem}.{output}" for output in sorted(outputs) if stem and ("*" in stem or "(" in stem)]
    return [name for name in dict.fromkeys([*near, *scope]) if name != ref][:MAX_REFERENCES]


def moved(found: Found, entry: Entry, node: Node) -> None:
    """A shift in place of a node that does nothing."""
    kind = entry.map.get("layer")
    if isinstance(kind, Scalar) and kind.value == "identity":
        for amount in SHIFTS.get(_dimensions(node), ()):
            key = amount.partition(":")[0]
            edits = replaced(kind.place, "shift"), added(entry.map, key, amount.partition(": ")[2])
            found.add(MORE + WIDER, f"make {said(entry)} a shift: `{{layer: shift, {amount}}}`", *edits, anywhere=True)


def _shifted(found: Found, entry: Entry, ref: Scalar | None, amount: str) -> None:
    """A shift between an entry and one of its inputs."""
    taken = set(entry.block.nodes.entries) | set(entry.block.inputs)
    name = next(n for k in range(len(taken) + 1) if (n := f"shifted{k + 1 if k else ''}") not in taken)
    taking = f"from: {ref.place.text}, " if ref is not None else ""
    text = f"{{layer: shift, {taking}{amount}}}"
    edits = [inserted(entry.key, entry.block.nodes.flow, name, text)]
    if ref is not None:
        edits.append(replaced(ref.place, name))
    source = f"`{ref.place.text}`" if ref is not None else "its input"
    found.add(NODE, f"shift {source} by {amount.replace(': ', ' ')} before {said(entry)}", *edits, shift=True)


def _dimensions(node: Node) -> int:
    return len(node.out.grid)
