"""The entry of a graph that names experts: `moe: {experts: mlp, from: h, router: scores, count: 8, take: 2}`.

It stands for several nodes, as an instance of a block does: what makes weights of the router's scores, what takes the
largest of them, the experts, and those that every site shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from arspec.diagnostics import Place
from arspec.language.graph import Cluster
from arspec.language.hints import input_names
from arspec.language.keys import Evaluator, built, place_of
from arspec.language.nodes import Nodes, Scope
from arspec.language.references import BROKEN, Broken, Instance
from arspec.layers import Inside, experts_layer, misfit
from arspec.layers.base import Fault, Node, Ref
from arspec.layers.helpers import room
from arspec.syntax.expressions import names
from arspec.syntax.yaml import Map, Scalar, Seq, Tree
from arspec.types import Type

MAX_EXPERTS = 4096


class Experts(BaseModel):
    """Experts: copies of a block, each with weights of its own, of which every site takes those that its router gives
    the highest scores (Shazeer et al. 2017; Jiang et al. 2024, "Mixtral of Experts"). A node of the block computes each
    site from that site alone. Only the experts that are taken are computed. `moe` is then the sum of what they give,
    each times its weight; its nodes are `moe.scores`, `moe.taken`, `moe.experts` and so on."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True, defer_build=True)

    experts: str = Field(description="The block that an expert is a copy of: it has one output.")
    from_: Any = Field(None, alias="from", description="What the block's inputs are, as of an instance of it.")
    params: dict[str, Any] | None = Field(None, description="Values of the block's own parameters.")
    router: Ref = Field(description="The node that gives the scores: one channel for each expert.")
    count: Annotated[int, Field(ge=1, le=MAX_EXPERTS)] = Field(description="How many experts there are.")
    take: Annotated[int, Field(ge=1, le=MAX_EXPERTS)] | None = Field(
        None, description="How many of them a site takes. All whose weight is not zero where it is left out."
    )
    scores: Literal["softmax", "sigmoid", "weights"] = Field(
        "softmax", description="How scores become weights: over all experts, each by itself, or they are weights."
    )
    normalise: bool = Field(True, description="Whether the weights of those that are taken are divided by their sum.")
    shared: str | None = Field(None, description="A block that every site goes through, and whose output is added.")
    balance: Annotated[float, Field(ge=0, le=1000)] = Field(
        0.0, description="Weight of the loss that balances how often each expert is taken, as of `top_k`."
    )
    capacity: Annotated[float, Field(gt=0, le=1 << 20)] | None = Field(
        None, description="The room of an expert, in shares of what it has where all are taken equally often. Once it "
        "is full, later sites lose it, as by `capacity`.",
    )  # fmt: skip
    choice: Literal["tokens", "experts"] = Field(
        "tokens", description="Who chooses. Where experts take the sites with the highest scores, a later site pushes "
        "out an earlier one: the proof refuses that wherever it carries data.",
    )  # fmt: skip

    ports: ClassVar[tuple[str, ...]] = ("router",)
    example: ClassVar[str] = (
        "order: {scan: raster, channels: joint}\n"
        "blocks:\n"
        "  mlp:\n"
        "    inputs: [h]\n"
        "    nodes:\n"
        "      up: {layer: conv, from: h, out: 48}\n"
        "      silu: {layer: silu}\n"
        "      down: {layer: conv, out: 24}\n"
        "    outputs: down\n"
        "graph:\n"
        "  router: {layer: conv, from: first, out: 8, bias: false}\n"
        "  moe: {experts: mlp, from: first, router: router, count: 8, take: 2, balance: 0.01}"
    )


class Instances(Nodes):
    """What makes nodes of layers, and instances of blocks."""

    clusters: list[Cluster]

    def block_inputs(self, called: str, block: Map, entry: Map, scope: Scope, last: Instance | None) -> dict[str, Any]:
        """The inputs of an instance by name; BROKEN for one that is not connected or leads nowhere."""
        raise NotImplementedError

    def instance(
        self, name: str, called: str, block: Map, entry: Map, scope: Scope, i: int, last: Instance | None,
        repetition: int | None, shares: str | None = None,
    ) -> Instance | Broken:  # fmt: skip
        """An instance of a block, whose nodes are made."""
        raise NotImplementedError


def experts_entry(ours: Instances, name: str, entry: Map, scope: Scope) -> Instance | Broken:
    """What an entry that names experts stands for: an instance whose one output is the sum."""
    return _Entry(ours, name, entry, scope).made()


class _Entry:
    def __init__(self, ours: Instances, name: str, entry: Map, scope: Scope) -> None:
        self.ours, self.name, self.entry, self.scope = ours, name, entry, scope
        self.place = place_of(entry, ["experts"])

    def made(self) -> Instance | Broken:
        """The instance; BROKEN, with a report, where the entry does not hold."""
        keys = self._keys()
        blocks = [self._called("experts"), self._called("shared")]
        if keys is None or blocks[0] is None or (keys.shared is not None and blocks[1] is None):
            return BROKEN
        ours, scope = self.ours, self.scope
        router = ours.one(keys.router, scope, place_of(self.entry, ["router"]))
        inputs = self._inputs(keys.experts, blocks[0])
        if isinstance(router, Broken) or inputs is None:
            return BROKEN
        for node in (*inputs.values(), router):
            if node.out.groups != 1:
                found = f"experts take sites of one channel group, and '{node.name}' gives {node.out}"
                help = "generate the channels together (`channels: joint`), or a convolution with `groups: 1` before"
                ours.faults.add("AR442", found, self.place, help)
                return BROKEN
        ours.faults.spend("nodes", 1, self.place)
        ours.clusters.append(Cluster(scope.prefix + self.name, "experts", None, self.place))
        gates = self._gates(keys, router, ours.data_type)
        inside = self._inside(keys, blocks[0], inputs)
        if isinstance(gates, Broken) or inside is None:
            return BROKEN
        found = self._experts(keys, inside, (*inputs.values(), gates))
        if blocks[1] is not None and not isinstance(found, Broken):
            found = self._with_shared(str(keys.shared), blocks[1], inputs, found)
        return found if isinstance(found, Broken) else Instance({"out": found})

    # -- what the entry says -----------------------------------------------------------------------------------------

    def _keys(self) -> Experts | None:
        evaluator = Evaluator(self.scope.params, self.ours.faults)
        values: dict[str, Any] = {}
        for key, (_, tree) in self.entry.entries.items():
            if key not in ("from", "when", "params"):
                written = key in ("experts", "shared", "router") and isinstance(tree, Scalar)
                values[key] = tree.value if written and isinstance(tree, Scalar) else evaluator.value(tree)
        own = {key: pair for key, pair in self.entry.entries.items() if key != "when"}
        tree = Map(self.entry.place, own, self.entry.flow)
        keys = built(Experts, values, tree, f"the experts '{self.name}'", evaluator, self.place)
        count = self.entry.get("count")
        if isinstance(count, Scalar) and isinstance(count.value, str):
            self.ours.widths |= names(count.value)
        return keys if evaluator.complete else None

    def _called(self, key: str) -> Map | None:
        """The block that a key names; None, with a report, where there is none."""
        tree = self.entry.get(key)
        if not isinstance(tree, Scalar) or tree.value is None:
            return None
        found = self.ours.spec.blocks.get(str(tree.value))
        if found is None:
            known = self.ours.spec.blocks
            self.ours.faults.misspelt(
                "AR215", f"there is no block '{tree.value}'", tree.place, str(tree.value), known, "blocks"
            )
        return found

    def _inputs(self, called: str, block: Map) -> dict[str, Node] | None:
        """The nodes that the block's inputs are, each one node."""
        if not input_names(block):
            help = "write `inputs: [h]` in it"
            self.ours.faults.add("AR440", f"the block '{called}' of experts has no inputs", self.place, help)
            return None
        given = self.ours.block_inputs(called, block, self._instance("experts"), self.scope, None)
        found: dict[str, Node] = {}
        for want, node in given.items():
            if isinstance(node, list) and len(node) == 1:
                (node,) = node
            if isinstance(node, Node):
                found[want] = node
            elif not isinstance(node, Broken):
                place = place_of(self.entry, ["from", want])
                self.ours.faults.add("AR217", f"an expert takes one node as its input '{want}'", place, None)
        return found if len(found) == len(given) else None

    def _instance(self, key: str) -> Map:
        """The entry of an instance of the block that a key names."""
        kept = {k: self.entry.entries[k] for k in ("from", "params") if k in self.entry.entries and key == "experts"}
        return Map(self.entry.place, {"block": self.entry.entries[key], **kept}, True)

    # -- its nodes ---------------------------------------------------------------------------------------------------

    def _layer(self, name: str, sources: Mapping[str, Node | Broken], layer: str, **keys: Any) -> Node | Broken:
        """A node of the entry that reads some others. keys: trees of the entry, or values of its own."""
        if any(isinstance(source, Broken) for source in sources.values()):
            return BROKEN
        place = self.place
        stated = {"layer": layer, "from": list(sources), **keys}

        def tree(value: Any) -> Tree:
            if isinstance(value, list):
                return Seq(place, tuple(map(tree, value)), True)
            return value if isinstance(value, Tree) else Scalar(place, value)

        def made() -> Map:
            own: dict[str, tuple[Place, Tree]] = {k: (place, tree(v)) for k, v in stated.items() if v is not None}
            return Map(self.entry.place, own, True)

        entry = self.ours.writing.made(self.entry, name, made)
        return self.ours.layer(name, entry, self._within(sources))

    def _within(self, names: Mapping[str, Any]) -> Scope:
        scope = self.scope
        return Scope(
            {**self.ours.named, **names}, scope.params, f"{scope.prefix}{self.name}.", None, scope.chain,
            shares=scope.inside(self.name),
        )  # fmt: skip

    def _gates(self, keys: Experts, router: Node, data: Type) -> Node | Broken:
        """The node of the experts' weights: one channel an expert, zero of those that are not taken."""
        get, node = self.entry.get, router
        if keys.scores != "weights":
            node = self._layer("scores", {"router": node}, keys.scores)
        if keys.choice == "experts":
            most = room(keys.capacity or 1.0, keys.take or 1, data.positions, keys.count)
            return self._layer("taken", {"scores": node}, "top_k", take=min(most, router.out.positions), over="space")
        if keys.take is not None:
            own = {"take": get("take"), "normalise": keys.normalise, "balance": get("balance")}
            node = self._layer("taken", {"scores": node}, "top_k", **own)
        if keys.capacity is not None:
            many = 1 if keys.take is None else get("take")
            node = self._layer("kept", {"taken": node}, "capacity", factor=get("capacity"), take=many)
        return node

    def _inside(self, keys: Experts, block: Map, inputs: dict[str, Node]) -> Inside | None:
        """The graph of one expert, whose nodes are the spec's no longer."""
        ours = self.ours
        before, clusters = len(ours.nodes), len(ours.clusters)
        one = self._block("experts", keys.experts, block, inputs)
        nodes = ours.nodes[before:]
        del ours.nodes[before:]
        if one is None:
            return None
        for cluster in ours.clusters[clusters : clusters + 1]:
            cluster.count = keys.count
        wanted = {one}
        for node in reversed(nodes):
            if node in wanted:
                wanted |= {*node.inputs, *([node.tied] if node.tied is not None else [])}
        ours.nodes += [node for node in nodes if node not in wanted]  # nothing reads them, which is told
        prefix = f"{self.scope.prefix}{self.name}.experts."
        if one in inputs.values():
            found = f"the block '{keys.experts}' gives what it takes: an expert has something to compute"
            ours.faults.add("AR440", found, self.place, "let a node of the block be its output")
            return None
        inside = Inside(prefix, tuple(inputs.values()), tuple(n for n in nodes if n in wanted))
        form = inside.form
        if form is not None and form in ours.writing.fitting:
            return inside
        wrong = misfit(inside, ours.spec.members)
        if wrong is not None:
            node, why, help = wrong
            found = f"an expert computes each site from that site alone; '{node.name}' ({node.layer.layer}) {why}"
            ours.faults.add("AR440", found, node.place, help, [(self.place, "it is an expert here")])
            return None
        if form is not None:
            ours.writing.fitting.add(form)
        return inside

    def _block(self, key: str, called: str, block: Map, inputs: dict[str, Node]) -> Node | None:
        """The one output of an instance of a block of the entry."""
        ours, scope = self.ours, self.scope
        entry = self._instance(key)
        refs = {want: (self.place, Scalar(self.place, want)) for want in inputs}
        whole = Map(entry.place, {**entry.entries, "from": (self.place, Map(self.place, dict(refs), True))}, True)
        here = Scope({**ours.named, **inputs}, scope.params, scope.prefix, None, scope.chain)
        if called in scope.chain:
            circle = " → ".join((*scope.chain, called))
            ours.faults.add("AR210", f"the block '{called}' contains itself: {circle}", self.place, "take another one")
            return None
        # the weights of experts are those of the node that has all of them
        shares = scope.inside(f"{self.name}.{key}") if key != "experts" else None
        made = ours.instance(f"{self.name}.{key}", called, block, whole, here, 0, None, None, shares)
        if isinstance(made, Broken):
            return None
        outputs = [*made.outputs.values()]
        if len(outputs) != 1 or not isinstance(outputs[0], Node):
            found = f"the block '{called}' gives {', '.join(made.outputs) or 'nothing'}: experts give one node"
            ours.faults.add("AR440", found, place_of(self.entry, [key]), "name one node under `outputs`")
            return None
        return outputs[0]

    def _experts(self, keys: Experts, inside: Inside, inputs: tuple[Node, ...]) -> Node | Broken:
        ours, name = self.ours, f"{self.scope.prefix}{self.name}.experts"
        where = {key: tree.place for key, (_, tree) in self.entry.entries.items()}
        layer, tied = experts_layer(keys.count, inside), ours.twin(f"{self.name}.experts", self.scope, self.place)
        if isinstance(tied, Broken):
            return BROKEN
        node = Node(name, layer, inputs, self.place, None, tied, ours.spec.groups, ours.data_type, where)
        try:
            ours.infer(node, self.scope)
        except Fault as fault:
            ours.faults.add(fault.code, fault.message, where.get(fault.key or "", self.place), fault.help)
            return BROKEN
        ours.faults.spend("sites", node.out.sites, self.place)
        ours.faults.spend("nodes", 1, self.place)
        ours.nodes.append(node)
        ours.at[name] = node
        return node

    def _with_shared(self, called: str, block: Map, inputs: dict[str, Node], experts: Node) -> Node | Broken:
        """What is taken and what all share, added up."""
        wanted = input_names(block)
        taken = {want: inputs[want] for want in wanted if want in inputs}
        if len(wanted) == len(inputs) == 1:
            taken = dict(zip(wanted, inputs.values(), strict=True))
        missing = next((want for want in wanted if want not in taken), None)
        if missing is not None:
            found = f"the shared block '{called}' has an input '{missing}', which the experts have not"
            self.ours.faults.add("AR204", found, place_of(self.entry, ["shared"]), "give its inputs the same names")
            return BROKEN
        shared = self._block("shared", called, block, taken)
        if shared is None:
            return BROKEN
        return self._layer("sum", {"experts": experts, "shared": shared}, "add")
