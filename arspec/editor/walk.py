"""A way through the sections of a spec, which resolves every name as the language does.

It takes trees, not a loaded spec, so that a spec with faults has names too. What one place can stand for in several
ways (a parameter of a block's default, which is looked up where the block stands) occurs once for each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from arspec.diagnostics import Place
from arspec.editor.names import Occurrence, Spot, Symbol
from arspec.language.experts import Experts
from arspec.language.hints import input_names
from arspec.language.params import NAME, scalars
from arspec.language.references import pieces
from arspec.language.stated import chained, output_trees
from arspec.layers import KINDS
from arspec.syntax.expressions import is_expression, places_of
from arspec.syntax.predicates import places_of_names
from arspec.syntax.yaml import Map, Scalar, Seq, Tree

_REFERS = ("from", "weights")
_CALLS = ("block", "experts", "shared")  # keys that name a block


@dataclass(frozen=True, eq=False)
class Scope:
    """Where names stand: in a block, or in the spec itself (without a name)."""

    block: str | None
    nodes: Map | None
    inputs: tuple[str, ...] = ()
    params: Map | None = None

    def entry(self, name: str) -> Map | None:
        """The entry of a node; None where there is none, or it is no mapping."""
        tree = None if self.nodes is None else self.nodes.get(name)
        return tree if isinstance(tree, Map) else None


@dataclass(eq=False)
class Names:
    """The names of one spec: where they occur, and which of them are one name by the rules of the language (the input
    and the output of a repeated block that have the same name)."""

    sections: Mapping[str, Tree]
    found: list[Occurrence] = field(default_factory=list[Occurrence], init=False)
    links: list[tuple[Symbol, Symbol]] = field(default_factory=list[tuple[Symbol, Symbol]], init=False)

    def __post_init__(self) -> None:
        self.top = Scope(None, self._map("graph"), (), self._map("params"))
        self.blocks = {
            name: Scope(name, _map(tree.get("nodes")), tuple(input_names(tree)), _map(tree.get("params")))
            for name, (_, tree) in _entries(self._map("blocks"))
            if isinstance(tree, Map)
        }
        auxiliary = _map(data.get("auxiliary")) if (data := self._map("data")) is not None else None
        self.parts = set(auxiliary.entries) if auxiliary is not None else set[str]()
        conditions = self._map("condition")
        self.conditions = set(conditions.entries) if conditions is not None else set[str]()
        self.callers: dict[str, list[Scope]] = {}  # the scopes in which a block is called
        for scope in (self.top, *self.blocks.values()):
            for called in {called for _, (_, entry) in _entries(scope.nodes) for called in _called(entry)}:
                self.callers.setdefault(called, []).append(scope)
        self._values: dict[Symbol, list[tuple[Scalar, Scope]]] = {}  # what a parameter is given
        self._masked: list[Symbol] = []  # parameters whose texts are masks, to be gone through
        self._masks_of = set[Symbol]()  # those that were
        self._users: dict[str, set[str]] = {}  # the blocks whose layers name a mask
        self._walk()

    def _map(self, section: str) -> Map | None:
        return _map(self.sections.get(section))

    # -- what a name stands for ------------------------------------------------------------------------------------

    def node(self, name: str, scope: Scope) -> Symbol:
        """What the name of a node stands for."""
        if scope.nodes is not None and name in scope.nodes.entries:
            return Symbol("node", scope.block, name)
        if name in scope.inputs:
            return Symbol("input", scope.block, name)
        if name in self.conditions:
            return Symbol("condition", None, name)
        if name in self.parts:
            return Symbol("part", None, name)
        return Symbol("data", None, name) if name in ("x", "data") else Symbol("node", scope.block, name)

    def param(self, name: str, scope: Scope) -> Symbol:
        """What the name of a parameter stands for among the nodes of a scope."""
        own = scope.block is not None and scope.params is not None and name in scope.params.entries
        return Symbol("param", scope.block if own else None, name)

    def _outside(self, name: str, scope: Scope) -> list[Symbol]:
        """What it stands for in the default of a block's parameter: one above it, or one of where the block stands."""
        here = self.param(name, scope)
        callers = self.callers.get(scope.block or "", [])
        if here.block is not None or not callers:
            return [here]
        return [*dict.fromkeys(self.param(name, caller) for caller in callers)]

    def called(self, name: str, scope: Scope) -> str | None:
        """The block of which a node is an instance; None of any other."""
        entry = scope.entry(name)
        called = None if entry is None else entry.get("block")
        return called.value if isinstance(called, Scalar) and isinstance(called.value, str) else None

    def is_mask(self, param: Symbol) -> bool:
        """Whether the text of a parameter is wanted as a mask somewhere."""
        return param in self._masks_of

    # -- the way ---------------------------------------------------------------------------------------------------

    def _walk(self) -> None:
        for name, (place, tree) in _entries(self.top.params):
            own = Symbol("param", None, name)
            self._key(place, own)
            self._value(own, tree, self.top)
            self._expressions([tree], self.top)
        data = self._map("data")
        for key, (_, tree) in _entries(data):
            if key == "auxiliary" and isinstance(tree, Map):
                for name, (place, one) in _entries(tree):
                    self._key(place, Symbol("part", None, name))
                    self._expressions([one], self.top)
            elif key != "alphabet":
                self._expressions([tree], self.top)
        for name, (place, tree) in _entries(self._map("condition")):
            self._key(place, Symbol("condition", None, name))
            self._expressions([tree], self.top)
        self._expressions([tree for key in ("order",) if (tree := self.sections.get(key)) is not None], self.top)
        blocks = self._map("blocks")
        for name, (place, tree) in _entries(blocks):
            self._key(place, Symbol("block", None, name))
            if isinstance(tree, Map):
                self._block(name, tree)
        self._graph(self.top)
        self._heads()
        self._flows()
        self._masks()

    def _block(self, name: str, tree: Map) -> None:
        scope = self.blocks[name]
        stated = tree.get("inputs")
        if isinstance(stated, Map):
            for one, (place, _) in _entries(stated):
                self._key(place, Symbol("input", name, one))
        else:
            for one in stated.items if isinstance(stated, Seq) else (stated,):
                if isinstance(one, Scalar) and isinstance(one.value, str):
                    self._part(one, 0, one.value, Symbol("input", name, one.value), defines=True)
        for param, (place, default) in _entries(scope.params):
            own = Symbol("param", name, param)
            self._key(place, own)
            self._value(own, default, scope)
            for scalar in scalars(default):
                for other, at in _parameters(scalar):
                    for symbol in self._outside(other, scope):
                        self._part(scalar, at, other, symbol)
        self._graph(scope)
        stated = tree.get("outputs")
        for one, value in output_trees(stated).items():
            if isinstance(stated, Map):
                self._key(stated.entries[one][0], Symbol("output", name, one))
            elif isinstance(stated, Seq) and isinstance(value, Scalar) and NAME.fullmatch(one):
                self._part(value, 0, one, Symbol("output", name, one), defines=True)
            self._references(value, scope)

    def _graph(self, scope: Scope) -> None:
        for name, (place, entry) in _entries(scope.nodes):
            self._key(place, Symbol("node", scope.block, name))
            if isinstance(entry, Map):
                self._entry(entry, scope)

    def _entry(self, entry: Map, scope: Scope) -> None:
        kind = _text(entry.get("layer"))
        model = KINDS.get(kind or "") if "experts" not in entry.entries else Experts
        refers = {*_REFERS, *(model.ports if model is not None else ())}
        calls = _called(entry)
        for key, (_, tree) in _entries(entry):
            if key in _CALLS and isinstance(tree, Scalar) and isinstance(tree.value, str):
                self._part(tree, 0, tree.value, Symbol("block", None, tree.value))
            elif key == "from" and isinstance(tree, Map):
                for name, (place, value) in _entries(tree):
                    for called in calls[:1]:
                        self._key(place, Symbol("input", called, name), defines=False)
                    self._references(value, scope)
            elif key == "params" and calls:
                for name, (place, value) in _entries(_map(tree)):
                    own = Symbol("param", calls[0], name)
                    self._key(place, own, defines=False)
                    self._value(own, value, scope)
                self._expressions([tree], scope)
            elif key == "weights" and calls and (isinstance(tree, Scalar) and tree.value == "shared"):
                continue
            elif key in refers and not (isinstance(tree, Map) and key != "from"):
                self._references(tree, scope)
            elif key == "mask":
                self._mask(tree, scope)
            elif key == "layer" and isinstance(tree, Scalar) and isinstance(tree.value, str) and "$" not in tree.value:
                self._part(tree, 0, tree.value, Symbol("layer", None, tree.value))
            else:
                self._expressions([tree], scope)
        block = self.called_by(entry)
        if block is not None and "repeat" in entry.entries:
            outputs = self._map("blocks")
            stated = _map(outputs.get(block)) if outputs is not None else None
            pairs = sorted(chained(stated).items()) if stated is not None else []
            self.links += [(Symbol("input", block, a), Symbol("output", block, b)) for a, b in pairs if a == b]
        if "shared" in entry.entries and len(calls) == 2 and all(one in self.blocks for one in calls):
            experts, shared = (set(self.blocks[one].inputs) for one in calls)
            if len(shared) > 1:  # what all share takes the inputs of the experts by their names
                self.links += [(Symbol("input", calls[0], n), Symbol("input", calls[1], n)) for n in experts & shared]

    def called_by(self, entry: Map) -> str | None:
        """The block of the spec of which an entry is an instance."""
        called = _text(entry.get("block"))
        return called if called in self.blocks else None

    def _heads(self) -> None:
        head = self._map("head")
        if head is not None:
            for key, (place, tree) in _entries(head):
                if "kind" not in head.entries and isinstance(tree, Map):
                    self._key(place, self.node(key, self.top), defines=False)
                    self._head(tree)
            if "kind" in head.entries:
                self._head(head)
        for name, (place, tree) in _entries(self._map("heads")):
            self._key(place, Symbol("head", None, name))
            if isinstance(tree, Map):
                self._head(tree)

    def _head(self, tree: Map) -> None:
        for key, (_, value) in _entries(tree):
            if key == "from":
                self._references(value, self.top)
            else:
                self._expressions([value], self.top)

    # -- texts -----------------------------------------------------------------------------------------------------

    def _references(self, tree: Tree, scope: Scope) -> None:
        for scalar in _each(tree):
            text = scalar.value
            if not isinstance(text, str):
                continue
            called: str | None = None
            for k, piece in enumerate(pieces(text)):
                if piece.kind == "name" and k == 0:
                    self._part(scalar, piece.at, piece.text, self.node(piece.text, scope))
                    called = self.called(piece.text, scope)
                elif piece.kind == "name" and called is not None:
                    self._part(scalar, piece.at, piece.text, Symbol("output", called, piece.text))
                    called = None
                elif piece.kind == "expression":
                    for name, at in places_of(piece.text):
                        self._part(scalar, piece.at + at, name, self.param(name, scope))

    def _expressions(self, trees: Iterable[Tree], scope: Scope) -> None:
        for scalar in (scalar for tree in trees for scalar in scalars(tree)):
            for name, at in _parameters(scalar):
                self._part(scalar, at, name, self.param(name, scope))

    def _mask(self, tree: Tree, scope: Scope) -> None:
        """The value of a key `mask`: a predicate, a kernel, or both."""
        inner = tree.get("groups") if isinstance(tree, Map) else tree
        for scalar in scalars(tree):
            for name, at in _parameters(scalar):
                self._part(scalar, at, name, self.param(name, scope))
        if isinstance(inner, Scalar):
            self._predicate(inner, scope)

    def _predicate(self, scalar: Scalar, scope: Scope) -> None:
        """The masks that a text names, and the parameters whose texts are masks."""
        if not isinstance(scalar.value, str):
            return
        masks, params = places_of_names(scalar.value)
        for name, at in masks:
            self._part(scalar, at, name, Symbol("mask", None, name))
            if scope.block is not None:
                self._users.setdefault(name, set()).add(scope.block)
        self._masked += [self.param(name, scope) for name, _ in params]

    def _value(self, param: Symbol, tree: Tree, scope: Scope) -> None:
        if isinstance(tree, Scalar) and isinstance(tree.value, str):
            self._values.setdefault(param, []).append((tree, scope))

    def _flows(self) -> None:
        """The texts that parameters give where a mask is wanted."""
        while self._masked:
            param = self._masked.pop()
            if param not in self._masks_of:
                self._masks_of.add(param)
                for scalar, scope in self._values.get(param, ()):
                    self._predicate(scalar, scope)

    def _masks(self) -> None:
        section = self._map("masks")
        named: dict[str, list[str]] = {}
        for name, (place, tree) in _entries(section):
            self._key(place, Symbol("mask", None, name))
            if isinstance(tree, Scalar) and isinstance(tree.value, str):
                masks, _ = places_of_names(tree.value)
                named[name] = [other for other, _ in masks]
                self._predicate(tree, self.top)
        waiting = [*self._users]
        while waiting:  # a mask is used where one is used that names it
            name = waiting.pop()
            for other in named.get(name, ()):
                if not self._users[name] <= self._users.setdefault(other, set()):
                    self._users[other] |= self._users[name]
                    waiting.append(other)
        for name, (_, tree) in _entries(section):
            scopes = [self.top, *(self.blocks[block] for block in sorted(self._users.get(name, ())))]
            if not isinstance(tree, Scalar):
                continue
            for param, at in _parameters(tree):
                for symbol in dict.fromkeys(self.param(param, scope) for scope in scopes):
                    if (
                        symbol.block is not None
                        or symbol.name in (self.top.params or Map(tree.place, {}, True)).entries
                    ):
                        self._part(tree, at, param, symbol)

    # -- occurrences -----------------------------------------------------------------------------------------------

    def _key(self, place: Place, symbol: Symbol, defines: bool = True) -> None:
        spot, exact = key_spot(place, symbol.name)
        self.found.append(Occurrence(spot, symbol, defines, exact))

    def _part(self, scalar: Scalar, at: int, name: str, symbol: Symbol, defines: bool = False) -> None:
        place = scalar.place
        written = place.text
        quote = 1 if written[:1] in ("'", '"') else 0
        start = place.start + quote + at
        exact = (
            place.source.text[start : start + len(name)] == name
            and written[quote : len(written) - quote] == scalar.value
        )
        spot = Spot(place.source.name, start, start + len(name)) if exact else Spot(place.source.name, *place[1:])
        self.found.append(Occurrence(spot, symbol, defines, exact))


def key_spot(place: Place, name: str) -> tuple[Spot, bool]:
    """The characters of a name that is a key, which may stand in quotes or have a + behind it; and whether they are
    found there."""
    at = place.text.find(name)
    exact = at >= 0 and place.text.strip("'\"").removesuffix("+") == name
    start = place.start + max(at, 0)
    return (Spot(place.source.name, start, start + len(name)) if exact else Spot(place.source.name, *place[1:])), exact


def _parameters(scalar: Scalar) -> list[tuple[str, int]]:
    return places_of(scalar.value) if isinstance(scalar.value, str) and is_expression(scalar.value) else []


def _each(tree: Tree) -> list[Scalar]:
    """The references of a value: one, or those of a list, or of a mapping by name."""
    if isinstance(tree, Map):
        return [scalar for _, (_, inner) in _entries(tree) for scalar in _each(inner)]
    items = tree.items if isinstance(tree, Seq) else (tree,)
    return [item for item in items if isinstance(item, Scalar)]


def _map(tree: Tree | None) -> Map | None:
    return tree if isinstance(tree, Map) else None


def _entries(tree: Map | None) -> list[tuple[str, tuple[Place, Tree]]]:
    return [] if tree is None else [*tree.entries.items()]


def _text(tree: Tree | None) -> str | None:
    return tree.value if isinstance(tree, Scalar) and isinstance(tree.value, str) else None


def _called(entry: Tree) -> list[str]:
    """The blocks that an entry of a graph names, the one of which it is an instance first."""
    found = (_text(entry.get(key)) for key in _CALLS) if isinstance(entry, Map) else ()
    return [called for called in found if called is not None]
