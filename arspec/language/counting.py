"""How many nodes and instances of blocks an entry of a graph stands for,
worked out by multiplication before any is made.

An instance is counted once for each set of parameters that repeats and `when` depend on. What can't be evaluated counts
as nothing: it is reported when the graph is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from arspec.diagnostics import Collector
from arspec.diagnostics.work import Work
from arspec.language.keys import Evaluator
from arspec.language.params import scalars, settle_params
from arspec.syntax.expressions import names
from arspec.syntax.yaml import Map, Scalar, Tree

MAX_REPEAT = 10_000
MAX_NESTING = 16  # blocks within blocks
# The keys of an entry that names experts by which it makes more nodes, or fewer.
CHANGE_EXPERTS = ("scores", "choice", "take", "capacity")


class _Unheard(Collector):
    """What is found while counting is found again when the graph is made, and told then."""

    def add(self, *_: Any, **__: Any) -> None:
        pass


class Counting:
    """Counts for one spec. `most`: where counting repetitions one by one stops, as there are too many already; `exact`
    is False from then on."""

    def __init__(
        self, blocks: Mapping[str, Map], outer: Mapping[str, Any], repeats: int, most: int, work: Work
    ) -> None:
        self.blocks, self.outer, self.repeats, self.most = blocks, outer, repeats, most
        self.faults = _Unheard(work)
        self.exact = True
        self.known: dict[tuple[Any, ...], int] = {}
        self.relevant: dict[str, frozenset[str]] = {}

    def entry(self, entry: Tree, params: Mapping[str, Any], chain: tuple[str, ...] = ()) -> int:
        """What an entry of a graph or of a block makes, under the parameters of that place."""
        if not isinstance(entry, Map):
            return 0
        when = entry.get("when")
        if when is not None and not Evaluator(params, self.faults).value(when):
            return 0
        if "experts" in entry.entries:
            return self._experts(entry, params, chain)
        called = entry.get("block")
        if called is None:
            return 1
        name = called.value if isinstance(called, Scalar) else None
        if not isinstance(name, str) or name not in self.blocks or name in chain or len(chain) >= MAX_NESTING:
            return 0
        repeat = entry.get("repeat")
        if repeat is None:
            return self._instance(name, entry, params, 0, chain)
        times = self._times(repeat, Evaluator(params, self.faults).value(repeat))
        if "i" not in self._varies(name, entry):
            return times * self._instance(name, entry, params, 0, chain) if times else 0
        total = 0
        for i in range(times):
            total += self._instance(name, entry, params, i, chain)
            if total > self.most and i < times - 1:
                self.exact = False
                break
        return total

    def _experts(self, entry: Map, params: Mapping[str, Any], chain: tuple[str, ...]) -> int:
        """What an entry that names experts makes: see `arspec.language.experts`."""
        evaluator = Evaluator(params, self.faults)
        said = {key: evaluator.value(tree) for key in CHANGE_EXPERTS if (tree := entry.get(key)) is not None}
        chosen = said.get("choice") == "experts"
        taken, kept = chosen or said.get("take") is not None, not chosen and said.get("capacity") is not None
        own = 2 + (said.get("scores") != "weights") + taken + kept + (entry.get("shared") is not None)
        return own + sum(self._called(entry, key, params, chain) for key in ("experts", "shared"))

    def _called(self, entry: Map, key: str, params: Mapping[str, Any], chain: tuple[str, ...]) -> int:
        """What one instance of the block makes that a key names."""
        tree = entry.get(key)
        name = tree.value if isinstance(tree, Scalar) else None
        known = isinstance(name, str) and name in self.blocks and name not in chain and len(chain) < MAX_NESTING
        return self._instance(str(name), entry, params, 0, chain) if known else 0

    def _times(self, tree: Tree, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            return 0
        times = repetitions(tree, value, self.repeats)
        return times if 0 <= times <= MAX_REPEAT else 0

    def _instance(self, name: str, entry: Map, params: Mapping[str, Any], i: int, chain: tuple[str, ...]) -> int:
        block, here = self.blocks[name], {**params, "i": i}
        stated, given = block.get("params"), entry.get("params")
        defaults = stated.entries if isinstance(stated, Map) else {}
        overrides = given.entries.items() if isinstance(given, Map) else ()
        values = {k: Evaluator(here, self.faults).value(tree) for k, (_, tree) in overrides if k in defaults}
        inner = {**self.outer, "i": i, **settle_params(defaults, values, here, self.faults)}
        depends = sorted(self._depends(name) & inner.keys())
        key = (name, len(chain), *((n, type(inner[n]), repr(inner[n])) for n in depends))
        if key not in self.known:
            self.known[key] = 1 + self._nodes(block, inner, (*chain, name))
        return self.known[key]

    def _nodes(self, block: Map, params: Mapping[str, Any], chain: tuple[str, ...]) -> int:
        nodes = block.get("nodes")
        entries = nodes.entries.values() if isinstance(nodes, Map) else ()
        return sum(self.entry(tree, params, chain) for _, tree in entries)

    def _varies(self, name: str, entry: Map) -> frozenset[str]:
        """The parameters that the size of an instance depends on."""
        given = entry.get("params")
        return self._depends(name) | (_named([given]) if given is not None else frozenset())

    def _depends(self, name: str) -> frozenset[str]:
        """The parameters that a block's `when` and `repeat` name, and those that its inner blocks are given or have."""
        if name not in self.relevant:
            self.relevant[name] = frozenset()  # a block that contains itself is refused elsewhere
            block = self.blocks[name]
            nodes = block.get("nodes")
            found = _named([block.get("params")])
            for _, entry in nodes.entries.values() if isinstance(nodes, Map) else ():
                if isinstance(entry, Map):
                    found |= _named(map(entry.get, ("when", "repeat", "params", *CHANGE_EXPERTS)))
                    for inner in map(entry.get, ("block", "experts", "shared")):
                        if isinstance(inner, Scalar) and isinstance(inner.value, str) and inner.value in self.blocks:
                            found |= self._depends(inner.value) - {"i"}
            self.relevant[name] = found
        return self.relevant[name]


def repetitions(tree: Tree, value: int, repeats: int) -> int:
    """How often a block is repeated of which `repeat` is a value:
    one that is no parameter is multiplied by `repeats`."""
    by_parameter = isinstance(tree, Scalar) and isinstance(tree.value, str) and bool(names(tree.value))
    return value if by_parameter else value * repeats


def _named(trees: Iterable[Tree | None]) -> frozenset[str]:
    """The parameters that texts refer to."""
    texts = [s.value for tree in trees if tree is not None for s in scalars(tree) if isinstance(s.value, str)]
    return frozenset[str]().union(*map(names, texts))


__all__ = ["MAX_NESTING", "MAX_REPEAT", "Counting", "repetitions"]
