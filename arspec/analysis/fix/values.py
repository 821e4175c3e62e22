"""Changes of the values of an entry: another mask, the other side, one more or less.

Nothing here knows a layer by its kind: what can be changed follows from the fields that a kind states.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from arspec.analysis.entries import KINDS, Entries, Entry
from arspec.analysis.fix.candidate import MORE, VALUE, WIDER, Found, leaves, said, within
from arspec.analysis.fix.edits import added, replaced, scalar
from arspec.analysis.fix.masks import LIKELY, alternatives
from arspec.diagnostics import Place
from arspec.language.experts import Experts
from arspec.layers.base import Layer, Node
from arspec.syntax.yaml import Map, Scalar, Seq, Tree

SIDES = {
    "top": "bottom", "bottom": "top", "left": "right", "right": "left", "before": "after", "after": "before",
    "rows": "columns", "columns": "rows",
}  # fmt: skip


@dataclass(eq=False)
class Values:
    """Changes of the values of one entry, whose nodes stand in one or several instances of its block."""

    entries: Entries
    found: Found
    entry: Entry
    nodes: list[Node]
    guilty: frozenset[Node] = frozenset()
    masks_only: bool = False

    @property
    def model(self) -> type[Experts] | type[Layer]:
        """The kind of the layer whose values change, or what states the keys of experts."""
        return self.entry.model(self.nodes[0])

    @property
    def dimensions(self) -> int:
        """The number of axes of the grid that the layer reads."""
        return len(self.nodes[0].ins[0].grid)

    def all(self, own: bool) -> None:
        """`own`: also values of this entry itself, not only those that came from parameters."""
        kept = {*KINDS, "when", "from", "weights", *self.model.ports}
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
        kind = kind_of(self.model, key)
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
                    inside = next((i for i in reversed(around) if within(origin.place, i.map.place)), self.entry)
                    yield origin, inside

    def _given_by_instances(self, tree: Tree, key: str) -> None:
        """A parameter of the block, given to an instance that leaves it at its default."""
        block = self.entry.block
        name = tree.value[1:] if isinstance(tree, Scalar) and isinstance(tree.value, str) else ""
        if block.params is None or name not in block.params.entries:
            return
        default, kind = block.params.entries[name][1], kind_of(self.model, key)
        if not isinstance(default, Scalar):
            return
        if kind == "mask":
            texts = [scalar(text) for text in alternatives(str(default.value), self.dimensions)]
        elif kind == "form" and not self.masks_only and isinstance(default.value, int):
            texts = [str(n) for n in _near(default.value)]
        else:
            return
        costs: dict[Entry, float] = {}
        for node in self.nodes:
            for instance in self.entries.around(node)[-1:]:
                cost = VALUE if not self.guilty or node in self.guilty else VALUE + WIDER
                costs[instance] = min(cost, costs.get(instance, cost))
        for instance, cost in costs.items():
            params = instance.map.get("params")
            for text in texts:
                message = f"give {said(instance)} the parameter `{name}: {text}`"
                if params is None:
                    self.found.add(cost, message, added(instance.map, "params", f"{{{name}: {text}}}"))
                elif isinstance(params, Map) and name not in params.entries:
                    self.found.add(cost, message, added(params, name, text))

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
            for leaf in leaves(value):
                if leaf.value in (0, 1):
                    self._replace(VALUE, leaf, str(1 - leaf.value), where)

    def _choices(self, value: Tree, where: Entry, key: str) -> None:
        choices = _choices_of(self.model, key)
        if choices and isinstance(value, (Scalar, Map)):
            for choice in choices:
                self._replace(VALUE, value, choice, where)

    def _numbers(self, value: Tree, where: Entry, idle: Any) -> None:
        """`idle`: what the field is where it is left out; a 0 that says as much is suspect wherever it stands."""
        for leaf in leaves(value):
            for origin, place in [(leaf, where), *((o, p) for o, p in self._trees(leaf) if o is not leaf)]:
                if isinstance(origin, Scalar) and isinstance(origin.value, int) and not isinstance(origin.value, bool):
                    for number in _near(origin.value):
                        suspect = origin is value and origin.value == idle == 0
                        self._replace(VALUE, origin, str(number), place, anywhere=suspect)
        if isinstance(value, Seq) and len(value.items) == 2 and len({i.place.text for i in value.items}) == 2:
            a, b = value.items
            edits = replaced(a.place, b.place.text), replaced(b.place, a.place.text)
            self.found.add(VALUE, f"write `[{b.place.text}, {a.place.text}]` in {said(where)}", *edits)

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
            message = f"write `{other}: {tree.place.text}` instead of `{key}: {tree.place.text}` in {said(where)}"
            self.found.add(VALUE, message, *edits)

    def _missing(self, name: str) -> None:
        """A key that the entry leaves out."""
        info = self.model.model_fields[name]
        if name in ("layer", "experts", "from_", "weights_of"):
            return
        texts: list[str] = []
        if kind_of(self.model, name) == "mask":
            texts = [scalar(text) for text in [*LIKELY.get(self.dimensions, ()), *self.entries.masks]]
        elif kind_of(self.model, name) == "form" and not self.masks_only:
            texts = [c for c in _choices_of(self.model, name) if c != info.default]
            texts += ["1"] if type(info.default) is int and info.default == 0 else []
        for text in texts:
            message = f"add `{name}: {text}` to {said(self.entry)}"
            cost = MORE if kind_of(self.model, name) == "mask" else MORE + WIDER
            self.found.add(cost, message, added(self.entry.map, info.alias or name, text))

    def _replace(self, cost: float, value: Tree, text: str, where: Entry, anywhere: bool = False) -> None:
        key = _key_of(where.map, value.place)
        at = f"as `{key}` of {said(where)}" if key else f"in line {value.place.line}"
        parameter = isinstance(value, Scalar) and str(value.value).startswith("$")  # rather the value than its name
        shared = not key and any(node not in self.guilty for node in self.nodes)  # a default that others take too
        self.found.add(
            cost + WIDER if parameter or shared else cost,
            f"write `{text}` instead of `{value.place.text}` {at}",
            replaced(value.place, text),
            anywhere=anywhere,
        )


def _key_of(tree: Map, place: Place) -> str:
    """The innermost key of a mapping whose value holds a place; '' where none does."""
    for key, (_, value) in tree.entries.items():
        if within(place, value.place):
            return (_key_of(value, place) if isinstance(value, Map) else "") or key
    return ""


def _near(number: int) -> list[int]:
    return [*([-number] if number else []), number - 1, number + 1]


@lru_cache(maxsize=4096)
def kind_of(model: type[Experts] | type[Layer], key: str) -> str:
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
