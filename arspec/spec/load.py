"""From a file to a Spec: the sections read and checked, parameters settled, `extends` followed. The graph is still text."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from arspec import orders
from arspec.diagnostics import Collector, Diagnostic, InputError, Place, Source, SpecError, did_you_mean
from arspec.heads import HEADS, Head, Support
from arspec.layers.base import Fault
from arspec.masks import READY_MADE, resolve
from arspec.spec.expressions import ExpressionError
from arspec.spec.keys import Evaluator, check_keys, place_of, report_invalid
from arspec.spec.sections import Condition, Data, OrderSection, Section
from arspec.spec.yaml import Map, Scalar, Seq, Tree, core_value, parse, plain, read
from arspec.types import Member

if TYPE_CHECKING:
    from arspec.graph import Graph

SECTIONS = {
    "arspec": "the version of the language: 1",
    "name": "the name of the model",
    "about": "what it is, with its source",
    "extends": "the spec that this one starts from: its params merge by key, any other section stands for the whole",
    "data": "what is modelled: image, sequence or vector",
    "order": "the order of generation, or a list of orders",
    "condition": "what the model is conditioned on, by name",
    "params": "numbers that the rest refers to as $name; they can be set from outside",
    "masks": "predicates over (this site, that site), by name",
    "blocks": "reusable subgraphs, by name",
    "graph": "the nodes",
    "head": "the distribution, and the node that gives its parameters",
}
VERSION = 1
MAX_EXTENDS = 16
MAX_CELLS = 1 << 22  # positions of the data's grid
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BUILT_IN = {
    "head": "numbers that the head needs, over all channels of a pixel",
    "levels": "levels of the data",
    "channels": "channels of the data",
    "groups": "channel groups: the channels where they are generated one after another, else 1",
    "i": "the number of the repetition, from 0",
}


@dataclass(eq=False)
class Spec:
    """A spec as read: its sections, its family of orders, its parameters, and its blocks and graph still as text.

    `graph(depth)` expands it. Built by `load`; it does not change."""

    source: Source
    name: str
    about: str
    data: Any  # one of the data sections
    orders: list[OrderSection]
    condition: dict[str, Any]
    params: dict[str, Any]
    overridden: frozenset[str]
    masks: dict[str, str]
    blocks: dict[str, Map]
    nodes: Map
    head: Head
    head_place: Map
    members: list[Member] = field(repr=False)
    data_params: dict[str, str] = field(default_factory=dict)  # key of the data section -> the parameter that it is
    repeats: int = 1  # by which every repeat is multiplied, to tell blind from out of reach
    changes: dict[str, Any] = field(default_factory=dict)  # keys of the data section that were set from outside
    texts: dict[str, str] = field(default_factory=dict, repr=False)  # what stands for the files that it extends, by name

    @property
    def groups(self) -> int:
        """Channel groups that are generated one after another at a position."""
        return self.members[0].order.groups

    @property
    def head_size(self) -> int:
        """Numbers that the head needs for all channels of a pixel."""
        support = Support(self.data.levels, self.data.channels // self.groups)
        return self.groups * self.head.parameters(support)

    def graph(self) -> Graph:
        """The expanded, typed graph (made once). Raises SpecError."""
        from arspec.spec.expand import expand

        if not hasattr(self, "_graph"):
            self._graph = expand(self)
        return self._graph

    def variant(
        self, *, params: Mapping[str, Any] | None = None, data: Mapping[str, Any] | None = None, repeats: int = 1,
        text: str | None = None, texts: Mapping[str, str] | None = None,
    ) -> Spec:  # fmt: skip
        """The same spec with other parameters, another size of its data, every repeat multiplied, or an edited text.
        `texts`: edited texts by the names of their files, for the spec itself and for those that it extends."""
        kept = {name: self.params[name] for name in self.overridden}
        edited = {**self.texts, **(texts or {})}
        own = text if text is not None else edited.pop(self.source.name, None)
        source = Source(self.source.name, own) if own is not None else self.source
        return _build(source, {**kept, **(params or {})}, {**self.changes, **(data or {})}, repeats, edited)

    def __repr__(self) -> str:
        return f"<spec {self.name}: {self.data.kind} {self.data.shape}>"


def load(
    path: str | os.PathLike[str], params: Mapping[str, Any] | None = None, data: Mapping[str, Any] | None = None
) -> Spec:
    """Reads a spec. `params` sets its parameters, `data` keys of its data section (height, length, levels, ...).

    Raises SpecError with all faults that can be found, and InputError for a file that can't be read."""
    return _build(read(path), dict(params or {}), dict(data or {}), 1)


def from_text(text: str, name: str = "<text>", params: Mapping[str, Any] | None = None) -> Spec:
    """A spec from its text. Errors name it as `name`."""
    return _build(Source(name, text), dict(params or {}), {}, 1)


def _build(
    source: Source, overrides: dict[str, Any], data: dict[str, Any], repeats: int, texts: Mapping[str, str] | None = None
) -> Spec:
    faults = Collector()
    sections = _sections(source, faults, (), texts or {})
    data_params = _data_params(sections.get("data"))
    own = _own_params(sections.get("params"), overrides, data_params, faults)
    evaluator = Evaluator(own, faults)
    for key in ("data", "graph", "head"):
        if key not in sections:
            faults.add("AR102", f"the section '{key}' is missing", _top(source), f"{key}: {SECTIONS[key]}")
    found = _data(sections.get("data"), data, evaluator, faults)
    order_sections = _orders(sections.get("order"), found, evaluator, faults)
    condition = _named(sections.get("condition"), Condition, "a condition", evaluator, faults)
    masks = _masks(sections.get("masks"), evaluator, faults)
    blocks = _blocks(sections.get("blocks"), faults)
    nodes = sections.get("graph")
    if nodes is not None and not (isinstance(nodes, Map) and nodes.entries):
        faults.add("AR116", "the graph holds no nodes", nodes.place, "graph: {name: {layer: ...}, ...}")
    head, head_tree = _head(sections.get("head"), evaluator, faults)
    faults.raise_if_any()
    assert found is not None and isinstance(nodes, Map) and head is not None and isinstance(head_tree, Map)
    members = _members(order_sections, found, sections.get("order"), source, faults)
    faults.raise_if_any()
    spec = Spec(
        source, _text(sections.get("name"), Path(source.name).stem), _text(sections.get("about"), ""), found,
        [s for s, _ in order_sections], condition, own, frozenset(overrides), masks, blocks, nodes, head, head_tree,
        members, data_params, repeats, dict(data), dict(texts or {}),
    )  # fmt: skip
    try:
        spec.head_size
    except Fault as fault:
        raise SpecError([Diagnostic(fault.code, fault.message, place_of(head_tree, [fault.key]), fault.help)]) from None
    return spec


def _top(source: Source) -> Place:
    first = next((i for i, c in enumerate(source.text) if not c.isspace()), 0)
    return Place(source, first, min(first + 1, len(source.text)))


def _sections(
    source: Source, faults: Collector, chain: tuple[str, ...], texts: Mapping[str, str]
) -> dict[str, Tree]:
    """The sections of a spec, those of the spec that it extends below them. `texts` stand for files of that name."""
    tree = parse(source)
    if not isinstance(tree, Map):
        raise SpecError([Diagnostic("AR018", "a spec is a mapping of sections", tree.place, "begin with `arspec: 1`")])
    for key, (place, _) in tree.entries.items():
        if key not in SECTIONS:
            faults.add("AR105", f"there is no section '{key}'", place, did_you_mean(key, SECTIONS, "sections"))
    version = tree.get("arspec")
    if version is None:
        faults.add("AR102", "the version of the language is missing", _top(source), "write `arspec: 1` at the top")
    elif not isinstance(version, Scalar) or version.value != VERSION:
        faults.add("AR106", f"the language has version {VERSION}", version.place, "write `arspec: 1`")
    for key in ("name", "about"):
        value = tree.get(key)
        if value is not None and not (isinstance(value, Scalar) and isinstance(value.value, str)):
            faults.add("AR103", f"`{key}` is a text", value.place, "put it in quotes")
    own = {key: value for key, (_, value) in tree.entries.items() if key in SECTIONS}
    extends = own.get("extends")
    if extends is None:
        return own
    if not (isinstance(extends, Scalar) and isinstance(extends.value, str)):
        faults.add("AR103", "`extends` names a file", extends.place, "extends: pixelcnn.yaml")
        return own
    path = os.path.normpath(os.path.join(os.path.dirname(source.name), extends.value))
    here = (*chain, os.path.normpath(source.name))
    if path in here:
        faults.add("AR113", f"specs extend each other in a circle: {' → '.join((*here, path))}", extends.place)
        return own
    if len(here) > MAX_EXTENDS:
        faults.add("AR114", f"a chain of more than {MAX_EXTENDS} specs that extend each other", extends.place)
        return own
    try:
        below = _sections(Source(path, texts[path]) if path in texts else read(path), faults, here, texts)
    except SpecError:
        raise
    except InputError as error:
        faults.add("AR112", f"the spec '{extends.value}' can't be read: {error.message}", extends.place, error.help)
        return own
    merged = {**below, **own}
    params, base = own.get("params"), below.get("params")
    if isinstance(params, Map) and isinstance(base, Map):
        merged["params"] = Map(params.place, {**base.entries, **params.entries}, params.flow)
    return merged


def _text(tree: Tree | None, default: str) -> str:
    return str(tree.value) if isinstance(tree, Scalar) and isinstance(tree.value, str) else default


def _own_params(
    tree: Tree | None, overrides: dict[str, Any], data_params: dict[str, str], faults: Collector
) -> dict[str, Any]:
    """The parameters, evaluated one after another as they refer to each other, with what is set from outside.

    A name that arspec itself gives is taken only where both mean the same: data: {levels: $levels}."""
    entries: dict[str, tuple[Place, Tree]] = {}
    if isinstance(tree, Map):
        entries = tree.entries
    elif tree is not None and plain(tree) is not None:
        faults.add("AR103", "`params` is a mapping of names to values", tree.place, "params: {width: 64}")
    for name in overrides:
        if name not in entries:
            place = tree.place if tree is not None else None
            faults.add("AR213", f"the spec has no parameter '{name}' to set", place, did_you_mean(name, entries, "parameters"))
    for name, (place, _) in entries.items():
        if not NAME.fullmatch(name):
            faults.add("AR115", f"'{name}' is no name for a parameter", place, "names are letters, digits and _")
        elif name in BUILT_IN and data_params.get(name) != name:
            faults.add("AR207", f"'{name}' is a parameter that arspec itself gives: {BUILT_IN[name]}", place, "take another name")
    return settle_params(entries, overrides, {}, faults)


def settle_params(
    entries: Mapping[str, tuple[Place, Tree]], overrides: Mapping[str, Any], outer: Mapping[str, Any], faults: Collector
) -> dict[str, Any]:
    """Values of the parameters of a spec or a block: those given, else their defaults, which may refer to parameters
    that stand before them and to those outside."""
    values: dict[str, Any] = dict(outer)
    own: dict[str, Any] = {}
    for name, (_, default) in entries.items():
        given = Evaluator(values, faults).value(default)
        if name in overrides:
            value = overrides[name]
            if isinstance(value, str) and not isinstance(given, str):
                value = core_value(value)
            if _unlike(value, given):
                faults.add("AR214", f"the parameter '{name}' is {_said(given)}; it was set to {value!r}", default.place)
            given = value
        own[name] = values[name] = given
    return own


def _unlike(value: Any, default: Any) -> bool:
    if default is None or isinstance(value, (list, dict)) or isinstance(default, (list, dict)):
        return False  # a kernel is a number or a list of them, a mask a text or a list: the layer says what it takes
    return _said(value) != _said(default)


def _said(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case _:
            return f"a {type(value).__name__}"


def _data(tree: Tree | None, changes: dict[str, Any], evaluator: Evaluator, faults: Collector) -> Any:
    if tree is None:
        return None
    if not isinstance(tree, Map):
        faults.add("AR103", "`data` is a mapping", tree.place, "data: {kind: image, height: 28, width: 28, levels: 2}")
        return None
    values = {**evaluator.plain(tree), **changes}
    try:
        data = TypeAdapter(Data).validate_python(values)
    except ValidationError as error:
        report_invalid(error, tree, "the data", faults, values)
        return None
    cells = 1
    for side in data.grid:
        cells *= side
    if cells > MAX_CELLS:
        faults.add("AR505", f"a grid of {cells:,} positions, where {MAX_CELLS:,} is the limit", tree.place)
        return None
    return data


def _data_params(tree: Tree | None) -> dict[str, str]:
    """The keys of the data section that are a parameter as it stands: height: $height."""
    entries = tree.entries.items() if isinstance(tree, Map) else ()
    texts = {key: value.value for key, (_, value) in entries if isinstance(value, Scalar)}
    return {k: v[1:] for k, v in texts.items() if isinstance(v, str) and v.startswith("$") and NAME.fullmatch(v[1:])}


def _orders(
    tree: Tree | None, data: Any, evaluator: Evaluator, faults: Collector
) -> list[tuple[OrderSection, Tree | None]]:
    items: list[Tree | None] = list(tree.items) if isinstance(tree, Seq) else [tree]
    if not items:
        assert tree is not None
        faults.add("AR116", "a family of orders has at least one", tree.place)
    found: list[tuple[OrderSection, Tree | None]] = []
    for item in items:
        if item is None:
            found.append((OrderSection.model_validate({}), None))
            continue
        values = evaluator.plain(item)
        if isinstance(values, str):
            values = {"scan": values}
        if not isinstance(values, dict):
            faults.add("AR103", "an order is the name of a scan, or a mapping", item.place, "order: {scan: raster}")
            continue
        try:
            found.append((OrderSection.model_validate(values), item))
        except ValidationError as error:
            report_invalid(error, item, "an order", faults, values)
    kinds = {section.channels for section, _ in found}
    if len(kinds) > 1 and tree is not None:
        faults.add("AR510", "the orders of a family differ in `channels`: sequential in one, joint in another", tree.place)
    return found


def _members(
    sections: list[tuple[OrderSection, Tree | None]], data: Any, tree: Tree | None, source: Source, faults: Collector
) -> list[Member]:
    members: list[Member] = []
    for section, place in sections:
        for k in range(section.members):
            try:
                order = _order(section, data, section.seed + k, source)
            except InputError as error:
                at = place.place if place is not None else _top(source)
                if isinstance(place, Map):
                    guess = {"AR501": "scan", "AR507": "scan", "AR506": "flip"}.get(error.code, "ranks")
                    found = place.get(guess)
                    at = found.place if found is not None else at
                faults.add(error.code, error.message, at, error.help)
                break
            members.append(Member(len(members), order, len(members)))
    return members


def _order(section: OrderSection, data: Any, seed: int, source: Source) -> orders.Order:
    flips = list(section.flip)
    ranks: Any = section.ranks
    if isinstance(ranks, str):
        ranks = orders.ranks_from_file(os.path.join(os.path.dirname(source.name), ranks), data.grid)
    scan = section.scan or ("explicit" if ranks is not None else "raster" if data.kind == "image" else "natural")
    return orders.order(
        scan, data.grid, section.channels, data.channels, seed=seed, flip=flips, transpose=section.transpose,
        ranks=ranks, factor=section.factor,
    )  # fmt: skip


def _named(tree: Tree | None, union: Any, what: str, evaluator: Evaluator, faults: Collector) -> dict[str, Any]:
    if tree is None or plain(tree) is None:
        return {}
    if not isinstance(tree, Map):
        faults.add("AR103", "`condition` is a mapping of names to conditions", tree.place,
                   "condition: {label: {kind: class, classes: 10}}")  # fmt: skip
        return {}
    found: dict[str, Section] = {}
    for name, (place, item) in tree.entries.items():
        if not NAME.fullmatch(name) or name == "x":
            faults.add("AR115", f"'{name}' is no name for {what}", place, "names are letters, digits and _; x is the data")
            continue
        values = evaluator.plain(item)
        if isinstance(values, dict):
            try:
                found[name] = TypeAdapter(union).validate_python(values)
            except ValidationError as error:
                report_invalid(error, item, what, faults, values)
        else:
            faults.add("AR103", f"{what} is a mapping", item.place, f"{name}: {{kind: class, classes: 10}}")
    return found


def _masks(tree: Tree | None, evaluator: Evaluator, faults: Collector) -> dict[str, str]:
    if tree is None or plain(tree) is None:
        return {}
    if not isinstance(tree, Map):
        faults.add("AR103", "`masks` is a mapping of names to predicates", tree.place, "masks: {mine: rows_above or left}")
        return {}
    found: dict[str, str] = {}
    for name, (place, item) in tree.entries.items():
        if not NAME.fullmatch(name):
            faults.add("AR115", f"'{name}' is no name for a mask", place, "names are letters, digits and _")
        elif name in READY_MADE:
            faults.add("AR207", f"'{name}' is a ready-made mask: {READY_MADE[name][1]}", place, "take another name")
        elif isinstance(item, Scalar) and isinstance(item.value, str):
            found[name] = item.value
        else:
            faults.add("AR103", "a mask is a predicate over (this, that)", item.place, "mine: rows_above or (left and not here)")
    for name in found:
        item = tree.entries[name][1]
        try:
            resolve(found[name], found, evaluator.params)
        except ExpressionError as error:
            faults.add(error.code, error.message, item.place, error.help)
    return found


def _blocks(tree: Tree | None, faults: Collector) -> dict[str, Map]:
    if tree is None or plain(tree) is None:
        return {}
    if not isinstance(tree, Map):
        faults.add("AR103", "`blocks` is a mapping of names to subgraphs", tree.place, None)
        return {}
    found: dict[str, Map] = {}
    for name, (place, item) in tree.entries.items():
        if not isinstance(item, Map):
            faults.add("AR103", f"the block '{name}' is a mapping", item.place, "with inputs, nodes, outputs, params")
            continue
        if not NAME.fullmatch(name):
            faults.add("AR115", f"'{name}' is no name for a block", place, "names are letters, digits and _")
        check_keys(item, {"inputs", "params", "nodes", "outputs", "about"}, f"the block '{name}'", faults)
        for key in ("nodes", "outputs"):
            value = item.get(key)
            if value is None:
                faults.add("AR102", f"the block '{name}' has no `{key}`", place, None)
            elif key == "nodes" and not (isinstance(value, Map) and value.entries):
                faults.add("AR116", f"the block '{name}' holds no nodes", value.place, None)
        params = item.get("params")
        if params is not None and not isinstance(params, Map):
            faults.add("AR103", "`params` is a mapping of names to values", params.place, None)
        found[name] = item
    return found


def _head(tree: Tree | None, evaluator: Evaluator, faults: Collector) -> tuple[Head | None, Tree | None]:
    if tree is None:
        return None, None
    if not isinstance(tree, Map):
        faults.add("AR103", "`head` is a mapping", tree.place, "head: {kind: categorical, from: logits}")
        return None, tree
    values = evaluator.plain(tree)
    kind = values.get("kind")
    if kind not in HEADS:
        at = tree.get("kind")
        what = "the head has no `kind`" if kind is None else f"there is no head of kind '{kind}'"
        faults.add("AR102" if kind is None else "AR108", what, (at or tree).place, did_you_mean(str(kind), HEADS, "kinds"))
        return None, tree
    try:
        return HEADS[kind].model_validate(values), tree
    except ValidationError as error:
        report_invalid(error, tree, f"a {kind} head", faults, values)
        return None, tree


__all__ = ["BUILT_IN", "NAME", "SECTIONS", "Spec", "from_text", "load", "settle_params"]
