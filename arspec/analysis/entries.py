"""Where in the text things stand: the entry of each node, the instances of blocks around it, and the scalars that a
value came from when it was a parameter."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from arspec.diagnostics import Place
from arspec.language.experts import Experts
from arspec.language.load import Spec
from arspec.layers.base import Layer, Node
from arspec.syntax.yaml import Map, Scalar, Seq, Tree

KINDS = ("layer", "block", "experts")  # the keys by which an entry says what it is
_PARAMETER = re.compile(r"\$([A-Za-z_]\w*)|\$\{([A-Za-z_]\w*)\}")


@dataclass(frozen=True, eq=False)
class Block:
    """A block of the text, or the graph itself (without a name)."""

    name: str | None
    inputs: tuple[str, ...]
    params: Map | None
    nodes: Map
    outputs: Tree | None


@dataclass(frozen=True, eq=False)
class Entry:
    """One entry of a graph or a block: a layer, or an instance of a block."""

    name: str
    key: Place
    map: Map
    block: Block

    @property
    def line(self) -> int:
        """The line of the entry's key, from 1."""
        return self.key.line

    @property
    def named(self) -> Place:
        """Where it says what it is: the layer, the block, or the block of its experts."""
        return next(self.map.entries[key][1].place for key in KINDS if key in self.map.entries)

    def model(self, node: Node) -> type[Experts] | type[Layer]:
        """The model that states its keys, of an entry that a node was made for."""
        return Experts if "experts" in self.map.entries else type(node.layer)

    def holds(self, place: Place) -> bool:
        """Whether a place lies within the entry."""
        own = self.map.place
        return own.source.name == place.source.name and own.start <= place.start and place.end <= own.end

    @property
    def before(self) -> list[Entry]:
        """The entries that stand before this one in its graph or block."""
        found: list[Entry] = []
        for name, (place, tree) in self.block.nodes.entries.items():
            if name == self.name:
                break
            if isinstance(tree, Map):
                found.append(Entry(name, place, tree, self.block))
        return found


@dataclass(eq=False)
class Entries:
    """The entries of a spec's text and of the texts that it extends, where these still stand."""

    spec: Spec
    blocks: dict[str, Block] = field(default_factory=dict, init=False)
    _by_place: dict[tuple[str, int], Entry] = field(default_factory=dict, init=False)
    _params: dict[str, Tree] = field(default_factory=dict, init=False)
    masks: dict[str, Tree] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for name, into in (("params", self._params), ("masks", self.masks)):
            section = self.spec.sections.get(name)
            if isinstance(section, Map):
                into.update({key: value for key, (_, value) in section.entries.items()})
        for name, block in self.spec.blocks.items():
            if isinstance(nodes := block.get("nodes"), Map):
                params, inputs = block.get("params"), block.get("inputs")
                own = params if isinstance(params, Map) else None
                found = self.blocks[name] = Block(name, _names(inputs), own, nodes, block.get("outputs"))
                self._enter(found)
        self._enter(Block(None, ("x", *self.spec.condition), None, self.spec.nodes, None))

    def _enter(self, block: Block) -> None:
        for name, (place, tree) in block.nodes.entries.items():
            kinds = (tree.get(key) for key in KINDS) if isinstance(tree, Map) else ()
            named = next((kind for kind in kinds if kind is not None), None)
            if isinstance(tree, Map) and named is not None:
                self._by_place.setdefault(_key(named.place), Entry(name, place, tree, block))

    @cached_property
    def _clusters(self) -> dict[str, Place]:
        return {cluster.name: cluster.place for cluster in self.spec.graph().clusters}

    def of(self, node: Node) -> Entry | None:
        """The entry of a node; None for the data and the conditions."""
        return self.at(node.place)

    def at(self, place: Place) -> Entry | None:
        """The entry that says at a place what it is."""
        return self._by_place.get(_key(place))

    def around(self, node: Node) -> list[Entry]:
        """The instances of blocks that a node stands in, the outermost first."""
        parts = node.name.split(".")
        paths = [".".join(parts[:k]) for k in range(1, len(parts))]
        found = [self._by_place.get(_key(self._clusters[path])) for path in paths if path in self._clusters]
        return [entry for entry in found if entry is not None]

    def origins(self, value: Tree, entry: Entry, around: list[Entry]) -> list[Tree]:
        """The values that a value which is a parameter as it stands (`$mask`) came from, nearest first: what the
        instance gives, else the block's default, else the spec's own parameter."""
        found: list[Tree] = []
        while isinstance(value, Scalar) and isinstance(value.value, str):
            match = _PARAMETER.fullmatch(value.value.strip())
            if match is None:
                break
            name = match[1] or match[2]
            instance = around[-1] if around else None
            given = instance.map.get("params") if instance is not None else None
            if instance is not None and isinstance(given, Map) and name in given.entries:
                value, entry, around = given.entries[name][1], instance, around[:-1]
            elif entry.block.params is not None and name in entry.block.params.entries:
                value = entry.block.params.entries[name][1]
            elif name in self._params:
                value, around = self._params[name], []
            else:
                break
            if value in found:
                break
            found.append(value)
        return found


def _key(place: Place) -> tuple[str, int]:
    return place.source.name, place.start


def _names(inputs: Tree | None) -> tuple[str, ...]:
    if isinstance(inputs, Map):
        return tuple(inputs.entries)
    if isinstance(inputs, Seq):
        return tuple(str(item.value) for item in inputs.items if isinstance(item, Scalar))
    return ()
