"""The small edits that may mend a leak: of the values, the inputs and the places of the entries on its path.

Nothing here knows a layer by its kind: what can be changed follows from the fields that a kind states.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from arspec.analysis.entries import Entries, Entry
from arspec.analysis.fix.edits import Edit, added, dropped, inserted, replaced, scalar
from arspec.analysis.fix.masks import LIKELY, alternatives
from arspec.diagnostics import Place
from arspec.layers.base import Layer, Node
from arspec.spec.yaml import Map, Scalar, Seq, Tree

MAX_REFERENCES = 10  # other nodes that are tried in place of one
SIDES = {
    "top": "bottom", "bottom": "top", "left": "right", "right": "left", "before": "after", "after": "before",
    "rows": "columns", "columns": "rows",
}  # fmt: skip
SHIFTS: dict[int, tuple[str, ...]] = {1: ("steps: 1",), 2: ("rows: 1", "columns: 1")}
VALUE, MORE, NODE, INPUT = 1.0, 2.0, 3.0, 3.5  # cost: a value changed, a key more, a node more, another input
ELSEWHERE = 1.25  # more, where the path shows no fault
WIDER = 0.5  # more, for what changes several nodes at once
NAMESAKE = 1.0  # less, for an input of the same name as what it is connected to
OTHER = 1.5  # cost: the other input of a block, or the other output of one, in place of this (the other stack)


@dataclass(frozen=True)
class Candidate:
    """Edits that together are one change, in words, and how much they change."""

    edits: tuple[Edit, ...]
    message: str
    cost: float

    @property
    def size(self) -> int:
        """Characters that change."""
        return sum(len(e.text) + e.place.end - e.place.start for e in self.edits)


@dataclass(eq=False)
class _Found:
    """Candidates so far, each change of the text once."""

    more: float = 0.0  # cost of the place
    candidates: list[Candidate] = field(default_factory=list[Candidate])
    told: set[tuple[Any, ...]] = field(default_factory=set[tuple[Any, ...]])

    def add(self, cost: float, message: str, *edits: Edit, anywhere: bool = False) -> None:
        key = tuple((e.place.source.name, e.place.start, e.place.end, e.text) for e in edits)
        if key not in self.told and any(e.place.text != e.text for e in edits):
            self.told.add(key)
            self.candidates.append(Candidate(edits, message, cost if anywhere else cost + self.more))


def candidates(
    entries: Entries, nodes: list[Node], guilty: list[Node], cut: Callable[[Iterable[Node]], bool]
) -> list[Candidate]:
    """Edits of the entries of these nodes and of the instances of blocks around them, the likeliest first.

    guilty: the nodes at which the paths show the fault. `cut`: whether the leak is gone once some nodes read nothing;
    where it is not, no edit of what they read mends it, and none is tried."""
    found = _Found()
    everything = entries.spec.graph().live
    blamed = {entry.key for node in guilty if (entry := entries.of(node)) is not None}
    for entry in _distinct(entries.of(node) for node in nodes):
        mine = [node for node in everything if node.place == _named(entry)]
        found.more = 0.0 if entry.key in blamed else ELSEWHERE
        through = cut(mine)
        _Values(entries, found, entry, mine).all(through)
        if through:
            _inputs(entries, found, entry, mine[0])
            _moved(found, entry, mine[0])
    found.more = WIDER
    for instance in _distinct(i for node in nodes for i in reversed(entries.around(node))):
        inside = [node for node in everything if instance.key in {i.key for i in entries.around(node)}]
        _inputs(entries, found, instance, inside[0], through=cut(inside))
        _outputs(entries, found, instance)
        for other in _passed(instance):  # its inputs may go straight through it, so that no node of it is on the path
            _inputs(entries, found, other, inside[0], through=False)
            _outputs(entries, found, other)
    return sorted(found.candidates, key=lambda c: c.cost)


def mask_candidates(entries: Entries, nodes: list[Node]) -> list[Candidate]:
    """Other masks of these nodes."""
    found = _Found()
    for entry in _distinct(entries.of(node) for node in nodes):
        mine = [node for node in nodes if node.place == _named(entry)]
        _Values(entries, found, entry, mine, masks_only=True).all(True)
    return sorted(found.candidates, key=lambda c: c.cost)


def _distinct(found: Iterable[Entry | None]) -> list[Entry]:
    return list({entry.key: entry for entry in found if entry is not None}.values())


def _passed(entry: Entry) -> list[Entry]:
    """The instances of blocks whose outputs an entry takes."""
    tree = entry.map.get("from")
    named = {str(leaf.value).partition(".")[0] for leaf in _leaves(tree)} if tree is not None else set()
    return [other for other in entry.before if other.name in named and "block" in other.map.entries]


def _named(entry: Entry) -> Place:
    return entry.map.entries["layer"][1].place


# -- values ----------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Values:
    """Changes of the values of one entry, whose nodes stand in one or several instances of its block."""

    entries: Entries
    found: _Found
    entry: Entry
    nodes: list[Node]
    masks_only: bool = False

    @property
    def model(self) -> type[Layer]:
        return type(self.nodes[0].layer)

    @property
    def dimensions(self) -> int:
        return len(self.nodes[0].ins[0].grid)

    def all(self, own: bool) -> None:
        """`own`: also values of this entry itself, not only those that came from parameters."""
        kept = {"layer", "when", "from", "weights", *self.model.ports}
        given = {key: tree for key, (_, tree) in self.entry.map.entries.items() if key not in kept}
        for key, tree in given.items():
            for value, where in self._trees(tree):
                if value is not tree or own:
                    self._value(value, where, key)
            self._given_by_instances(tree, key)
        if own:
            if not self.masks_only:
                self._sides(self.entry.map, self.entry)
            for name in self.model.model_fields:
                if (self.model.model_fields[name].alias or name) not in given:
                    self._missing(name)

    def _value(self, value: Tree, where: Entry, key: str) -> None:
        kind = _kind(self.model, key)
        if kind == "mask":
            self._mask(value, where, key)
        elif kind == "form" and not self.masks_only:
            self._choices(value, where, key)
            self._numbers(value, where, idle=self.model.model_fields[key].default)
            self._sides(value, where)

    def _trees(self, tree: Tree) -> Iterator[tuple[Tree, Entry]]:
        """The value itself, and those that it came from where it is a parameter."""
        yield tree, self.entry
        seen: set[Place] = {tree.place}
        for node in self.nodes:
            around = self.entries.around(node)
            for origin in self.entries.origins(tree, self.entry, around):
                if origin.place not in seen:
                    seen.add(origin.place)
                    inside = next((i for i in reversed(around) if _within(origin.place, i.map.place)), self.entry)
                    yield origin, inside

    def _given_by_instances(self, tree: Tree, key: str) -> None:
        """A parameter of the block, given to an instance that leaves it at its default."""
        block = self.entry.block
        name = tree.value[1:] if isinstance(tree, Scalar) and isinstance(tree.value, str) else ""
        if block.params is None or name not in block.params.entries:
            return
        default, kind = block.params.entries[name][1], _kind(self.model, key)
        if not isinstance(default, Scalar):
            return
        if kind == "mask":
            texts = [scalar(text) for text in alternatives(str(default.value), self.dimensions)]
        elif kind == "form" and not self.masks_only and isinstance(default.value, int):
            texts = [str(n) for n in _near(default.value)]
        else:
            return
        for instance in dict.fromkeys(
            self.entries.around(node)[-1] for node in self.nodes if self.entries.around(node)
        ):
            params = instance.map.get("params")
            for text in texts:
                message = f"give {_said(instance)} the parameter `{name}: {text}`"
                if params is None:
                    self.found.add(VALUE, message, added(instance.map, "params", f"{{{name}: {text}}}"))
                elif isinstance(params, Map) and name not in params.entries:
                    self.found.add(VALUE, message, added(params, name, text))

    def _mask(self, value: Tree, where: Entry, key: str) -> None:
        if isinstance(value, Scalar) and isinstance(value.value, str):
            own = self.entries.masks
            if value.value.strip() in own:  # a mask by its name: what it stands for may be what is wrong
                self._mask(own[value.value.strip()], where, key)
            for text in [*alternatives(value.value, self.dimensions), *own]:
                self._replace(VALUE, value, scalar(text), where)
        elif isinstance(value, Map):
            for part in ("groups", "kernel"):
                if (tree := value.get(part)) is not None:
                    self._mask(tree, where, key)
        elif isinstance(value, Seq):
            for leaf in _leaves(value):
                if leaf.value in (0, 1):
                    self._replace(VALUE, leaf, str(1 - leaf.value), where)

    def _choices(self, value: Tree, where: Entry, key: str) -> None:
        choices = _choices_of(self.model, key)
        if choices and isinstance(value, (Scalar, Map)):
            for choice in choices:
                self._replace(VALUE, value, choice, where)

    def _numbers(self, value: Tree, where: Entry, idle: Any) -> None:
        """`idle`: what the field is where it is left out; a 0 that says as much is suspect wherever it stands."""
        for leaf in _leaves(value):
            for origin, place in [(leaf, where), *((o, p) for o, p in self._trees(leaf) if o is not leaf)]:
                if isinstance(origin, Scalar) and isinstance(origin.value, int) and not isinstance(origin.value, bool):
                    for number in _near(origin.value):
                        suspect = origin is value and origin.value == idle == 0
                        self._replace(VALUE, origin, str(number), place, anywhere=suspect)
        if isinstance(value, Seq) and len(value.items) == 2 and len({i.place.text for i in value.items}) == 2:
            a, b = value.items
            edits = replaced(a.place, b.place.text), replaced(b.place, a.place.text)
            self.found.add(VALUE, f"write `[{b.place.text}, {a.place.text}]` in {_said(where)}", *edits)

    def _sides(self, value: Tree, where: Entry) -> None:
        """The other side or the other direction: top for bottom, columns for rows."""
        if not isinstance(value, Map):
            return
        for key, (place, tree) in value.entries.items():
            other = SIDES.get(key)
            if other is None or not isinstance(tree, Scalar):
                continue
            edits = [replaced(place, other)]
            if other in value.entries:
                edits.append(replaced(value.entries[other][0], key))
            message = f"write `{other}: {tree.place.text}` instead of `{key}: {tree.place.text}` in {_said(where)}"
            self.found.add(VALUE, message, *edits)

    def _missing(self, name: str) -> None:
        """A key that the entry leaves out."""
        info = self.model.model_fields[name]
        if name in ("layer", "from_", "weights_of"):
            return
        texts: list[str] = []
        if _kind(self.model, name) == "mask":
            texts = [scalar(text) for text in [*LIKELY.get(self.dimensions, ()), *self.entries.masks]]
        elif _kind(self.model, name) == "form" and not self.masks_only:
            texts = [c for c in _choices_of(self.model, name) if c != info.default]
            texts += ["1"] if type(info.default) is int and info.default == 0 else []
        for text in texts:
            message = f"add `{name}: {text}` to {_said(self.entry)}"
            cost = MORE if _kind(self.model, name) == "mask" else MORE + WIDER
            self.found.add(cost, message, added(self.entry.map, info.alias or name, text))

    def _replace(self, cost: float, value: Tree, text: str, where: Entry, anywhere: bool = False) -> None:
        key = _key_of(where.map, value.place)
        at = f"as `{key}` of {_said(where)}" if key else f"in line {value.place.line}"
        parameter = isinstance(value, Scalar) and str(value.value).startswith("$")  # rather the value than its name
        self.found.add(
            cost + WIDER if parameter else cost,
            f"write `{text}` instead of `{value.place.text}` {at}",
            replaced(value.place, text),
            anywhere=anywhere,
        )


def _key_of(tree: Map, place: Place) -> str:
    """The innermost key of a mapping whose value holds a place; '' where none does."""
    for key, (_, value) in tree.entries.items():
        if _within(place, value.place):
            return (_key_of(value, place) if isinstance(value, Map) else "") or key
    return ""


def _near(number: int) -> list[int]:
    return [*([-number] if number else []), number - 1, number + 1]


def _leaves(tree: Tree) -> Iterator[Scalar]:
    if isinstance(tree, Scalar):
        yield tree
    elif isinstance(tree, Seq):
        for item in tree.items:
            yield from _leaves(item)
    elif isinstance(tree, Map):
        for _, item in tree.entries.values():
            yield from _leaves(item)


@lru_cache(maxsize=4096)
def _kind(model: type[Layer], key: str) -> str:
    """'mask', 'width' for numbers of channels (which no leak depends on), 'form' for anything else, '' for none."""
    info = model.model_fields.get(key)
    if info is None:
        return ""
    if key == "mask" or "mask" in info.metadata:
        return "mask"
    thin = isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("thin")
    return "width" if thin or "channels" in info.metadata else "form"


@lru_cache(maxsize=4096)
def _choices_of(model: type[Layer], key: str) -> tuple[str, ...]:
    """The names between which a field chooses; none where it is a list of them."""
    found: list[str] = []

    def search(annotation: Any) -> None:
        if typing.get_origin(annotation) is typing.Literal:
            found.extend(str(a) for a in typing.get_args(annotation) if isinstance(a, str))
        elif typing.get_origin(annotation) not in (list, dict):
            for part in typing.get_args(annotation):
                search(part)

    search(model.model_fields[key].annotation if key in model.model_fields else None)
    return tuple(found)


# -- inputs ----------------------------------------------------------------------------------------------------------


def _inputs(entries: Entries, found: _Found, entry: Entry, node: Node, through: bool = True) -> None:
    """Two inputs of an entry exchanged; and where all leaks go `through` it, other nodes in place of those that it
    takes, one of a list left out, and a shift between."""
    ports = ["from", *type(node.layer).ports] if entry.map.get("layer") is not None else ["from"]
    shifts = SHIFTS.get(_dimensions(node), ())
    scope = _scope(entries, entry)
    for port in ports:
        tree = entry.map.get(port)
        if tree is None:
            if through and port == "from" and entry.before:
                for other in scope[:MAX_REFERENCES]:
                    found.add(INPUT, f"add `from: {other}` to {_said(entry)}", added(entry.map, "from", other))
            continue
        _swapped(found, tree, _said(entry), "inputs")
        if not through:
            continue
        named = {v.place: key for key, (_, v) in tree.entries.items()} if isinstance(tree, Map) else {}
        references = [leaf for leaf in _leaves(tree) if isinstance(leaf.value, str)]
        for ref in references:
            for other in _alternatives(str(ref.value), scope):
                message = f"take `{other}` instead of `{ref.place.text}` in {_said(entry)}"
                less = NAMESAKE if named.get(ref.place) == other.rpartition(".")[2] else 0.0
                cost = OTHER if _siblings(str(ref.value), other, entry.block.inputs) else INPUT - less
                found.add(cost, message, replaced(ref.place, scalar(other)))
            for amount in shifts:
                _shifted(found, entry, ref, amount)
        if isinstance(tree, Seq) and len(tree.items) > 1:
            for number, item in enumerate(tree.items):
                message = f"leave `{item.place.text}` out of the inputs of {_said(entry)}"
                found.add(INPUT, message, dropped(tree, number))
    if through and entry.map.get("from") is None:
        for amount in shifts:
            _shifted(found, entry, None, amount)


def _outputs(entries: Entries, found: _Found, instance: Entry) -> None:
    """Two outputs of a block exchanged, or others of its nodes given out."""
    which = instance.map.get("block")
    block = entries.blocks.get(str(which.value)) if isinstance(which, Scalar) else None
    if block is None or not isinstance(block.outputs, Map):
        return
    said = f"the outputs of the block '{block.name}' (line {block.outputs.place.line})"
    _swapped(found, block.outputs, said, "outputs")
    for key, (_, tree) in block.outputs.entries.items():
        if isinstance(tree, Scalar):
            for other in _alternatives(str(tree.value), [*reversed(block.nodes.entries), *block.inputs]):
                message = f"give `{other}` instead of `{tree.place.text}` as `{key}` in {said}"
                found.add(INPUT, message, replaced(tree.place, other))


def _swapped(found: _Found, tree: Tree, said: str, what: str) -> None:
    """Two of named values exchanged: the other stack."""
    if not isinstance(tree, Map):
        return
    values = [(key, value) for key, (_, value) in tree.entries.items() if isinstance(value, Scalar)]
    for k, (first, a) in enumerate(values):
        for second, b in values[k + 1 :]:
            edits = replaced(a.place, b.place.text), replaced(b.place, a.place.text)
            message = f"exchange `{first}` and `{second}` among the {what} of {said}"
            found.add(VALUE, message if what == "inputs" else f"exchange `{first}` and `{second}` in {said}", *edits)


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


# -- shifts ----------------------------------------------------------------------------------------------------------


def _moved(found: _Found, entry: Entry, node: Node) -> None:
    """A shift in place of a node that does nothing."""
    kind = entry.map.get("layer")
    if isinstance(kind, Scalar) and kind.value == "identity":
        for amount in SHIFTS.get(_dimensions(node), ()):
            key = amount.partition(":")[0]
            edits = replaced(kind.place, "shift"), added(entry.map, key, amount.partition(": ")[2])
            found.add(MORE + WIDER, f"make {_said(entry)} a shift: `{{layer: shift, {amount}}}`", *edits, anywhere=True)


def _shifted(found: _Found, entry: Entry, ref: Scalar | None, amount: str) -> None:
    """A shift between an entry and one of its inputs."""
    taken = set(entry.block.nodes.entries) | set(entry.block.inputs)
    name = next(n for k in range(len(taken) + 1) if (n := f"shifted{k + 1 if k else ''}") not in taken)
    taking = f"from: {ref.place.text}, " if ref is not None else ""
    text = f"{{layer: shift, {taking}{amount}}}"
    edits = [inserted(entry.key, entry.block.nodes.flow, name, text)]
    if ref is not None:
        edits.append(replaced(ref.place, name))
    source = f"`{ref.place.text}`" if ref is not None else "its input"
    found.add(NODE, f"shift {source} by {amount.replace(': ', ' ')} before {_said(entry)}", *edits)


def _dimensions(node: Node) -> int:
    return len(node.out.grid)


def _said(entry: Entry) -> str:
    return f"'{entry.name}' (line {entry.line})"


def _within(inner: Place, outer: Place) -> bool:
    return inner.source.name == outer.source.name and outer.start <= inner.start and inner.end <= outer.end
