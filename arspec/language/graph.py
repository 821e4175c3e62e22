"""The expanded, typed graph: plain nodes in topological order, the head's distribution at their end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from arspec.diagnostics import Diagnostic
from arspec.heads import Head, Support
from arspec.language.further import Further
from arspec.layers.base import Node, Weight
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    import networkx as nx


@dataclass(eq=False)
class Cluster:
    """One instance of a block: the path name of the instance, the block's name, and the repetition's number. count: how
    many copies of it there are, each with weights of its own."""

    name: str
    block: str
    repetition: int | None
    place: Any
    count: int = 1


@dataclass(eq=False)
class Graph:
    """Nodes in topological order: first the sources (the data, the conditions), then the spec's own."""

    members: list[Member]  # of the family of orders
    data: Node
    conditions: dict[str, Node]
    nodes: list[Node]  # without the sources, inputs before their readers
    head_node: Node
    head: Head
    clusters: list[Cluster]
    width_params: frozenset[str]  # parameters that numbers of channels are computed from
    repeat_params: frozenset[str]  # parameters that repeats are computed from
    repeated: bool  # whether anything is repeated
    notes: list[Diagnostic]  # what is odd about it, and refused nowhere
    further: tuple[Further, ...] = ()  # heads whose losses training adds
    steps: list[list[Any]] = field(
        default_factory=list, init=False
    )  # of its modules, under each member (`arspec.network.steps`)

    @cached_property
    def support(self) -> Support:
        """What a variable is: its levels, and its channels where those of a pixel are generated together."""
        return support_of(self.data.out)

    @cached_property
    def sources(self) -> list[Node]:
        """The nodes that read nothing: the data, then the conditions."""
        return [self.data, *self.conditions.values()]

    @cached_property
    def network(self) -> nx.DiGraph[Node]:
        """The graph as networkx has it; edges carry the port."""
        import networkx as nx  # slow to import, and the proof does without

        graph: nx.DiGraph[Node] = nx.DiGraph()
        graph.add_nodes_from([*self.sources, *self.nodes])
        for node in self.nodes:
            for port, source in node.ports():
                graph.add_edge(source, node, port=port)
        return graph

    @cached_property
    def live(self) -> list[Node]:
        """The nodes that the head depends on, in topological order."""
        wanted = {self.head_node}
        for node in reversed(self.nodes):
            if node in wanted:
                wanted.update(node.inputs)
        return [node for node in self.nodes if node in wanted]

    @cached_property
    def extra(self) -> list[Node]:
        """The nodes that further heads depend on, and the head does not, in topological order."""
        live, wanted = {*self.live}, {one.node for one in self.further}
        for node in reversed(self.nodes):
            if node in wanted:
                wanted.update(node.inputs)
        return [node for node in self.nodes if node in wanted and node not in live]

    @cached_property
    def handed(self) -> frozenset[Node]:
        """What further heads take of the sources and of the nodes that the head depends on."""
        taken = {source for node in self.extra for source in node.inputs} | {one.node for one in self.further}
        return frozenset(taken - {*self.extra})

    @cached_property
    def computed(self) -> list[Node]:
        """The nodes that the head or a further one depends on, in topological order."""
        wanted = {*self.live, *self.extra}
        return [node for node in self.nodes if node in wanted]

    def headed(self, further: Further | None) -> Graph:
        """The same graph whose head is a further one; None: itself."""
        if further is None:
            return self
        return replace(self, head_node=further.node, head=further.head, further=())

    @cached_property
    def order(self) -> list[Node]:
        """The sources, and the nodes that the head depends on, which is the last."""
        return [*self.sources, *self.live]

    @cached_property
    def weights(self) -> dict[tuple[Node, str], Weight]:
        """Every weight of its own (tied ones are counted once), by node and name."""
        return {(n, name): w for n in self.nodes for name, w in n.weights.items()}

    @property
    def parameters(self) -> int:
        """Trained numbers."""
        return sum(w.count for w in self.weights.values() if w.trained)

    @property
    def size(self) -> str:
        """Parameters and nodes in words, as every report and picture says them."""
        unread = len(self.nodes) - len(self.live) - len(self.extra)
        more = f", of which the head does not read {unread:,}" if unread else ""
        return f"{self.parameters:,} parameters, {len(self.nodes):,} nodes{more}"

    @cached_property
    def plans(self) -> dict[Any, Any]:
        """What sampling needs of the graph, once it is worked out (`arspec.sampler.plan.plans`)."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "plans"}

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        """Itself: it does not change, and code that torch.compile made for a model serves copies of the same graph."""
        return self

    def rank(self, member: Member) -> Ints:
        """[V]: the rank of every variable; variable g * P + p is the data's site of that number."""
        return member.order.rank

    def head_sites(self) -> Ints:
        """The head's site that speaks for each variable that is modelled: the same number, as the head lies on the
        data's grid."""
        return np.flatnonzero(self.members[0].order.modelled)

    def describe(self) -> str:
        """The graph as a program, a node a line."""
        lines = [f"{n.name} -> {n.out}" for n in self.sources]
        for node in self.nodes:
            args = [source.name if port == "from" else f"{port}={source.name}" for port, source in node.ports()]
            args += [f"{k}={text}" for k, text in stated_keys(node).items() if k != "mask"]
            args += [f"mask={node.mask}"] if node.mask else []
            args += [f"weights={node.tied.name}"] if node.tied else []
            lines.append(f"{node.name} = {node.layer.layer}({', '.join(args)}) -> {node.out}")
            inside = node.layer.inner(node)
            lines += [f"  {n.name} = {n.layer.layer}({', '.join(i.name for i in n.inputs)}) -> {n.out}" for n in inside]
        lines.append(f"head = {self.head.kind}({self.head_node.name})")
        return "\n".join(lines)


def stated_keys(node: Node) -> dict[str, str]:
    """What a node states beside its inputs, with parameters settled; without what is so by default."""
    keys = node.layer.model_dump(exclude_defaults=True, exclude={"layer", "from_", "weights_of", *node.layer.ports})
    return {key: str(value).replace(" ", "") for key, value in keys.items()}


def expected_head(data: Type, head: Head) -> Type:
    """What the head's node must give: on the data's grid, in its groups, the head's numbers for each variable."""
    return Type(data.grid, data.groups, head.parameters(support_of(data)), data.frame)


def support_of(data: Type) -> Support:
    """What a variable of the data is."""
    if data.parts:
        parts = tuple((part.sites, support_of(part)) for _, part in data.parts)
        return Support(max(s.levels for _, s in parts), data.channels, parts)
    assert data.levels is not None
    return Support(data.levels, data.channels)
