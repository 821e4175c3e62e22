"""The graph as it is drawn: repetitions folded onto the first of them, edges that have the same ends drawn once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from arspec.language.graph import Cluster, Graph
from arspec.layers.base import Node

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(eq=False)
class Box:
    """A drawn cluster: an instance of a block, or all repetitions of one where `count` is above 1."""

    key: str
    name: str
    block: str
    count: int
    parent: str | None


@dataclass(eq=False)
class Drawn:
    """A drawn node: the first of the nodes that fold onto it stands for all."""

    nodes: list[Node]
    box: str | None

    @property
    def first(self) -> Node:
        """The first of the nodes that are drawn as one."""
        return self.nodes[0]

    @property
    def id(self) -> str:
        """Its name in the DOT text."""
        return self.first.name

    @property
    def text(self) -> str:
        """The style's text below the name; numbers that differ among the repetitions as a span."""
        return spanned([node.layer.style(node).text for node in self.nodes])


@dataclass(eq=False)
class Line:
    """A drawn edge. `loop`: from one repetition to the next, drawn against the flow. `note`:
    which of the repetitions."""

    source: Drawn
    target: Drawn
    port: str
    loop: bool
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    note: str = ""


@dataclass(eq=False)
class Folded:
    """What a diagram shows: its boxes, nodes and lines, and the drawn node of each node of the graph."""

    boxes: dict[str, Box]
    nodes: list[Drawn]
    lines: list[Line]
    of: dict[Node, Drawn]


def fold(graph: Graph, unfold: bool = False) -> Folded:
    """What is drawn of the nodes that a head depends on, and of the sources that they read."""
    return Folder(graph, unfold).folded()


def without_numbers(name: str) -> str:
    """A path name without the numbers of repetitions: layers.*.attention of layers.3.attention."""
    return re.sub(r"\.\d+(?=\.|$)", ".*", name)


def spanned(texts: list[str]) -> str:
    """One text for several: their parts between commas, numbers that differ as spans ('2, dilation 1…512')."""
    parts: dict[str, list[str]] = {}  # the part without its numbers: all its forms
    for text in texts:
        for part in filter(None, text.split(", ")):
            parts.setdefault(_NUMBER.sub("#", part), []).append(part)
    return ", ".join(_span(forms) + (" in some" if len(forms) < len(texts) else "") for forms in parts.values())


def _span(forms: list[str]) -> str:
    """Texts that differ in their numbers alone, as one."""
    columns = zip(*(_NUMBER.findall(form) for form in forms), strict=True)
    spans = iter([c[0] if len(set(c)) == 1 else f"{min(c, key=float)}…{max(c, key=float)}" for c in columns])
    return _NUMBER.sub(lambda _: next(spans), forms[0])


class Folder:
    """How a graph is folded: which clusters a node lies in, and which of them are drawn as one."""

    def __init__(self, graph: Graph, unfold: bool = False) -> None:
        self.graph, self.unfold = graph, unfold
        self.clusters = {c.name: c for c in graph.clusters}
        self.live = [one for node in graph.computed for one in (*node.layer.inner(node), node)]
        self.repetitions: dict[str, set[int]] = {}  # of 'a.0.body': the numbers below it
        for cluster in graph.clusters:
            if cluster.repetition is not None:
                self.repetitions.setdefault(cluster.name.rpartition(".")[0], set()).add(cluster.repetition)

    def folded(self) -> Folded:
        """What is drawn."""
        read = {source for node in self.live for source in node.inputs}
        nodes = [*(s for s in self.graph.sources if s in read or s is self.graph.data), *self.live]
        drawn: dict[str, Drawn] = {}
        of: dict[Node, Drawn] = {}
        boxes: dict[str, Box] = {}
        for node in nodes:
            key = self.key(node.name)
            around = list(self.around(node))
            for name in around:
                self._box(name, boxes)
            if key not in drawn:
                drawn[key] = Drawn([], self.key(around[-1]) if around else None)
            drawn[key].nodes.append(node)
            of[node] = drawn[key]
        return Folded(boxes, list(drawn.values()), self._lines(of), of)

    def around(self, node: Node) -> Iterator[str]:
        """The names of the clusters around a node, outermost first."""
        parts = node.name.split(".")
        for k in range(1, len(parts)):
            name = ".".join(parts[:k])
            if name in self.clusters:
                yield name

    def key(self, name: str) -> str:
        """A name without the numbers of its repetitions: equal for what is drawn as one."""
        return name if self.unfold else without_numbers(name)

    def own_name(self, cluster: Cluster) -> str:
        """A cluster's own name; of a repetition that of all of them."""
        above, _, last = cluster.name.rpartition(".")
        return above.rpartition(".")[2] if cluster.repetition is not None else last

    def repeated(self, cluster: Cluster) -> int:
        """How many repetitions are drawn as one with a cluster; 1 where it is none."""
        if cluster.repetition is None:
            return 1
        above = self.key(cluster.name.rpartition(".")[0])
        return max(len(r) for a, r in self.repetitions.items() if self.key(a) == above)

    def _box(self, name: str, boxes: dict[str, Box]) -> None:
        key = self.key(name)
        if key in boxes:
            return
        cluster = self.clusters[name]
        above = name.rpartition(".")[0]
        own, count = self.own_name(cluster), cluster.count
        if cluster.repetition is not None:
            count = self.repeated(cluster)
            if self.unfold:
                own, count = f"{own}.{cluster.repetition}", 1
        outer = above.rpartition(".")[0] if cluster.repetition is not None else above
        boxes[key] = Box(key, own, cluster.block, count, self.key(outer) if outer else None)

    def _lines(self, of: dict[Node, Drawn]) -> list[Line]:
        found: dict[tuple[Drawn, Drawn, str, str], Line] = {}
        for node in self.live:
            for port, source in self._ports(node):
                loop = None if self.unfold else self._loop(source, node)
                key = (of[source], of[node], port, loop or "")
                line = found.setdefault(key, Line(of[source], of[node], port, loop is not None))
                line.pairs.append((source, node))
                if loop is not None:
                    line.note = loop
        for line in found.values():
            if not self.unfold and not line.loop:
                line.note = self._note(line)
        return list(found.values())

    def _ports(self, node: Node) -> Iterator[tuple[str, Node]]:
        """(name of the port, input) of each drawn line to a node: what a graph inside it reads goes there, and only its
        output to the node."""
        inner = node.layer.inner(node)
        if not inner:
            yield from node.ports()
            return
        yield "from", inner[-1]
        yield from ((port, source) for port, source in node.ports() if port != "from")

    def _numbers(self, node: Node) -> list[tuple[str, int, int]]:
        """(key, number, how many) of every repetition around a node."""
        found: list[tuple[str, int, int]] = []
        for name in self.around(node):
            number = self.clusters[name].repetition
            if number is not None:
                found.append((self.key(name), number, len(self.repetitions[name.rpartition(".")[0]])))
        return found

    def _loop(self, source: Node, target: Node) -> str | None:
        """The note of an edge from one repetition to another of the same cluster; None for other edges."""
        for (a, i, count), (b, j, _) in zip(self._numbers(source), self._numbers(target), strict=False):
            if a != b:
                return None
            if i != j:
                return f"×{count}" if j == i + 1 else f"×{count}, from {j - i} before"
        return None

    def _note(self, line: Line) -> str:
        """Which of the repetitions of its source an edge leaves, and whether each goes to one of the target's."""
        sources = [self._numbers(a) for a, _ in line.pairs]
        targets = [self._numbers(b) for _, b in line.pairs]
        shared = 0
        for a, b in zip(sources[0], targets[0], strict=False):
            if a[0] != b[0]:
                break
            shared += 1
        leaving = {n[shared][1] for n in sources if len(n) > shared}
        entering = {n[shared][1] for n in targets if len(n) > shared}
        count = sources[0][shared][2] if leaving else 1
        into = targets[0][shared][2] if entering else 1
        if count > 1:
            if len(leaving) > 1:
                said = f"each of {count}" if len(leaving) == count else f"{len(leaving)} of {count}"
                return f"{said}, to one each" if into > 1 and len(entering) == len(leaving) else said
            which = next(iter(leaving))
            return "the last" if which == count - 1 else "the first" if which == 0 else f"number {which}"
        if into > 1 and len(entering) > 1:
            return f"to each of {into}" if len(entering) == into else f"to {len(entering)} of {into}"
        if into > 1 and entering != {0}:
            return f"to the last of {into}" if entering == {into - 1} else f"to number {next(iter(entering))}"
        return ""
