"""What a spec adds to the one that it extends: `graph+`, `blocks+` and the like, by name.

One rule, at every depth: a key that ends in `+` is merged with the mapping of that name below it; a key without stands
in the place of the one below it, or is new; null takes it out. A new entry stands directly before the next one that is
there already, and after the last of these at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from arspec.diagnostics import Collector, Place, did_you_mean
from arspec.language.keys import said
from arspec.syntax.yaml import Map, Scalar, Tree, plain

MERGED = ("data", "condition", "masks", "blocks", "graph", "head")  # sections that may be written with a +
PLUS = "+"


def merged_name(key: str) -> str | None:
    """The name that a key with a + merges into; None of a key without."""
    return key[: -len(PLUS)] if key.endswith(PLUS) and key != PLUS else None


def merge_sections(
    own: Mapping[str, tuple[Place, Tree]], below: Mapping[str, Tree], faults: Collector
) -> dict[str, Tree]:
    """The sections of a spec, with what it merges with a +.

    own: the entries of its text; below: the sections that these may add to, those that it states whole among them."""
    found = dict(below)
    for key, (place, tree) in own.items():
        name = merged_name(key)
        if name is None:
            continue
        if name in own:
            message = f"`{key}` adds to the section below, and `{name}` replaces it"
            faults.add("AR110", message, place, "leave one of the two out")
        elif name not in below:
            message = f"`{key}` adds to a section that is extended or used, and there is no `{name}` below"
            faults.add("AR225", message, place, f"write `{name}`, without a +", (), _without(place, key, name))
        else:
            found[name] = _merged(f"the section `{name}`", key, place, tree, below[name], faults)
    return found


def _without(place: Place, key: str, name: str) -> list[tuple[Place, str]]:
    return [(place, name)] if place.text == key else []


def _merged(what: str, key: str, place: Place, own: Tree, below: Tree, faults: Collector) -> Tree:
    """A mapping with what a key with a + gives it; the one below where they can't be joined, which is reported."""
    if not isinstance(own, Map):
        message = f"`{key}` takes a mapping, whose names are merged with those below, and was given {said(plain(own))}"
        faults.add("AR103", message, own.place, f"{key}: {{name: ...}}")
        return below
    if not isinstance(below, Map):
        message = f"`{key}` adds to {what}, which is {said(plain(below))} below and no mapping"
        faults.add("AR225", message, place, f"write `{merged_name(key)}`, without a +")
        return below
    return _Merging(below, own, faults).map()


@dataclass(eq=False)
class _Merging:
    """Two mappings as one."""

    below: Map
    own: Map
    faults: Collector

    def map(self) -> Map:
        """The entries of the one below in their places, each as the other has it; what is new before its next."""
        changed: dict[str, tuple[Place, Tree] | None] = {}
        ahead: dict[str | None, list[str]] = {}  # the new entries before each that is there; before None: the last
        waiting: list[str] = []
        for key, (place, tree) in self.own.entries.items():
            name = self._name(key, place)
            if name is None:
                continue
            if name in changed:
                message = f"'{name}' stands here with a + and without"
                self.faults.add("AR110", message, place, "leave one of the two out")
                continue
            changed[name] = self._entry(key, name, place, tree)
            if name in self.below.entries:
                ahead[name], waiting = waiting, []
            else:
                waiting.append(name)
        ahead[None] = waiting
        entries: dict[str, tuple[Place, Tree]] = {}
        for name in (*self.below.entries, None):
            for one in (*ahead.get(name, ()), *(() if name is None else (name,))):
                entry = changed.get(one) if one in changed else self.below.entries[one]
                if entry is not None:
                    entries[one] = entry
        return Map(self.own.place, entries, self.own.flow)

    def _name(self, key: str, place: Place) -> str | None:
        """The name that a key speaks of; None where it merges into what is not there, which is reported."""
        name = merged_name(key)
        if name is None or name in self.below.entries:
            return name or key
        help = did_you_mean(name, self.below.entries, "below are") or f"write `{name}`, without a +"
        self.faults.add("AR225", f"`{key}` adds to '{name}' below, and there is none", place, help)
        return None

    def _entry(self, key: str, name: str, place: Place, tree: Tree) -> tuple[Place, Tree] | None:
        """What stands for a name: None for what is taken out."""
        there = self.below.entries.get(name)
        if merged_name(key) is not None and there is not None:
            return there[0], _merged(f"'{name}'", key, place, tree, there[1], self.faults)
        if isinstance(tree, Scalar) and tree.value is None:
            if there is None:
                help = did_you_mean(name, self.below.entries, "below are")
                self.faults.add("AR225", f"null takes '{name}' out, and there is none below", place, help)
            return None
        return place, tree
