"""The graph as the sampler computes it: the spec's own, with what gives the same in fewer or larger products.
numpy only.

Layers without weights that do the same to the same are one. And a linear layer over channels that stand side by side is
a sum of two, where some of them are there long before the others: what it makes of those is summed up ahead, for many
sites at once (`arspec.sampler.plan.sums`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from arspec.analysis.known_at import Relations, known_at
from arspec.layers import sum_layer
from arspec.layers.base import Node
from arspec.sampler.plan.schedule import ChannelShare, Lowered
from arspec.sampler.plan.state import Figures, Pass, State, hold
from arspec.sampler.plan.timing import ahead
from arspec.types import Bools, Ints


def lowered(relations: Relations, known: Mapping[Node, Ints], worth: int) -> Lowered:
    """known: the step after which each site of a node of the spec can be computed; worth: the numbers of a weight that
    a share of its own must spare."""
    return _Lowering(relations, known, worth).build()


@dataclass(eq=False)
class _Split:
    """A linear layer over several nodes side by side: the node that puts them so, and what stands between."""

    beside: Node
    between: list[Node]
    of: Ints  # [C]: from which input of `beside` each channel comes that the layer reads
    early: Bools  # by input of `beside`


class _Lowering:
    def __init__(self, relations: Relations, known: Mapping[Node, Ints], worth: int) -> None:
        self.relations, self.known, self.graph, self.worth = relations, known, relations.graph, worth
        self.readers = Counter(source for node in self.graph.live for source in node.inputs)
        self.splits = {node: split for node in self.graph.live if (split := self._split(node)) is not None}
        self.gone = {node for split in self.splits.values() for node in (split.beside, *split.between)}
        self.found = Lowered(self.graph)
        self.nodes: list[Node] = []
        self.now: dict[Node, Node] = {}  # what stands for a node of the spec, where it is not itself
        self.twins: dict[tuple[object, ...], Node] = {}
        self.sums: set[Node] = set()

    def build(self) -> Lowered:
        for node in self.graph.live:
            if node not in self.gone:
                self._place(node)
        if self.now:
            head = self.now.get(self.graph.head_node, self.graph.head_node)
            self.found.graph = replace(self.graph, nodes=self.nodes, head_node=head)
        return self.found

    # -- what is to be split -----------------------------------------------------------------------------------------

    def _split(self, node: Node) -> _Split | None:
        if not node.traits.is_linear or len(node.inputs) != 1 or not self._reads_its_own(node):
            return None
        source, between = node.inputs[0], list[Node]()
        while self.readers[source] == 1 and source.traits.by_channel is not None:
            between.insert(0, source)
            source = source.inputs[0]
        if self.readers[source] != 1 or not source.traits.is_concat:
            return None
        of, own = _channels(source, between), self.known[node]
        numbers = np.bincount(of, minlength=len(source.inputs)) * node.out.channels
        # what no variable influences is there once for all, and needs no share
        when = np.stack([own if self._free(i) else self.known[i] for i in source.inputs], 1)
        found = ahead(when, own, numbers, self.worth)
        return None if found is None else _Split(source, between, of, found[0])

    def _free(self, node: Node) -> bool:
        return bool((self.known[node] == -1).all())

    def _reads_its_own(self, node: Node) -> bool:
        """Whether each site reads the same site of the input and no other."""
        sites = np.arange(node.out.sites)
        table = self.relations.reads(node)[0].table(sites)
        return table.shape[1] == 1 and np.array_equal(table[:, 0], sites)

    # -- the nodes that take their places ----------------------------------------------------------------------------

    def _place(self, node: Node) -> None:
        inputs = self._inputs(node)
        if node in self.splits:
            self._place_sum(node, self.splits[node])
        elif (twin := self._twin(node, inputs)) is not None:
            self.now[node] = twin
            self.found.computes[twin] = [*self.found.computed(twin), node]
        else:
            one = node if inputs == list(node.inputs) else self._stand_in(node, inputs)
            self._add(one, inputs)
            if inside := [i for i in node.inputs if self._inside(node, i)]:
                self.found.computes[one] = [node, *(n for i in inside for n in self.found.computed(self.now[i]))]

    def _inputs(self, node: Node) -> list[Node]:
        """What a node takes; of a sum that it adds to others alone what that adds up."""
        found: list[Node] = []
        for source in node.inputs:
            now = self.now.get(source, source)
            found += now.inputs if self._inside(node, source) else [now]
        return found

    def _inside(self, node: Node, source: Node) -> bool:
        """Whether a node adds up what the sum that stands for its input adds up, and nothing else reads that."""
        return node.traits.is_sum and self.now.get(source) in self.sums and self.readers[source] == 1

    def _stand_in(self, node: Node, inputs: Sequence[Node]) -> Node:
        one = copy(node)
        one.inputs = tuple(inputs)
        self.found.origin[one] = node
        self.now[node] = one
        return one

    def _add(self, node: Node, inputs: Sequence[Node]) -> None:
        self.nodes.append(node)
        key = self._key(node, inputs)
        if key is not None:
            self.twins[key] = node

    def _twin(self, node: Node, inputs: Sequence[Node]) -> Node | None:
        key = self._key(node, inputs)
        return None if key is None or node is self.graph.head_node else self.twins.get(key)

    def _key(self, node: Node, inputs: Sequence[Node]) -> tuple[object, ...] | None:
        """What two nodes have in common that compute the same; None for layers with weights, or with anything beside
        their inputs, and for what is computed once for all steps anyhow."""
        layer = node.layer
        if not inputs or layer.connected or layer.weights(node) or self.relations.scan(node) is not None:
            return None
        if node in self.known and self._free(node):
            return None
        said = layer.model_dump_json(exclude={"from_", "weights_of"})
        return said, str(node.mask), *map(id, inputs)

    def _place_sum(self, node: Node, split: _Split) -> None:
        shares: list[Node] = []
        for early in (True, False):
            taken = split.early == early
            inputs = [self.now.get(i, i) for i, one in zip(split.beside.inputs, taken, strict=True) if one]
            source = inputs[0] if len(inputs) == 1 else self._made(split.beside, inputs)
            for one in split.between:
                source = self._made(one, [source])
            share = copy(node)
            share.name, share.inputs = f"{node.name} of {source.name}", (source,)
            self.found.origin[share], self.found.computes[share] = node, []
            self.found.shares[share] = ChannelShare(np.flatnonzero(taken[split.of]), not shares)
            self.nodes.append(share)
            shares.append(share)
        whole = self._stand_in(node, shares)
        whole.layer = sum_layer()
        self.nodes.append(whole)
        self.sums.add(whole)
        self.found.computes[whole] = [node, split.beside, *split.between]

    def _made(self, like: Node, inputs: Sequence[Node]) -> Node:
        """What a layer makes of other inputs than in the spec, or the node that does the same to them."""
        one = copy(like)
        one.name, one.inputs = f"{like.name} of {', '.join(i.name for i in inputs)}", tuple(inputs)
        one.out = one.layer.infer(one)
        twin = self._twin(one, inputs)
        if twin is None:
            self.found.origin[one], self.found.computes[one] = like, []
            self.found.unwritten.append(one)
            self._add(one, inputs)
        return twin or one


def _channels(beside: Node, between: list[Node]) -> Ints:
    """From which input of `beside` each channel comes, when all that stands `between` has been computed."""
    of = np.repeat(np.arange(len(beside.inputs)), [i.out.channels for i in beside.inputs])
    for node in between:
        made = node.traits.by_channel
        assert made is not None
        of = of[made]
    return of


# -- the pass --------------------------------------------------------------------------------------------------------


def _lower(state: State) -> None:
    state.lowered = Lowered(state.graph)
    if state.sums:
        state.lowered = lowered(state.relations, state.known, state.worth)
    if state.lowered.graph is not state.graph:
        state.graph = state.lowered.graph
        state.relations = Relations(state.graph, state.member)
        state.known = known_at(state.relations, time=state.time)


def check_lowered(state: State) -> None:
    """Each node of the spec is computed once, known when it was, by nodes that come after their inputs. The shares of a
    layer take each of its channels once, and one of them its bias."""
    own, found, graph = state.spec_graph, state.lowered, state.graph
    computed = Counter(one for node in graph.live for one in found.computed(node))
    hold(computed == Counter(own.live), f"not once computed: {_names({*computed} ^ {*own.live} or computed)}")
    before = known_at(Relations(own, state.member), time=state.time)
    last = {node: found.computed(node)[0] for node in graph.live if found.computed(node)}
    for node, stands_for in last.items():
        same = np.array_equal(state.known[node], before[stands_for])
        hold(same, f"{node.name} is not known when {stands_for.name} was, for which it stands")
    there = {*graph.sources}
    for node in graph.live:
        hold(there >= {*node.inputs}, f"{node.name} comes before its inputs")
        there.add(node)
    of: dict[Node, list[ChannelShare]] = {}
    for node, share in found.shares.items():
        of.setdefault(found.origin[node], []).append(share)
    for node, shares in of.items():
        taken = np.sort(np.concatenate([share.channels for share in shares]))
        hold(np.array_equal(taken, np.arange(node.ins[0].channels)), f"a channel of {node.name} is lost or taken twice")
        hold(sum(share.bias for share in shares) == 1, f"the bias of {node.name} is lost or added twice")


def _names(nodes: Iterable[Node]) -> str:
    return ", ".join(sorted(node.name for node in nodes))


def _lower_figures(state: State) -> Figures:
    found = state.lowered
    twins = sum(len(found.computed(node)) > 1 and node not in found.shares for node in state.graph.live)
    return {"nodes before": len(state.spec_graph.live), "nodes after": len(state.graph.live),
            "layers in shares": len({found.origin[node] for node in found.shares}),
            "nodes that stand for several": twins}  # fmt: skip


LOWER = Pass(
    "lower",
    "puts in the graph's place one that gives the same in fewer or larger products",
    ("graph", "relations", "known"), ("graph", "relations", "known", "lowered"), _lower, check_lowered, _lower_figures,
)  # fmt: skip
