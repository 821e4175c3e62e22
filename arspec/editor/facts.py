"""What a loaded spec says of the entries of its text: their nodes and types, when these are known, what they see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np

from arspec.analysis.contexts import row_contexts
from arspec.analysis.entries import Entries
from arspec.analysis.known_at import Relations, known_at
from arspec.analysis.memo import Memo
from arspec.language.graph import Cluster, Graph
from arspec.language.load import Spec
from arspec.language.references import pieces
from arspec.language.stated import output_trees
from arspec.layers.base import Node
from arspec.pictures.strictness import Strictness, strictness
from arspec.syntax.yaml import Scalar, Seq, Tree
from arspec.types import NOWHERE, Ints, ranks

SITES = 64  # of a node, spread over all, whose contexts are found for its coverage
Entry = tuple[str | None, str]  # the block, and the name of an entry of it; the graph's own have no block


@dataclass(frozen=True, eq=False)
class Share:
    """How much of what comes before the variables that a node's sites stand for these see: `seen` of `pairs` pairs, at
    so many `sites`."""

    seen: int
    pairs: int
    sites: int

    @property
    def coverage(self) -> float:
        """From 0 to 1; 1 where nothing comes before."""
        return self.seen / self.pairs if self.pairs else 1.0


@dataclass(eq=False)
class Facts:
    """The facts of a spec, each found when it is first asked for. Those of a family are of its first member."""

    spec: Spec
    _shares: dict[Node, Share | None] = field(default_factory=dict[Node, "Share | None"], init=False)

    @cached_property
    def graph(self) -> Graph:
        """The spec's graph, which it has: a spec is asked for its facts once it has loaded."""
        return self.spec.graph()

    @cached_property
    def nodes(self) -> dict[Entry, list[Node]]:
        """The nodes that each entry stands for, those inside experts among them."""
        entries, found = Entries(self.spec), dict[Entry, list[Node]]()
        for node in self.graph.nodes:
            for one in (*node.layer.inner(node), node):
                entry = None if one.unwritten else entries.of(one)
                if entry is not None:
                    found.setdefault((entry.block.name, entry.name), []).append(one)
        return found

    @cached_property
    def clusters(self) -> dict[Entry, list[Cluster]]:
        """The instances of blocks that each entry stands for."""
        entries, found = Entries(self.spec), dict[Entry, list[Cluster]]()
        for cluster in self.graph.clusters:
            entry = entries.at(cluster.place)
            if entry is not None:
                found.setdefault((entry.block.name, entry.name), []).append(cluster)
        return found

    @cached_property
    def _paths(self) -> dict[str, Node]:
        return {node.name: node for node in (*self.graph.sources, *self.graph.nodes)}

    @cached_property
    def _blocks(self) -> dict[str, str]:
        return {cluster.name: cluster.block for cluster in self.graph.clusters}

    def output(self, path: str, block: str, name: str, depth: int = 0) -> list[Node]:
        """The nodes that an output of an instance of a block is; none where that can't be told."""
        stated = self.spec.blocks.get(block)
        tree = output_trees(None if stated is None else stated.get("outputs")).get(name)
        return [] if depth > 8 else [n for ref in _texts(tree) for n in self._named(f"{path}.", ref, depth)]

    def _named(self, prefix: str, ref: str, depth: int) -> Iterator[Node]:
        parts = [piece.text for piece in pieces(ref)]
        path = prefix + (parts[0] if parts else "")
        node = self._paths.get(path)
        if node is not None:
            yield node
            return
        inside = self._blocks.get(path)
        if inside is None:
            last = max((int(c.rsplit(".", 1)[1]) for c in self._blocks if _repeats(c, path)), default=None)
            path, inside = f"{path}.{last}", self._blocks.get(f"{path}.{last}")
        if inside is not None:
            names = [one for one in parts[1:] if one.isidentifier()] or [*self.outputs(inside)][:1]
            for name in names[:1]:
                yield from self.output(path, inside, name, depth + 1)

    def outputs(self, block: str) -> list[str]:
        """The names of the outputs of a block."""
        stated = self.spec.blocks.get(block)
        return [*output_trees(None if stated is None else stated.get("outputs"))]

    # -- the analyses ----------------------------------------------------------------------------------------------

    @cached_property
    def _relations(self) -> Relations:
        return Relations(self.graph, self.graph.members[0])

    @cached_property
    def known(self) -> dict[Node, Ints]:
        """When each site of the nodes that the head depends on is known."""
        return known_at(self._relations, memo=Memo())

    def strictness(self, node: Node) -> Strictness | None:
        """How a node stands to its own variables; None where the head does not depend on it."""
        known = self.known.get(node)
        return None if known is None else strictness(node, known, self.graph.members[0])

    def share(self, node: Node) -> Share | None:
        """How much of its past a node sees; None where its sites stand for no variables, or for hidden units."""
        if node not in self._shares:
            self._shares[node] = self._share(node)
        return self._shares[node]

    def _share(self, node: Node) -> Share | None:
        member = self.graph.members[0]
        own = ranks(node.out, member).first.ravel()
        stands = np.flatnonzero((own != NOWHERE) & (own > 0))
        if not len(stands) or node not in self.known:
            return None
        rows = stands[np.argsort(own[stands], kind="stable")]
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), SITES)).astype(np.int64))]
        relations = Relations(replace(self.graph, head_node=node, further=()), member, False, self._relations)
        bits = row_contexts(relations, rows)
        place = np.sort(member.order.rank)
        legal = np.searchsorted(place, own[rows], "left")
        index = np.arange(bits.shape[1])[None, :] * 64
        left = np.clip(legal[:, None] - index, 0, 64).astype(np.uint64)
        mask = np.where(left == 64, ~np.uint64(0), (np.uint64(1) << np.minimum(left, np.uint64(63))) - np.uint64(1))
        seen = int(np.bitwise_count(bits & mask).sum())
        return Share(seen, int(legal.sum()), len(rows))


def _texts(tree: Tree | None) -> list[str]:
    items = tree.items if isinstance(tree, Seq) else (tree,)
    return [one.value for one in items if isinstance(one, Scalar) and isinstance(one.value, str)]


def _repeats(cluster: str, path: str) -> bool:
    return cluster.startswith(f"{path}.") and cluster[len(path) + 1 :].isdigit()


@lru_cache(maxsize=3)
def facts(spec: Spec) -> Facts:
    """The facts of a spec, kept with the last few that were asked for."""
    return Facts(spec)
