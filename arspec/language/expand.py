"""From a Spec to its Graph: blocks and repeats become plain nodes, each with the line that it came from, and every
node's type is inferred as it is made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any

from arspec.diagnostics import Diagnostic, Place, SpecError, did_you_mean
from arspec.diagnostics.work import KINDS as LIMITS
from arspec.heads import Head
from arspec.language.counting import MAX_NESTING, MAX_REPEAT, Counting, repetitions
from arspec.language.experts import Instances, experts_entry
from arspec.language.extends import FORMS
from arspec.language.further import Further
from arspec.language.graph import Cluster, Graph, expected_head
from arspec.language.head_fit import wrong_end
from arspec.language.keys import Evaluator, Unknown, check_keys, place_of, said, told
from arspec.language.meant_entry import meant_entry
from arspec.language.nodes import Scope
from arspec.language.params import NAME, settle_params
from arspec.language.parsed import ParsedSpec
from arspec.language.references import BROKEN, Broken, Instance, LeftOut, Repetition
from arspec.language.stated import texts
from arspec.layers import KINDS, parts_layer
from arspec.layers.base import Node
from arspec.progress import still_wanted
from arspec.syntax.expressions import names
from arspec.syntax.yaml import Map, Scalar, Tree, indent_below
from arspec.types import Type

MAX_LIST = 20_000  # nodes that an output of a block names

# What can be told of a graph whose data or order could not be read: all but its types.
_WITHOUT_TYPES = re.compile(r"AR(1\d\d|2(?!20)\d\d|30\d|31[0-4])")
_BLOCK_KEYS = ("block", "from", "params", "repeat", "weights", "when")
ENTRIES = {"layer": "a layer", "block": "a block", "experts": "experts"}  # what an entry of a graph is, by its key


def expand(spec: ParsedSpec) -> Graph:
    """The graph of a spec. Raises SpecError with all faults that can be found."""
    return Expander(spec, frozenset()).graph()


def faults_of_graph(spec: ParsedSpec, unread: Set[str]) -> list[Diagnostic]:
    """What can be told of the graph of a spec that has other faults. `unread`: the sections (data, order, head) that
    could not be read."""
    expander = Expander(spec, unread)
    try:
        expander.entries(spec.nodes, expander.scope)
        if not unread & {"graph", "head"}:
            expander.head()
            expander.further()
    except SpecError:  # so many that it was no use to go on
        pass
    typed = not unread & {"data", "order"}
    return [d for d in expander.faults.diagnostics if typed or _WITHOUT_TYPES.fullmatch(d.code)]


class Expander(Instances):
    """Makes the graph of a spec: its entries, then its heads."""

    def __init__(self, spec: ParsedSpec, unread: Set[str]) -> None:
        super().__init__(spec, unread)
        self.clusters: list[Cluster] = []
        self.repeats: set[str] = set()
        self.repeated = False
        outer = {**spec.params, **self.given}
        self.scope = Scope(dict(self.named), outer, "", "x")
        self.counting = Counting(spec.blocks, outer, spec.repeats, spec.work.room("nodes"), spec.work)

    def graph(self) -> Graph:
        """The graph. Raises SpecError with all faults that were found."""
        self.entries(self.spec.nodes, self.scope)
        head = self.head()
        further = self.further()
        self.faults.raise_if_any()
        assert isinstance(head, Node)
        graph = Graph(
            self.spec.members, self.data, self.conditions, self.nodes, head, self.spec.head, self.clusters,
            frozenset(self.widths), frozenset(self.repeats), self.repeated, self.notes, further,
        )  # fmt: skip
        self.notes += [*self.spec.notes, *_unread_nodes(graph)]
        return graph

    def head(self) -> Node | Broken:
        """The node that gives the head's numbers: of data in several parts one that joins those of every part."""
        head, place = self.spec.head, self.spec.head_place
        if not self.data_type.parts:
            return self._end(head, self.data_type, place_of(place, ["from"]))
        ends = [self._end(head.of_part(p), kind, place_of(place, [p, "from"])) for p, kind in self.data_type.parts]
        found = tuple(end for end in ends if isinstance(end, Node))
        if len(found) < len(ends):
            return BROKEN
        name = "parts"
        while name in self.scope.names:
            name += "_"
        return self.made(name, parts_layer(), found, place.place)

    def further(self) -> tuple[Further, ...]:
        """The further heads, each of the first one's kind."""
        found: list[Further] = []
        for name, (section, place) in self.spec.further.items():
            orders = [member.order for member in self.spec.members]
            if self.data_type.parts or any(o.groups > 1 or o.steps < o.variables for o in orders):
                self.faults.add(
                    "AR453",
                    f"the head '{name}' predicts the variable that is generated later by a number "
                    "of steps, and several are generated together, or in several channel groups",
                    place.place,
                    "further heads are for variables that are generated one after another",
                )
                continue
            most = orders[0].drawn - 1
            if section.ahead > most:
                self.faults.add(
                    "AR453",
                    f"the head '{name}' looks {section.ahead:,} ahead, and the last variable is "
                    f"{most:,} behind the first",
                    place_of(place, ["ahead"]),
                    "look less far ahead",
                )
                continue
            head = self.spec.head.model_copy(update={"from_": section.from_})
            node = self._end(head, self.data_type, place_of(place, ["from"]))
            if isinstance(node, Node):
                found.append(Further(name, node, head, section))
        return tuple(found)

    def _end(self, head: Head, data: Type, place: Place) -> Node | Broken:
        """The node that gives the numbers for one part of the data."""
        node = self.one(head.from_, self.scope, place)
        if isinstance(node, Broken):
            return node
        wanted = expected_head(data, head)
        size = "$head" if data.levels == self.spec.data.levels else str(wanted.width)
        readers = [other for other in self.nodes if node in other.inputs]
        found = wrong_end(node, wanted, place, head.kind, data.levels or 0, size, readers, self.scope.names)
        if found is not None:
            self.faults.extend([found])
        return node

    # -- the entries of a graph or a block ---------------------------------------------------------------------------

    def entries(self, tree: Map, scope: Scope) -> None:
        """The nodes of the entries of a graph or a block, one after another."""
        scope.ahead |= set(tree.entries)
        for name, (place, entry) in tree.entries.items():
            still_wanted()
            if name in scope.names:
                what = (
                    "the data"
                    if name in ("x", self.data.name)
                    else "an auxiliary image"
                    if name in self.parts
                    else "a condition"
                    if name in self.named
                    else "an input of the block"
                )
                self.faults.add("AR207", f"'{name}' is {what} already", place, "take another name")
                continue
            if not NAME.fullmatch(name):
                other = name.replace("-", "_")
                sure = NAME.fullmatch(other) is not None and other not in tree.entries and place.text == name
                help = "names are letters, digits and _" + (f": write `{other}`" if sure else "")
                edits = [(place, other)] if sure else ()
                self.faults.add("AR115", f"'{name}' is no name for a node", place, help, (), edits)
            value = (
                self._entry(name, place, entry, scope, tree)
                if scope.prefix or self._fits(name, entry, place)
                else BROKEN
            )
            scope.ahead.discard(name)
            scope.names[name] = value
            if value != []:  # what `when` left out is stepped over
                scope.previous = name

    def _fits(self, name: str, entry: Tree, place: Place) -> bool:
        """Whether there is room for all that an entry of the graph makes; if not, that is reported."""
        limit, work = LIMITS["nodes"], self.faults.work
        total = work.counts["nodes"] + self.counting.entry(entry, self.scope.params)
        if total <= limit.most:
            return True
        count = f"{total:,}" if self.counting.exact else f"more than {total:,}"
        found = f"with '{name}' the graph has {count} {limit.what}, where {limit.most:,} are the limit ({limit.limit})"
        self.faults.add(limit.code, found, place, limit.help)
        return False

    def _entry(self, name: str, place: Place, entry: Tree, scope: Scope, around: Map) -> Any:
        """around: what it is an entry of."""
        kinds = [key for key in ENTRIES if isinstance(entry, Map) and key in entry.entries]
        if not isinstance(entry, Map) or len(kinds) != 1:
            both = f"both {' and '.join(ENTRIES[key] for key in kinds[:2])}"
            found = f"the node '{name}' names {both if kinds else 'neither a layer nor a block'}"
            lost = indent_below(around.entries, name)
            self.faults.add("AR111", found, place, *meant_entry(name, entry, self.spec.blocks, lost))
            return BROKEN
        if "when" in entry.entries:
            tree = entry.entries["when"][1]
            evaluator = Evaluator(scope.params, self.faults)
            chosen = evaluator.value(tree)
            if not isinstance(chosen, (bool, int)):
                if evaluator.complete:
                    message = f"`when` takes true or false, and was given {said(chosen)}"
                    told("AR103", message, tree, chosen, "when: $direct", evaluator, lambda v: isinstance(v, bool))
                return BROKEN
            if not chosen:
                return LeftOut(tree.place)
        if "experts" in entry.entries:
            return experts_entry(self, name, entry, scope)
        return self._block(name, entry, scope) if "block" in entry.entries else self.layer(name, entry, scope)

    # -- blocks ------------------------------------------------------------------------------------------------------

    def _block(self, name: str, entry: Map, scope: Scope) -> Instance | Repetition | Broken:
        which, place = entry.get("block"), place_of(entry, ["block"])
        called = str(which.value) if isinstance(which, Scalar) else ""
        block = self.spec.blocks.get(called)
        if block is not None or called not in KINDS:
            self._check_instance(entry, block)
        if block is None and called in KINDS:
            key, _ = entry.entries["block"]
            help = f"`{called}` is a layer: write `layer: {called}`"
            self.faults.add("AR215", f"there is no block '{called}'", key, help, (), [(key, "layer")])
        elif block is None:
            message, blocks = f"there is no block '{called}'", self.spec.blocks
            if blocks:
                self.faults.misspelt("AR215", message, place, called, blocks, "blocks")
            else:
                self.faults.add("AR215", message, place, f"blocks: {FORMS['blocks']}")
        elif called in scope.chain:
            circle = " → ".join((*scope.chain, called))
            self.faults.add("AR210", f"the block '{called}' contains itself: {circle}", place, "repeat it instead")
        elif len(scope.chain) >= MAX_NESTING:
            found = f"blocks within blocks, more than {MAX_NESTING} deep (limit MAX_NESTING)"
            self.faults.add("AR210", found, place, "write some of them out")
        elif "repeat" not in entry.entries:
            shares = self._shares(name, called, entry, scope, None)
            if isinstance(shares, Broken):
                return BROKEN
            return self.instance(name, called, block, entry, scope, 0, None, None, shares)
        else:
            return self._repetition(name, called, block, entry, scope)
        return BROKEN

    def _check_instance(self, entry: Map, block: Map | None) -> None:
        """Reports keys that an instance of a block does not have. Parameters of the block stand under `params`."""
        stated = block.get("params") if block is not None else None
        own = stated.entries if isinstance(stated, Map) else {}
        for key, (place, tree) in entry.entries.items():
            if key in own and key not in _BLOCK_KEYS:
                help = f"it is a parameter of the block: write `params: {{{key}: {tree.place.text[:60]}}}`"
                self.faults.add("AR101", f"an instance of a block has no key '{key}'", place, help)
        rest = {key: pair for key, pair in entry.entries.items() if key not in own or key in _BLOCK_KEYS}
        check_keys(Map(entry.place, rest, entry.flow), _BLOCK_KEYS, "an instance of a block", self.faults)

    def _repetition(self, name: str, called: str, block: Map, entry: Map, scope: Scope) -> Repetition | Broken:
        times = self._times(entry, scope)
        if times is None:
            return BROKEN
        self.repeated = True
        instances: list[Instance] = []
        for i in range(times):
            last = instances[-1] if instances else None
            shares = self._shares(name, called, entry, scope, i)
            if isinstance(shares, Broken):
                return BROKEN
            one = self.instance(f"{name}.{i}", called, block, entry, scope, i, last, i, shares)
            if isinstance(one, Broken):
                return BROKEN
            instances.append(one)
        wanted = self.stated(block).inputs
        if len(instances) > 1 and wanted and not self.stated(block).chained:
            outs = ", ".join(instances[0].outputs) or "none"
            found = (
                f"every repetition of '{name}' reads the same: the block's outputs ({outs}) have other names than its "
                f"inputs ({', '.join(wanted)})"
            )
            help = f"name an output {wanted[0]} to chain them"
            self.notes.append(Diagnostic("AR216", found, place_of(entry, ["repeat"]), help))
        return Repetition(instances)

    def _shares(self, name: str, called: str, entry: Map, scope: Scope, repetition: int | None) -> str | Broken | None:
        """The path to the instance whose weights an instance takes; None where it has its own.

        `shared`: all repetitions have the first one's. The name of another instance of the block: its weights, and
        where both are repeated those of the same repetition."""
        own = name if repetition is None else f"{name}.{repetition}"
        if "weights" not in entry.entries:
            return scope.inside(own)
        tree = entry.entries["weights"][1]
        evaluator = Evaluator(scope.params, self.faults)
        said_ = evaluator.value(tree)
        if not evaluator.complete:
            return BROKEN
        if said_ == "shared" and repetition is not None:
            return f"{scope.prefix}{name}.0." if repetition else scope.inside(own)
        path, blocks = f"{scope.prefix}{said_}", {cluster.name: cluster.block for cluster in self.clusters}
        if repetition is not None and f"{path}.{repetition}" in blocks:
            path = f"{path}.{repetition}"
        if said_ == "shared":
            help = "`weights: shared` goes with `repeat`; the name of another instance takes its weights"
            self.faults.add("AR452", f"'{name}' is not repeated: there is nothing that it shares weights with",
                            tree.place, help)  # fmt: skip
            return BROKEN
        if blocks.get(path) != called:
            what = f"is one of '{blocks[path]}'" if path in blocks else "is no instance that stands before it"
            help = f"name an instance of '{called}' that stands above, or write `weights: shared` beside `repeat`"
            self.faults.add("AR452", f"'{name}' takes the weights of another instance of '{called}', and '{said_}' "
                            f"{what}", tree.place, help)  # fmt: skip
            return BROKEN
        return f"{path}."

    def _times(self, entry: Map, scope: Scope) -> int | None:
        tree = entry.entries["repeat"][1]
        evaluator = Evaluator(scope.params, self.faults)
        value = evaluator.value(tree)
        if not _is_count(value):
            if evaluator.complete:
                message = f"`repeat` takes a whole number from 0 on, and was given {said(value)}"
                told("AR208", message, tree, value, None, evaluator, _is_count)
            return None
        if isinstance(tree, Scalar) and isinstance(tree.value, str):
            self.repeats |= names(tree.value)
        value = repetitions(tree, value, self.spec.repeats)
        if value > MAX_REPEAT:
            found = f"`repeat` is {value:,}, where {MAX_REPEAT:,} is the limit (MAX_REPEAT)"
            self.faults.add("AR208", found, tree.place, "repeat less")
            return None
        return value

    def instance(
        self, name: str, called: str, block: Map, entry: Map, scope: Scope, i: int, last: Instance | None,
        repetition: int | None, shares: str | None = None,
    ) -> Instance | Broken:  # fmt: skip
        before, place, stated = len(self.faults), place_of(entry, ["block"]), self.stated(block)
        nodes = block.get("nodes")
        self.faults.spend("names", len(self.spec.params) + len(self.named) + stated.names, place)
        here = Scope(scope.names, {**scope.params, "i": i}, scope.prefix, scope.previous, scope.chain, scope.ahead)
        inputs = self.block_inputs(called, block, entry, here, last)
        params = self._block_params(block, called, entry, here)
        if not isinstance(nodes, Map):
            return BROKEN
        outer = {**self.spec.params, **self.given, "i": i}
        previous = next(iter(inputs)) if len(inputs) == 1 else None
        inner = Scope(
            {**self.named, **inputs}, {**outer, **params}, f"{scope.prefix}{name}.", previous, (*scope.chain, called),
            shares=shares,
        )  # fmt: skip
        self.faults.spend("nodes", 1, place)
        self.clusters.append(Cluster(scope.prefix + name, called, repetition, place))
        self.entries(nodes, inner)
        self._name_instance(before, f"{scope.prefix}{name}", entry, params)
        outputs: dict[str, Any] = {}
        for out, tree in stated.outputs.items():
            value = self._nodes_of(tree, inner)
            if isinstance(value, Broken):
                return BROKEN
            if isinstance(value, list) and len(value) > MAX_LIST:
                found = f"the output '{out}' is a list of more than {MAX_LIST:,} nodes (limit MAX_LIST)"
                self.stop("AR211", found, tree.place, "repeat less")
            outputs[out] = value
        return (
            Instance(outputs, frozenset(nodes.entries))
            if len(self.faults) == before and "outputs" in block.entries
            else BROKEN
        )

    def _name_instance(self, since: int, name: str, entry: Map, params: Mapping[str, Any]) -> None:
        """Relates the faults inside a block of another file to the instance whose parameters they come from."""
        if len(self.faults) == since:  # as a rule
            return
        place, given = place_of(entry, ["block"]), entry.get("params")
        own = given.entries if isinstance(given, Map) else {}
        known = {key: value for key, value in params.items() if not isinstance(value, Unknown)}
        values = [f"{key} {said(known[key])}" for key in own if key in known]
        note = f"the instance '{name}'" + (f", with {', '.join(values)}" if values else "")
        outer = {key: value for key, value in self.spec.params.items() if not isinstance(value, Unknown)}
        kept = [key for key in known if key not in own and key in outer and outer[key] != known[key]]
        if kept:
            stated = ", ".join(f"{key} {said(known[key])}" for key in kept)
            handed = ", ".join(f"{key}: ${key}" for key in kept)
            note += f"; the block has its own {stated}: `params: {{{handed}}}` hands on the spec's"
        for k, one in enumerate(self.faults.diagnostics[since:], since):
            if one.place is not None and one.place.source != place.source:
                self.faults.diagnostics[k] = replace(one, related=(*one.related, (place, note)))

    def _nodes_of(self, tree: Tree, scope: Scope) -> Node | list[Node] | Broken:
        """What an output or an input of a block stands for: a node, or the nodes of a list."""
        plain = None if not isinstance(tree, Scalar) else self.plainly([tree.value], scope)
        if plain is not None:
            return plain[0]
        refs = texts(tree)
        if not isinstance(refs, (str, list)) or not all(isinstance(ref, str) for ref in refs):
            self.faults.add("AR103", f"a node or a list of nodes is wanted here; it was {said(refs)}", tree.place, None)
            return BROKEN
        parts = [
            self.follow(ref, scope, place_of(tree, [k]))
            for k, ref in enumerate([refs] if isinstance(refs, str) else refs)
        ]
        if any(isinstance(part, Broken) for part in parts):
            return BROKEN
        nodes = [node for part in parts if not isinstance(part, Broken) for node in part]
        left = next((part for part in parts if isinstance(part, LeftOut)), None)
        if not nodes and left is not None:
            return left
        return nodes[0] if len(nodes) == 1 and isinstance(refs, str) else nodes

    def block_inputs(self, called: str, block: Map, entry: Map, scope: Scope, last: Instance | None) -> dict[str, Any]:
        """The inputs of an instance by name; BROKEN for one that is not connected or leads nowhere."""
        wanted, given, place = self.stated(block).inputs, entry.get("from"), place_of(entry, ["block"])
        refs: dict[str, Tree] = {}
        if isinstance(given, Map):
            refs = {key: tree for key, (_, tree) in given.entries.items()}
            strange, free = [key for key in refs if key not in wanted], [want for want in wanted if want not in refs]
            for key in strange:
                at, message = given.entries[key][0], f"the block '{called}' has no input '{key}'"
                if len(strange) == len(free) == 1:  # one of another name: what it is called is told, and no more
                    refs[free[0]] = refs[key]
                    edits = [(at, free[0])] if at.text == key else ()
                    self.faults.add("AR203", message, at, f"it has the input '{free[0]}'", (), edits)
                else:
                    self.faults.misspelt("AR203", message, at, key, wanted, "its inputs are")
        elif given is not None and len(wanted) == 1:
            refs = {wanted[0]: given}
        elif given is not None:
            self.faults.add("AR204", f"the block '{called}' has the inputs {', '.join(wanted) or 'none'}", given.place,
                            f"from: {{{', '.join(f'{w}: ...' for w in wanted)}}}" if wanted
                            else "leave `from` out")  # fmt: skip
            return dict.fromkeys(wanted, BROKEN)
        found: dict[str, Any] = {}
        from_last = self.stated(block).chained if last is not None else {}
        for want in wanted:
            if last is not None and want in from_last:
                found[want] = last.outputs[from_last[want]]
            elif want in refs:
                found[want] = self._nodes_of(refs[want], scope)
            elif len(wanted) == 1 and given is None and scope.previous is not None:
                nodes = self.before(called, scope, place)
                found[want] = nodes[0] if isinstance(nodes, list) and len(nodes) == 1 else nodes
            else:
                self.faults.add("AR204", f"the input '{want}' of the block '{called}' is not connected", place,
                                f"from: {{{', '.join(f'{w}: ...' for w in wanted)}}}")  # fmt: skip
                found[want] = BROKEN
        return found

    def _block_params(self, block: Map, called: str, entry: Map, scope: Scope) -> dict[str, Any]:
        stated, given = block.get("params"), entry.get("params")
        defaults = stated.entries if isinstance(stated, Map) else {}
        overrides: Mapping[str, Any] = {}
        if isinstance(given, Map):
            for key, (place, _) in given.entries.items():
                if key not in defaults:
                    help = did_you_mean(key, defaults, "its parameters are") or "it has none"
                    self.faults.add("AR213", f"the block '{called}' has no parameter '{key}'", place, help)
            overrides = {
                key: Evaluator(scope.params, self.faults).value(tree)
                for key, (_, tree) in given.entries.items()
                if key in defaults
            }
        elif given is not None:
            self.faults.add(
                "AR103", "`params` takes a mapping of names to values", given.place, "params: {mask: earlier}"
            )
        return settle_params(defaults, overrides, scope.params, self.faults)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _unread_nodes(graph: Graph) -> list[Diagnostic]:
    """A note for each line of the spec all of whose nodes lead nowhere."""
    live = {*graph.live, *graph.extra}
    read = {node.place for node in live}
    found: dict[Place, Node] = {}
    for node in graph.nodes:
        if node not in live and node.place not in read:
            found.setdefault(node.place, node)
    help = "read it, or remove it"
    return [Diagnostic("AR206", f"nothing on the way to the head reads '{n.name}'", p, help) for p, n in found.items()]


__all__ = ["MAX_LIST", "expand", "faults_of_graph"]
