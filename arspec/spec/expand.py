"""From a Spec to its Graph: blocks and repeats become plain nodes, each with the line that it came from, and every
node's type is inferred as it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from arspec.diagnostics import Collector, Place, did_you_mean
from arspec.graph import Cluster, Graph, expected_head
from arspec.layers import KINDS
from arspec.layers.base import Fault, Layer, Node, Weight
from arspec.masks import Mask, resolve
from arspec.spec.expressions import ExpressionError, is_expression, names
from arspec.spec.keys import Evaluator, check_keys, place_of, report_invalid
from arspec.spec.load import NAME, Spec, settle_params
from arspec.spec.predicates import Name
from arspec.spec.references import BROKEN, Broken, Instance, Repetition, follow
from arspec.spec.sections import ClassCondition, MapCondition, SeriesCondition, VectorCondition
from arspec.spec.yaml import Map, Scalar, Seq, Tree
from arspec.types import Cells, Free, Type

MAX_NODES = 20_000
MAX_REPEAT = 10_000
MAX_NESTING = 16  # blocks within blocks
MAX_ELEMENTS = 1 << 31  # numbers in one node's output for one example

_BLOCK_KEYS = {"block", "from", "params", "repeat", "when"}
_COMMON = {"layer", "when"}


class _Source(Layer):
    """The data, or a condition: it has a type and no computation."""


@dataclass(eq=False)
class _Scope:
    """What names mean at one place: nodes and blocks so far, parameters, and the path to here."""

    names: dict[str, Any]
    params: dict[str, Any]
    prefix: str
    previous: Any
    chain: tuple[str, ...] = ()


def expand(spec: Spec) -> Graph:
    """The graph of a spec. Raises SpecError with all faults that can be found."""
    return _Expander(spec).graph()


class _Expander:
    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.faults = Collector()
        self.nodes: list[Node] = []
        self.clusters: list[Cluster] = []
        self.widths: set[str] = set()
        self.repeats: set[str] = set()
        self.repeated = False
        grid = spec.data.grid
        groups = spec.groups
        self.data_type = Type(
            grid, groups, spec.data.channels // groups, Cells((0,) * len(grid), (1,) * len(grid)), spec.data.levels
        )
        self.data = self._source("x", self.data_type)
        self.conditions = {name: self._source(name, _condition(c)) for name, c in spec.condition.items()}

    def _source(self, name: str, kind: Type) -> Node:
        node = Node(name, _Source.model_validate({"layer": "source"}), (), self.spec.nodes.place, order_groups=self.spec.groups)
        node.out = kind
        return node

    def graph(self) -> Graph:
        spec = self.spec
        given = {
            "head": spec.head_size, "levels": spec.data.levels, "channels": spec.data.channels, "groups": spec.groups,
        }  # fmt: skip
        scope = _Scope({"x": self.data, **self.conditions}, {**spec.params, **given}, "", self.data)
        self._entries(spec.nodes, scope)
        head = self._head(scope)
        self.faults.raise_if_any()
        assert isinstance(head, Node)
        return Graph(
            spec, self.data, self.conditions, self.nodes, head, spec.head, self.clusters, frozenset(self.widths),
            frozenset(self.repeats), self.repeated,
        )  # fmt: skip

    def _head(self, scope: _Scope) -> Node | Broken:
        tree = self.spec.head_place
        place = place_of(tree, ["from"])
        node = self._one(self.spec.head.from_, scope, place)
        if isinstance(node, Broken):
            return node
        data = self.spec.data
        wanted = expected_head(self.data_type, self.spec.head)
        out = node.out
        if out.grid != wanted.grid:
            self.faults.add("AR602", f"the head speaks for a grid of {wanted.grid}, and '{node.name}' gives {out}", place,
                            "crop or upsample it to the data's grid")  # fmt: skip
        elif out.groups != wanted.groups:
            self.faults.add("AR605", f"the head speaks for {wanted.groups} channel groups, and '{node.name}' gives {out}",
                            place, "give that layer `groups`, or make the channels joint")  # fmt: skip
        elif out.channels != wanted.channels:
            self.faults.add("AR601", f"a {self.spec.head.kind} head of {data.levels} levels takes {wanted.width} channels, "
                            f"and '{node.name}' gives {out.width}", place, "write `out: $head` there")  # fmt: skip
        return node

    # -- the entries of a graph or a block ---------------------------------------------------------------------------

    def _entries(self, tree: Map, scope: _Scope) -> None:
        for name, (place, entry) in tree.entries.items():
            if not NAME.fullmatch(name):
                self.faults.add("AR115", f"'{name}' is no name for a node", place, "names are letters, digits and _")
                value: Any = BROKEN
            elif name in scope.names:
                what = "the data" if name == "x" else "a condition" if name in self.conditions else "an input of the block"
                self.faults.add("AR207", f"'{name}' is {what} already", place, "take another name")
                value = BROKEN
            else:
                value = self._entry(name, place, entry, scope)
            scope.names[name] = value
            if value != []:  # what `when` left out is stepped over
                scope.previous = value

    def _entry(self, name: str, place: Place, entry: Tree, scope: _Scope) -> Any:
        if len(self.nodes) > MAX_NODES:
            if not any(d.code == "AR211" for d in self.faults.diagnostics):
                self.faults.add("AR211", f"the graph has more than {MAX_NODES:,} nodes", place, "repeat less")
            return BROKEN
        if not isinstance(entry, Map) or ("layer" in entry.entries) == ("block" in entry.entries):
            self.faults.add("AR111", f"the node '{name}' names either a layer or a block", place, "name: {layer: conv, ...}")
            return BROKEN
        when = entry.get("when")
        if when is not None:
            chosen = Evaluator(scope.params, self.faults).value(when)
            if not isinstance(chosen, (bool, int)):
                if chosen is not None:
                    self.faults.add("AR103", f"`when` is true or false; it was {chosen!r}", when.place, "when: $direct")
                return BROKEN
            if not chosen:
                return []
        return self._block(name, entry, scope) if "block" in entry.entries else self._layer(name, entry, scope)

    # -- one layer ---------------------------------------------------------------------------------------------------

    def _layer(self, name: str, entry: Map, scope: _Scope) -> Any:
        before = len(self.faults)
        values = {k: Evaluator(scope.params, self.faults).value(t) for k, (_, t) in entry.entries.items() if k != "when"}
        for key in ("from",):
            if key in entry.entries:
                values[key] = _texts(entry.entries[key][1])
        kind = values.get("layer")
        layer_place = place_of(entry, ["layer"])
        if kind not in KINDS:
            self.faults.add("AR107", f"there is no layer '{kind}'", layer_place, did_you_mean(str(kind), KINDS, "layers"))
            return BROKEN
        model = KINDS[kind]
        for port in model.ports:
            if port in entry.entries:
                values[port] = _texts(entry.entries[port][1])
        try:
            layer = model.model_validate(values)
        except ValidationError as error:
            report_invalid(error, entry, f"`{kind}`", self.faults, values)
            return BROKEN
        if len(self.faults) > before:
            return BROKEN
        self._note_widths(model, entry)
        inputs = self._inputs(layer, entry, scope, name)
        tied = self._tied(layer, entry, scope)
        if isinstance(inputs, Broken) or isinstance(tied, Broken):
            return BROKEN
        keys = {key: tree.place for key, (_, tree) in entry.entries.items()}
        node = Node(scope.prefix + name, layer, tuple(inputs), _key_place(entry, layer_place), None, tied,
                    self.spec.groups, self.data_type, keys)  # fmt: skip
        try:
            mask = getattr(layer, "mask", None)
            node.mask = self._mask(mask, entry, scope, len(node.ins[0].grid)) if mask is not None else None
            node.out = layer.infer(node)
            if node.out.width * node.out.positions > MAX_ELEMENTS:
                raise Fault("AR413", f"an output of {node.out}: more than {MAX_ELEMENTS:,} numbers for one example")
            layer.weights(node)
            self._check_tied(node)
            if node.mask is not None:
                layer.reads(node, self.spec.members[0])
        except (Fault, ExpressionError) as fault:
            key = "mask" if isinstance(fault, ExpressionError) else fault.key
            place = keys.get(key or "", keys.get("layer", entry.place))
            self.faults.add(fault.code, fault.message, place, fault.help)
            return BROKEN
        self.nodes.append(node)
        return node

    def _note_widths(self, model: type[Layer], entry: Map) -> None:
        for key, field in model.model_fields.items():
            thin = isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("thin")
            tree = entry.get(key)
            if ("channels" in field.metadata or thin) and isinstance(tree, Scalar) and isinstance(tree.value, str):
                self.widths |= names(tree.value)

    def _inputs(self, layer: Layer, entry: Map, scope: _Scope, name: str) -> list[Node] | Broken:
        given = layer.from_
        found: list[Node] = []
        if given is None:
            if isinstance(scope.previous, Broken):
                return BROKEN
            if scope.previous is None:
                self.faults.add("AR221", f"'{name}' is the first node of a block with several inputs, and names none of them",
                                place_of(entry, ["layer"]), "write `from: ...`")  # fmt: skip
                return BROKEN
            more = self._follow("the node before", scope, place_of(entry, ["layer"]), scope.previous)
            if isinstance(more, Broken):
                return more
            found += more
        elif isinstance(given, dict):
            self.faults.add("AR203", "a layer takes nodes, not named inputs", place_of(entry, ["from"]),
                            "from: name, or from: [name, name]; blocks have named inputs")  # fmt: skip
            return BROKEN
        else:
            broken = False
            for k, ref in enumerate([given] if isinstance(given, str) else given):
                more = self._follow(ref, scope, place_of(entry, ["from", k] if isinstance(given, list) else ["from"]))
                broken = broken or isinstance(more, Broken)
                found += [] if isinstance(more, Broken) else more
            if broken:
                return BROKEN
        low, high = layer.arity
        if not low <= len(found) or (high is not None and len(found) > high):
            count = f"{low}" if low == high else f"{low} or more"
            self.faults.add("AR217", f"`{layer.layer}` takes {count} input{'s' if high != 1 else ''}, and was given {len(found)}",
                            place_of(entry, ["from"]), None)  # fmt: skip
            return BROKEN
        for port in layer.ports:
            ref = getattr(layer, port)
            if ref is not None:
                node = self._one(ref, scope, place_of(entry, [port]))
                if isinstance(node, Broken):
                    return node
                found.append(node)
        return found

    def _tied(self, layer: Layer, entry: Map, scope: _Scope) -> Node | None | Broken:
        if layer.weights_of is None:
            return None
        node = self._one(layer.weights_of, scope, place_of(entry, ["weights"]))
        return node if isinstance(node, Broken) else node.tied or node

    def _check_tied(self, node: Node) -> None:
        if node.tied is None:
            return
        mine, theirs = node.layer.weights(node), node.tied.layer.weights(node.tied)
        if {k: _core(w) for k, w in mine.items()} != {k: _core(w) for k, w in theirs.items()}:
            raise Fault("AR220", f"'{node.name}' has weights {_shapes(mine)}, and '{node.tied.name}' has {_shapes(theirs)}",
                        "tied nodes have weights of the same names and shapes", "weights")  # fmt: skip

    def _mask(self, value: Any, entry: Map, scope: _Scope, dimensions: int) -> Mask:
        own = self.spec.masks
        if isinstance(value, str):
            return Mask(resolve(value, own, scope.params), None, value)
        if isinstance(value, dict):
            check_keys_of = set(value) - {"kernel", "groups"}
            if check_keys_of or "kernel" not in value:
                raise Fault("AR315", "a mask is a predicate, a kernel of 0 and 1, or {kernel: ..., groups: ...}",
                            "mask: {kernel: [[1, 1, 1], [1, 1, 0]], groups: B}", "mask")  # fmt: skip
            groups = value.get("groups", "everything")
            text = f"kernel, groups {groups}" if "groups" in value else "kernel"
            return Mask(resolve(str(groups), own, scope.params), _kernel(value["kernel"], dimensions), text)
        return Mask(resolve("everything", own, scope.params), _kernel(value, dimensions), "kernel")

    # -- references --------------------------------------------------------------------------------------------------

    def _follow(self, ref: str, scope: _Scope, place: Place, value: Any = None) -> list[Node] | Broken:
        try:
            if value is not None:
                return follow(ref := "before", {ref: value}, {})
            return follow(ref, scope.names, scope.params)
        except (Fault, ExpressionError) as fault:
            self.faults.add(fault.code, fault.message, place, fault.help)
            return BROKEN

    def _one(self, ref: str, scope: _Scope, place: Place) -> Node | Broken:
        found = self._follow(ref, scope, place)
        if isinstance(found, Broken):
            return found
        if len(found) != 1:
            self.faults.add("AR217", f"one node is wanted here, and '{ref}' names {len(found)}", place, None)
            return BROKEN
        return found[0]

    # -- blocks ------------------------------------------------------------------------------------------------------

    def _block(self, name: str, entry: Map, scope: _Scope) -> Any:
        check_keys(entry, _BLOCK_KEYS, "an instance of a block", self.faults)
        which, place = entry.get("block"), place_of(entry, ["block"])
        block_name = which.value if isinstance(which, Scalar) else None
        block = self.spec.blocks.get(str(block_name))
        if block is None:
            self.faults.add("AR215", f"there is no block '{block_name}'", place,
                            did_you_mean(str(block_name), self.spec.blocks, "blocks"))  # fmt: skip
            return BROKEN
        if str(block_name) in scope.chain:
            self.faults.add("AR210", f"the block '{block_name}' contains itself: "
                            f"{' → '.join((*scope.chain, str(block_name)))}", place, "repeat it instead")  # fmt: skip
            return BROKEN
        if len(scope.chain) >= MAX_NESTING:
            self.faults.add("AR210", f"blocks within blocks, deeper than {MAX_NESTING}", place, None)
            return BROKEN
        times = self._times(entry, scope)
        if times is None:
            before = len(self.faults)
            one = self._instance(name, f"{scope.prefix}{name}.", str(block_name), block, entry, scope, 0, None, place, None)
            return BROKEN if len(self.faults) > before and isinstance(one, Broken) else one
        self.repeated = True
        instances: list[Instance] = []
        for i in range(times):
            last = instances[-1] if instances else None
            prefix = f"{scope.prefix}{name}.{i}."
            one = self._instance(f"{name}.{i}", prefix, str(block_name), block, entry, scope, i, last, place, i)
            if isinstance(one, Broken):
                return BROKEN
            instances.append(one)
        return Repetition(instances)

    def _times(self, entry: Map, scope: _Scope) -> int | None:
        tree = entry.get("repeat")
        if tree is None:
            return None
        value = Evaluator(scope.params, self.faults).value(tree)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            if value is not None:
                self.faults.add("AR208", f"`repeat` is a whole number from 0 on; it was {value!r}", tree.place, None)
            return 1
        if isinstance(tree, Scalar) and isinstance(tree.value, str) and is_expression(tree.value):
            self.repeats |= names(tree.value)
        else:
            value *= self.spec.repeats
        if value > MAX_REPEAT:
            self.faults.add("AR208", f"`repeat` is {value:,}, where {MAX_REPEAT:,} is the limit", tree.place, None)
            return 1
        return value

    def _instance(
        self, name: str, prefix: str, block_name: str, block: Map, entry: Map, scope: _Scope, i: int,
        last: Instance | None, place: Place, repetition: int | None,
    ) -> Instance | Broken:  # fmt: skip
        here = replace(scope, params={**scope.params, "i": i})
        inputs = self._block_inputs(block_name, block, entry, here, last)
        if isinstance(inputs, Broken):
            return BROKEN
        params = self._block_params(block, block_name, entry, here)
        outer = self.spec.params
        given = {k: scope.params[k] for k in ("head", "levels", "channels", "groups")}
        inner = _Scope(
            {"x": self.data, **self.conditions, **inputs}, {**outer, **given, "i": i, **params}, prefix,
            next(iter(inputs.values())) if len(inputs) == 1 else None, (*scope.chain, block_name),
        )  # fmt: skip
        for shadow in inputs:
            if shadow == "x" or shadow in self.conditions:
                inner.names[shadow] = inputs[shadow]
        self.clusters.append(Cluster(prefix[:-1], block_name, repetition, place))
        before = len(self.faults)
        nodes = block.get("nodes")
        assert isinstance(nodes, Map)
        self._entries(nodes, inner)
        outputs: dict[str, Any] = {}
        stated = block.get("outputs")
        for out, tree in _outputs(stated, inner).items():
            refs = _texts(tree) if isinstance(tree, Tree) else tree
            found = [self._follow(ref, inner, _place(tree, stated)) for ref in ([refs] if isinstance(refs, str) else refs or [])]
            if any(isinstance(f, Broken) for f in found):
                return BROKEN
            nodes_found = [n for f in found if not isinstance(f, Broken) for n in f]
            outputs[out] = nodes_found[0] if len(nodes_found) == 1 and not isinstance(refs, list) else nodes_found
        return Instance(outputs) if len(self.faults) == before else BROKEN

    def _block_inputs(
        self, name: str, block: Map, entry: Map, scope: _Scope, last: Instance | None
    ) -> dict[str, Any] | Broken:
        stated = block.get("inputs")
        wanted = list(stated.entries) if isinstance(stated, Map) else [str(t.value) for t in getattr(stated, "items", ())]
        given = entry.get("from")
        refs: dict[str, Any] = {}
        if isinstance(given, Map):
            refs = {key: (tree, place) for key, (place, tree) in given.entries.items()}
        elif given is not None:
            if len(wanted) != 1:
                self.faults.add("AR204", f"the block '{name}' has the inputs {', '.join(wanted) or 'none'}", given.place,
                                f"from: {{{', '.join(f'{w}: ...' for w in wanted)}}}")  # fmt: skip
                return BROKEN
            refs = {wanted[0]: (given, given.place)}
        found: dict[str, Any] = {}
        broken = False
        for key, (_, place) in refs.items():
            if key not in wanted:
                self.faults.add("AR203", f"the block '{name}' has no input '{key}'", place, did_you_mean(key, wanted, "inputs"))
                broken = True
        for want in wanted:
            if last is not None and want in last.outputs:
                found[want] = last.outputs[want]
            elif want in refs:
                tree = refs[want][0]
                texts = _texts(tree)
                more = [self._follow(r, scope, tree.place) for r in ([texts] if isinstance(texts, str) else texts or [])]
                nodes = [n for f in more if not isinstance(f, Broken) for n in f]
                broken = broken or any(isinstance(f, Broken) for f in more)
                found[want] = nodes[0] if len(nodes) == 1 else nodes
            elif len(wanted) == 1 and scope.previous is not None and given is None:
                more_one = self._follow("", scope, place_of(entry, ["block"]), scope.previous)
                broken = broken or isinstance(more_one, Broken)
                found[want] = BROKEN if isinstance(more_one, Broken) else more_one[0] if len(more_one) == 1 else more_one
            else:
                self.faults.add("AR204", f"the input '{want}' of the block '{name}' is not connected", place_of(entry, ["block"]),
                                f"from: {{{want}: ...}}")  # fmt: skip
                broken = True
        return BROKEN if broken else found

    def _block_params(self, block: Map, name: str, entry: Map, scope: _Scope) -> dict[str, Any]:
        stated, given = block.get("params"), entry.get("params")
        defaults = stated.entries if isinstance(stated, Map) else {}
        overrides: Mapping[str, Any] = {}
        if isinstance(given, Map):
            check_keys(given, defaults, f"the block '{name}', as parameters,", self.faults)
            overrides = {k: v for k, v in Evaluator(scope.params, self.faults).value(given).items() if k in defaults}
        return settle_params(defaults, overrides, scope.params, self.faults)


def _condition(section: Any) -> Type:
    match section:
        case ClassCondition():
            return Type((), 1, section.classes, Free())
        case VectorCondition():
            return Type((), 1, section.size, Free())
        case MapCondition():
            return Type((section.height, section.width), 1, section.channels, Free())
        case SeriesCondition():
            return Type((section.length,), 1, section.channels, Free())
        case _:
            raise TypeError(section)


def _texts(tree: Tree) -> Any:
    """References as they are written: they are followed, not evaluated."""
    if isinstance(tree, Scalar):
        return tree.value if isinstance(tree.value, str) else str(tree.value)
    if isinstance(tree, Seq):
        return [_texts(item) for item in tree.items]
    assert isinstance(tree, Map)
    return {key: _texts(item) for key, (_, item) in tree.entries.items()}


def _outputs(stated: Tree | None, scope: _Scope) -> dict[str, Any]:
    if isinstance(stated, Map):
        return {key: tree for key, (_, tree) in stated.entries.items()}
    if isinstance(stated, Seq):
        return {str(_texts(item)): item for item in stated.items}
    return {"out": stated} if stated is not None else {}


def _place(tree: Any, around: Tree | None) -> Place:
    if isinstance(tree, Tree):
        return tree.place
    assert around is not None
    return around.place


def _kernel(value: Any, dimensions: int) -> tuple[tuple[int, ...], ...]:
    """A kernel of 0 and 1 as nested tuples of its shape."""
    rows = value if dimensions == 2 else [value]
    good = isinstance(rows, list) and rows and all(isinstance(r, list) and r for r in rows)
    if not good or any(x not in (0, 1) or isinstance(x, bool) for r in rows for x in r) or len({len(r) for r in rows}) > 1:
        raise Fault("AR316", "a kernel mask holds 0 and 1, in rows of one length",
                    "mask: [[1, 1, 1], [1, 1, 0], [0, 0, 0]]" if dimensions == 2 else "mask: [1, 1, 0]", "mask")  # fmt: skip
    return tuple(tuple(r) for r in rows) if dimensions == 2 else tuple(rows[0])  # type: ignore[return-value]


def _key_place(entry: Map, fallback: Place) -> Place:
    return fallback


def _core(weight: Weight) -> tuple[int, ...]:
    """A weight's shape without axes of length one, by which tied weights are compared: an embedding and a 1×1
    convolution may share theirs."""
    return tuple(n for n in weight.shape if n != 1)


def _shapes(weights: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {'×'.join(map(str, w.shape))}" for name, w in weights.items()) or "none"


__all__ = ["MAX_NODES", "MAX_REPEAT", "Name", "expand"]
