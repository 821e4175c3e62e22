"""One layer of a spec as a node of its graph: keys evaluated, references followed, mask resolved, type inferred."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from arspec.diagnostics import Collector, Diagnostic, Place
from arspec.language.head_fit import width_key
from arspec.language.hints import unknown_node
from arspec.language.keys import UNKNOWN, Evaluator, Unknown, built, place_of, report, unknown_kind
from arspec.language.limits import check_size, check_tied
from arspec.language.mask_of import mask_of
from arspec.language.params import NAME
from arspec.language.parsed import ParsedSpec
from arspec.language.references import BROKEN, REFERENCE, Broken, LeftOut, UnknownNode, follow
from arspec.language.sources import condition_type, data_type
from arspec.language.stated import Stated, texts
from arspec.language.written import Typed, Writing, Written
from arspec.layers import KINDS, part_layer
from arspec.layers.base import Fault, Layer, Node
from arspec.layers.one_grid import bringing_together
from arspec.masks import resolve
from arspec.syntax.expressions import ExpressionError, names
from arspec.syntax.synonyms import LAYERS, NO_LAYER, folded
from arspec.syntax.yaml import Map, Scalar, Tree
from arspec.types import Type


class _Source(Layer):
    """The data, or a condition: it has a type and no computation."""


class _Hasty(Collector):
    """Raises the first fault."""

    def add(self, *args: Any, **kwargs: Any) -> None:
        super().add(*args, **kwargs)
        self.raise_if_any()


@dataclass(eq=False)
class Scope:
    """What names mean at one place: nodes and blocks so far, parameters, and the path to here."""

    names: dict[str, Any]
    params: dict[str, Any]
    prefix: str
    previous: str | None  # the name that is meant where `from` is left out
    chain: tuple[str, ...] = ()  # the blocks around this place
    ahead: set[str] = field(default_factory=set)  # names that stand at this place or below it
    shares: str | None = None  # the path to where the nodes stand whose weights are those of the nodes here

    def inside(self, name: str) -> str | None:
        """The path by which weights are shared in the instance of a block of this name."""
        return None if self.shares is None else f"{self.shares}{name}."


class Nodes:
    """Makes nodes of layers. Faults are collected; BROKEN stands for what can't be made."""

    def __init__(self, spec: ParsedSpec, unread: Set[str]) -> None:
        self.spec = spec
        # a spec that is one of many that differ by an edit is given up at its first fault
        self.faults = Collector(spec.work) if spec.writing is None else _Hasty(spec.work)
        self.notes: list[Diagnostic] = []
        self.nodes: list[Node] = []
        self.at: dict[str, Node] = {}  # by their paths, as weights are shared by these
        self.writing = spec.writing or Writing(spec.masks)
        self.widths: set[str] = set()
        self._stated: dict[int, Stated] = {}  # by the identity of the block, which it keeps alive
        self.data_type = data_type(spec)
        parts = [name for name, _ in self.data_type.parts]
        self.data = self._source("data" if parts else "x", self.data_type)
        self.parts = {name: self.made(name, part_layer(name), (self.data,)) for name in parts}
        known = {name: condition_type(c) for name, c in spec.condition.items() if c is not None}
        self.conditions = {name: self._source(name, kind) for name, kind in known.items()}
        for kind in known.values():
            self.faults.spend("sites", kind.sites, spec.nodes.place)
        self.named = {
            self.data.name: self.data,
            **self.parts,
            **dict.fromkeys(spec.condition, BROKEN),
            **self.conditions,
        }
        # what arspec gives as parameters, with the sections that they come from
        self.given: dict[str, Any] = {
            "levels": UNKNOWN if "data" in unread else spec.data.levels,
            "channels": UNKNOWN if "data" in unread else spec.data.channels,
            "groups": UNKNOWN if unread & {"data", "order"} else spec.groups,
            "head": UNKNOWN if unread & {"data", "order", "head"} else spec.head_size,
        }

    def _source(self, name: str, kind: Type) -> Node:
        node = self.writing.nodes.get((name, _Source))
        if node is None:
            layer = _Source.model_validate({"layer": "source"})
            node = self.writing.nodes[name, _Source] = Node(
                name, layer, (), self.spec.nodes.place, order_groups=self.spec.groups
            )
            node.out = kind
        return node

    def made(
        self, name: str, layer: Layer, inputs: tuple[Node, ...], place: Place | None = None, tied: Node | None = None
    ) -> Node:
        """A node that no line of the graph names."""
        key = (name, layer, inputs, tied)
        node = self.writing.nodes.get(key)
        if node is None:
            node = Node(
                name, layer, inputs, place or self.spec.nodes.place, None, tied, self.spec.groups, self.data_type
            )
            node.unwritten, node.out = True, layer.infer(node)
            self.writing.nodes[key] = node
        self.nodes.append(node)
        self.at[name] = node
        return node

    def twin(self, name: str, scope: Scope, place: Place) -> Node | Broken | None:
        """The node whose weights a node of this name takes, as the block around it shares them; None where it has its
        own."""
        if scope.shares is None:
            return None
        found = self.at.get(scope.shares + name)
        if found is None:
            message = f"'{scope.prefix}{name}' shares weights with '{scope.shares}{name}', and there is no such node"
            self.faults.add("AR452", message, place, "weights are shared between instances with the same nodes")
            return BROKEN
        if found.tied is not None:
            return found.tied
        return found if found.layer.weights(found) else None

    def stated(self, block: Map) -> Stated:
        """What a block states, found once."""
        found = self._stated.get(id(block))
        if found is None:
            found = self._stated[id(block)] = Stated.of(block)
        return found

    def stop(self, code: str, message: str, place: Place, help: str | None = None) -> None:
        """Reports what makes it useless to go on, and raises SpecError."""
        self.faults.add(code, message, place, help)
        self.faults.raise_if_any()

    # -- references --------------------------------------------------------------------------------------------------

    def follow(self, ref: str, scope: Scope, place: Place) -> list[Node] | Broken:
        """The nodes that a reference names."""
        try:
            return follow(ref, scope.names, scope.params, scope.ahead, self._spend(place))
        except UnknownNode as fault:
            block, known = scope.chain[-1] if scope.chain else None, scope.names
            help, sure = unknown_node(
                fault.name, known, block, self.spec.blocks, self.spec.nodes, bool(self.spec.condition)
            )
            edits = _replacement(place, ref, None if sure is None else sure + ref.strip()[len(fault.name) :])
            self.faults.add(fault.code, fault.message, place, help, (), edits)
            return BROKEN
        except (Fault, ExpressionError) as fault:
            becomes = fault.becomes if isinstance(fault, Fault) else None
            self.faults.add(fault.code, fault.message, place, fault.help, (), _replacement(place, ref, becomes))
            return BROKEN

    def _spend(self, place: Place) -> Callable[[int], None]:
        return lambda count: self.faults.spend("references", count, place)

    def one(self, ref: str, scope: Scope, place: Place) -> Node | Broken:
        """The single node that a reference names."""
        found = self.follow(ref, scope, place)
        if isinstance(found, Broken):
            return found
        if isinstance(found, LeftOut):
            self._left_out("one node is wanted here", ref, found, place)
            return BROKEN
        if len(found) != 1:
            self.faults.add("AR217", f"one node is wanted here, and '{ref}' names {len(found)}", place, None)
            return BROKEN
        return found[0]

    def _left_out(self, wanted: str, ref: str, left: LeftOut, place: Place) -> None:
        """Reports that what a reference names is not there, because `when` leaves it out."""
        message = f"{wanted}, and `when` leaves out what '{ref}' names"
        help = (
            "list beside it a node that is there instead, with the opposite `when`: [this, other]; or give the reader "
            "the same `when`"
        )
        why = f": {left.place.text[:80]} is false" if "$" in left.place.text else ""
        self.faults.add("AR217", message, place, help, [(left.place, f"it is left out here{why}")])

    def before(self, name: str, scope: Scope, place: Place) -> list[Node] | Broken:
        """The node that is meant where `from` is left out."""
        if scope.previous is None:
            found = f"'{name}' is the first node of a block with several inputs, and names none of them"
            if not scope.names.keys() - self.named.keys():
                found = f"'{name}' is the first node of a block without inputs"
            inputs = ", ".join(name for name in scope.names if name not in self.named) or ", ".join(self.named)
            self.faults.add("AR221", found, place, f"write `from: ...`, one of {inputs}")
            return BROKEN
        if not NAME.fullmatch(scope.previous):  # which is reported
            return BROKEN
        try:
            return follow(scope.previous, scope.names, scope.params, scope.ahead, self._spend(place))
        except Fault as fault:
            found = f"'{name}' has no `from`, and before it stands '{scope.previous}': {fault.message}"
            self.faults.add("AR221", found, place, fault.help or "write `from: ...`")
            return BROKEN

    # -- a layer -----------------------------------------------------------------------------------------------------

    def layer(self, name: str, entry: Map, scope: Scope) -> Node | Broken:
        """The node that an entry of a graph states, or BROKEN where it states none.

        Equal entries that read the same nodes give the node that was made before.
        """
        place = place_of(entry, ["layer"])
        key, values = self.writing.key(entry, scope.params)
        written = self.writing.known.get(key)
        if written is None:
            written = self._written(name, entry, scope, place, values)
            if written is None:
                return BROKEN
            self.writing.known[key] = written
        self.widths |= written.widths
        inputs, tied = self._inputs(written.layer, entry, scope, name), self._tied(written.layer, entry, scope)
        if tied is None:
            tied = self.twin(name, scope, place)
        if isinstance(inputs, Broken) or isinstance(tied, Broken):
            return BROKEN
        path, groups = scope.prefix + name, self.spec.groups
        node = self.writing.nodes.get((path, written, inputs, tied))
        if node is None:
            node = Node(path, written.layer, inputs, place, None, tied, groups, self.data_type, written.keys)
            node.first = self.spec.members[0]
            try:
                self._settle(node, written, scope)
            except Fault as fault:
                at = node.keys.get(fault.key or "", place)
                self.faults.add(fault.code, fault.message, at, *self._mend(fault, at, node))
                return BROKEN
            except ExpressionError as error:
                report(error, entry.entries["mask"][1], self.faults)
                return BROKEN
            self.writing.nodes[path, written, inputs, tied] = node
        else:
            self.faults.spend("sites", node.out.sites, place)
        self.faults.spend("nodes", 1, place)
        self.nodes.append(node)
        self.at[path] = node
        return node

    def _written(self, name: str, entry: Map, scope: Scope, place: Place, held: list[Any]) -> Written | None:
        """The layer that an entry writes; None, with a report, where it writes none."""
        evaluator = Evaluator(scope.params, self.faults)
        kind = evaluator.value(entry.entries["layer"][1])
        if not isinstance(kind, str) or kind not in KINDS:
            if evaluator.complete:
                self._unknown_layer(str(kind), entry, place)
            return None
        values = {
            key: self._value(key, tree, KINDS[kind], evaluator)
            for key, (_, tree) in entry.entries.items()
            if key not in ("layer", "when")
        }
        own = Map(entry.place, {key: pair for key, pair in entry.entries.items() if key != "when"}, entry.flow)
        layer = built(KINDS[kind], {"layer": kind, **values}, own, f"the layer `{kind}`", evaluator, place)
        if layer is None:
            self._look(values, KINDS[kind], entry, scope)
            return None
        if not evaluator.complete:
            self._inputs(layer, entry, scope, name)  # so that the faults of its references are told as well
            self._tied(layer, entry, scope)
            return None
        keys = {key: tree.place for key, (_, tree) in entry.entries.items()}
        return Written(layer, keys, _widths(KINDS[kind], entry), held)

    def _mend(self, fault: Fault, at: Place, node: Node) -> tuple[str | None, tuple[()], list[tuple[Place, str]]]:
        """The help of a fault of a layer, and the edit that it stands for.
        How many channels the head takes is known."""
        head = self.spec.head.from_ if not self.data_type.parts else None
        if fault.code == "AR403" and fault.key == width_key(node) and node.name == head:
            return "the head reads this node: write `$head`, the channels that it takes", (), [(at, "$head")]
        return fault.help, (), [] if fault.becomes is None or fault.key not in node.keys else [(at, fault.becomes)]

    def _unknown_layer(self, kind: str, entry: Map, place: Place) -> None:
        message = f"there is no layer '{kind}'"
        if kind in self.spec.blocks:
            key, _ = entry.entries["layer"]
            self.faults.add("AR107", message, key, f"'{kind}' is a block: write `block: {kind}`", (), [(key, "block")])
        elif folded(kind) in NO_LAYER:
            self.faults.add("AR107", message, place, NO_LAYER[folded(kind)])
        else:
            unknown_kind("AR107", message, place, kind, KINDS, LAYERS, "layers", self.faults)

    @staticmethod
    def _value(key: str, tree: Tree, kind: type[Layer], evaluator: Evaluator) -> Any:
        """The value of a key. References are followed later, masks resolved later, and so left as they are written."""
        if key in ("from", "weights") or (key in kind.ports and not isinstance(tree, Map)):
            return texts(tree)
        raw = tree.value if isinstance(tree, Scalar) else None
        if key != "mask" or not isinstance(raw, str) or (raw.startswith("$") and raw[1:].isidentifier()):
            return evaluator.value(tree)
        if any(isinstance(evaluator.params.get(name), Unknown) for name in names(raw)):
            evaluator.complete = False
        return raw

    def _look(self, values: Mapping[str, Any], kind: type[Layer], entry: Map, scope: Scope) -> None:
        """Reports the references and the mask of a layer that has other faults, so that all are told at once."""
        for key in ("from", "weights", *kind.ports):
            refs = values.get(key)
            for k, ref in enumerate(refs if isinstance(refs, list) else [refs]):
                if isinstance(ref, str) and ref:
                    self.follow(ref, scope, place_of(entry, [key, k]))
        mask = entry.get("mask")
        if "mask" in kind.model_fields and isinstance(mask, Scalar) and isinstance(values.get("mask"), str):
            try:
                resolve(values["mask"], self.spec.masks, scope.params)
            except ExpressionError as error:
                report(error, mask, self.faults)

    def _inputs(self, layer: Layer, entry: Map, scope: Scope, name: str) -> tuple[Node, ...] | Broken:
        nodes = self._named_inputs(layer, scope)
        if nodes is not None:
            return nodes
        given, here = layer.from_, place_of(entry, ["from"] if "from" in entry.entries else ["layer"])
        parts: list[list[Node] | Broken] = []
        if isinstance(given, dict):
            self.faults.add("AR203", f"the layer `{layer.layer}` takes nodes, not named inputs", here,
                            "from: name, or from: [name, name]; blocks have named inputs")  # fmt: skip
            return BROKEN
        if given is None:
            parts = [self.before(name, scope, here)]
        elif isinstance(given, str):
            parts = [self.follow(given, scope, here)]
        else:
            parts = [self.follow(ref, scope, place_of(entry, ["from", k])) for k, ref in enumerate(given)]
        found = [node for part in parts if not isinstance(part, Broken) for node in part]
        own = self._own_inputs(layer, found, entry, scope, name)
        if isinstance(own, Broken):
            return BROKEN
        ports = [(port, getattr(layer, port)) for port in layer.connected]
        ends = [own.get(port) or self.one(ref, scope, place_of(entry, [port])) for port, ref in ports]
        if any(isinstance(part, Broken) for part in [*parts, *ends]):
            return BROKEN
        low, high = layer.arity
        if not low <= len(found) or (high is not None and len(found) > high):
            count = f"{low}" if low == high else f"{low} or more"
            takes = f"`{layer.layer}` takes {count} input{'s' if high != 1 else ''}"
            left = next(((k, part) for k, part in enumerate(parts) if isinstance(part, LeftOut)), None)
            if left is not None and len(found) < low:
                refs = given if isinstance(given, list) else [given or scope.previous]
                self._left_out(takes, str(refs[left[0]]), left[1], here)
            else:
                self.faults.add("AR217", f"{takes}, and was given {len(found)}", here, _joined(found))
            return BROKEN
        found += [end for end in ends if isinstance(end, Node)]
        return tuple(found)

    def _own_inputs(
        self, layer: Layer, found: list[Node], entry: Map, scope: Scope, name: str
    ) -> dict[str, Node] | Broken:
        """The nodes that a layer has at its ports without naming them."""
        made: dict[str, Node] = {}
        for port in layer.connected if found else ():
            try:
                one = layer.own_input(port, [node.out for node in found], self.spec.groups)
            except Fault as fault:
                self.faults.add(fault.code, fault.message, place_of(entry, [fault.key or port]), fault.help)
                return BROKEN
            if one is not None:
                at, own = place_of(entry, [port]), f"{name}.{port}"
                tied = self.twin(own, scope, at)
                if isinstance(tied, Broken):
                    return BROKEN
                made[port] = self.made(scope.prefix + own, one, (found[0],), at, tied)
        return made

    def _named_inputs(self, layer: Layer, scope: Scope) -> tuple[Node, ...] | None:
        """The inputs, where each is a node that stands under its plain name; None where one is anything else."""
        given = layer.from_ if layer.from_ is not None else scope.previous
        if layer.connected or isinstance(given, dict) or given is None:
            return None
        refs = [given] if isinstance(given, str) else given
        low, high = layer.arity
        return None if len(refs) < low or (high is not None and len(refs) > high) else self.plainly(refs, scope)

    def plainly(self, refs: Sequence[Any], scope: Scope) -> tuple[Node, ...] | None:
        """The nodes that references name, where each is a name under which one node stands; None where one is anything
        else, or there is no room for them."""
        named = scope.names
        found = tuple(
            [
                n
                for ref in refs
                if isinstance(ref, str) and isinstance(n := named.get(ref), Node) and NAME.fullmatch(ref)
            ]
        )
        if len(found) < len(refs) or not self.faults.work.take("references", REFERENCE * len(refs)):
            return None
        return found

    def _tied(self, layer: Layer, entry: Map, scope: Scope) -> Node | Broken | None:
        if layer.weights_of is None:
            return None
        node = self.one(layer.weights_of, scope, place_of(entry, ["weights"]))
        return node if isinstance(node, Broken) else node.tied or node

    def _settle(self, node: Node, written: Written, scope: Scope) -> None:
        """Sets the mask and the type of a node. Raises Fault and ExpressionError."""
        forms = tuple(node.ins)
        typed = written.typed.get(forms)
        if typed is None:
            self.infer(node, scope)
            written.typed[forms] = Typed(node.mask, node.out, node.plan)
        else:
            node.mask, node.out, node.plan = typed.mask, typed.out, typed.plan
        self.faults.spend("sites", node.out.sites, node.place)
        check_tied(node)

    def infer(self, node: Node, scope: Scope) -> None:
        """Sets the mask and the type of a node, within the limits. Raises Fault."""
        mask = node.layer.mask_key
        node.mask = mask_of(mask, node, self.spec.masks, scope.params) if mask is not None else None
        node.out = node.layer.infer(node)
        check_size(node)
        self.faults.spend("reads", node.layer.reads_work(node), node.place)
        node.layer.settle(node)
        node.layer.reads(node, self.spec.members[0])  # whose Faults are of masks


def _widths(model: type[Layer], entry: Map) -> set[str]:
    """The parameters that the numbers of channels of a layer are computed from."""
    found: set[str] = set()
    for key, info in model.model_fields.items():
        thin = isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("thin")
        tree = entry.get(key)
        if ("channels" in info.metadata or thin) and isinstance(tree, Scalar) and isinstance(tree.value, str):
            found |= names(tree.value)
    return found


def _replacement(place: Place, ref: str, becomes: str | None) -> list[tuple[Place, str]]:
    """The edit of a reference, where it stands in the text as it is."""
    return [(place, becomes)] if becomes is not None and place.text == ref else []


def _joined(nodes: list[Node]) -> str | None:
    """How several nodes become one."""
    if len(nodes) < 2:
        return "name a node, or leave `from` out for the node before"
    whole = next((node for node in nodes if not node.out.grid), None)
    other = next((node for node in nodes if node.out.grid), None)
    if whole is not None and other is not None:
        return bringing_together(other.name, other.out, whole.name, whole.out)
    return "join them by add or concat, and take what that gives"
