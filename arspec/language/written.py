"""What the entries of a graph give, kept for as long as the parameters that they name have the same values.

A block is gone through once for each of its instances, and most of its layers are the same in all of them: they are
read and checked once, and their types are worked out once for each form of their inputs. Specs that differ by an edit
share what the entries of both give, down to the nodes themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from arspec.diagnostics import Place
from arspec.language.params import scalars
from arspec.layers.base import Layer, Node
from arspec.masks import Mask
from arspec.syntax.expressions import names
from arspec.syntax.yaml import Map
from arspec.types import Type

_ABSENT = object()


@dataclass(eq=False)
class Typed:
    """A layer on inputs of certain types: its mask, the type of its output, and what it has settled."""

    mask: Mask | None
    out: Type
    plan: Any


@dataclass(eq=False)
class Written:
    """A layer as an entry writes it. `held` keeps the values alive that its key stands for. widths: the parameters that
    its numbers of channels are computed from."""

    layer: Layer
    keys: dict[str, Place]
    widths: set[str]
    held: list[Any]
    typed: dict[tuple[Type, ...], Typed] = field(default_factory=dict[tuple[Type, ...], Typed])


class Writing:
    """The layers that entries have given. own: the spec's own masks, which may name parameters as well.

    Shared by specs that differ in nothing but the entries of their blocks and their graph; entries that they share are
    the same objects."""

    def __init__(self, own: Mapping[str, str]) -> None:
        self.own = frozenset[str]().union(*map(names, own.values()))
        self.named: dict[int, list[str]] = {}  # the parameters that an entry names, by its identity
        self.known: dict[tuple[Any, ...], Written] = {}
        self.nodes: dict[tuple[Any, ...], Node] = {}  # by name, layer and inputs
        self.fitting: set[tuple[object, ...]] = set()  # forms of experts that were found to fit
        self._made: dict[tuple[int, str], Map] = {}
        self._alive: list[Map] = []  # the entries whose identities stand for them

    def made(self, entry: Map, name: str, make: Callable[[], Map]) -> Map:
        """The entry of a layer that another entry stands for, made once."""
        key = (id(entry), name)
        if key not in self._made:
            self._made[key] = make()
            self._alive.append(entry)
        return self._made[key]

    def key(self, entry: Map, params: Mapping[str, Any]) -> tuple[tuple[Any, ...], list[Any]]:
        """What the entry's layer depends on, as a key, and the values in it."""
        found = self.named.get(id(entry))
        if found is None:
            texts = [s.value for _, tree in entry.entries.values() for s in scalars(tree) if isinstance(s.value, str)]
            found = self.named[id(entry)] = sorted(self.own.union(*map(names, texts)))
            self._alive.append(entry)
        if not found:
            return (id(entry),), []
        wanted, values, parts = [*found], list[Any](), list[Any]()
        for name in wanted:  # a text may name further ones
            value = params.get(name, _ABSENT)
            if isinstance(value, str):
                wanted += [other for other in sorted(names(value)) if other not in wanted]
            values.append(value)
            parts.append((name, type(value), id(value) if isinstance(value, (list, dict)) else value))
        return (id(entry), *parts), values
