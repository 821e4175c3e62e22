"""The dependency tree of a sequence: which steps of every layer a variable depends on, as in WaveNet's figures 2 and 3
(van den Oord et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arspec.analysis.contexts import depends_on
from arspec.layers.base import Node
from arspec.pictures.states import Field
from arspec.pictures.style import TINY, titled
from arspec.types import Cells, Ints, coordinates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOTS = 96  # steps, up to which every site is a dot
PROBED = 16  # sites by which it is told whether a node reads other places than its own
RASTER = 4000  # lines, beyond which they are drawn as pixels even in vector formats

Segment = tuple[float, float, float, float]


@dataclass(eq=False)
class Tree:
    """Rows of nodes, from the data (0) upwards, the head on top; and the lines between their steps."""

    rows: list[list[Node]]
    needed: list[Ints]  # of each row, the steps that the variable depends on
    lines: list[Segment]  # x, row above, x, row below

    @property
    def first(self) -> int:
        """The first step that is needed."""
        return min(int(n.min()) for n in self.needed if len(n))


def tree_of(field: Field) -> Tree:
    """The nodes that read other places than their own make the rows; what works in place is passed through."""
    graph, relations = field.spec.graph(), field.relations
    found = depends_on(relations, np.array([field.variable]))
    origins: dict[Node, set[Node]] = {graph.data: {graph.data}}  # the nearest shown nodes below, or the node itself
    level: dict[Node, int] = {graph.data: 0}
    lines: dict[Segment, int] = {}  # and how many rows each passes
    for node in graph.live:
        below = [i for i in node.inputs if origins.get(i) and isinstance(i.out.frame, Cells) and len(i.out.grid) == 1]
        if not below or len(node.out.grid) != 1:
            origins[node] = set()
            continue
        origins[node] = {o for i in below for o in origins[i]}
        if not _moves(field, node, np.flatnonzero(found[node])):
            continue
        level[node] = 1 + max(level[o] for o in origins[node])
        _connect(field, node, np.flatnonzero(found[node]), origins, level, lines)
        origins[node] = {node}
    top = 1 + max(level.values())
    head = graph.head_node
    at = float(field.position)
    for origin in origins[head]:
        lines[(at, top, at, level[origin])] = top - level[origin]
    rows: list[list[Node]] = [[n for n in level if level[n] == k] for k in range(top)] + [[head]]
    needed = [
        np.unique(np.concatenate([_steps(n)[np.flatnonzero(found[n]) % n.out.positions] for n in row])) for row in rows
    ]
    needed[-1] = np.array([field.position])
    return Tree(rows, needed, clear(lines))


def _moves(field: Field, node: Node, sites: Ints) -> bool:
    """Whether some site reads a place that is not its own."""
    if field.relations.scan(node) is not None:
        return True
    some = (
        sites[np.unique(np.linspace(0, len(sites) - 1, min(PROBED, len(sites))).astype(np.int64))]
        if len(sites)
        else sites
    )
    for read, source in zip(field.relations.reads(node), node.inputs, strict=True):
        if len(source.out.grid) != 1 or not isinstance(source.out.frame, Cells):
            continue
        table = read.table(some)
        same = _steps(source)[table % source.out.positions] == _steps(node)[some % node.out.positions][:, None]
        if ((table >= 0) & ~same).any():
            return True
    return False


def _connect(
    field: Field,
    node: Node,
    sites: Ints,
    origins: dict[Node, set[Node]],
    level: dict[Node, int],
    lines: dict[Segment, int],
) -> None:
    """The lines from a shown node's sites to the shown nodes that they read, through what works in place."""
    here, row = _steps(node)[sites % node.out.positions], level[node]
    for read, source in zip(field.relations.reads(node), node.inputs, strict=True):
        if not origins.get(source):
            continue
        table = read.table(sites)
        which, _ = np.nonzero(table >= 0)
        there = _steps(source)[table[table >= 0] % source.out.positions]
        for origin in origins[source]:
            below = level[origin]
            lines.update(
                {(float(a), row, float(b), below): row - below for a, b in zip(here[which], there, strict=True)}
            )
    scan = field.relations.scan(node)
    if scan is not None:
        table = scan.own.table(sites)
        which, _ = np.nonzero(table >= 0)
        there = _steps(node)[table[table >= 0] % node.out.positions]
        lines.update({(float(a), row, float(b), row): 1 for a, b in zip(here[which], there, strict=True)})


def clear(lines: dict[Segment, int]) -> list[Segment]:
    """Lines between neighbouring rows; one that passes rows (a residual or skip connection) only where its lower end
    has no other, as it would hide what lies between."""
    kept = [line for line, rows in lines.items() if rows <= 1]
    reached = {(x, row) for _, _, x, row in kept}
    longer = sorted((rows, line) for line, rows in lines.items() if rows > 1)
    for _, line in longer:
        if (line[2], line[3]) not in reached:
            reached.add((line[2], line[3]))
            kept.append(line)
    return sorted(kept)


def _steps(node: Node) -> Ints:
    return coordinates(node.out)[0]


def tree(axes: Axes, drawn: Tree, field: Field, since: int | None = None) -> None:
    """Draws the tree from the step `since`, or from the first that is needed; later steps than the variable's own, and
    its own, that it depends on are leaks, in red."""
    from matplotlib.collections import LineCollection
    from matplotlib.ticker import MaxNLocator

    rank = field.rank
    first = drawn.first if since is None else since
    last = max(field.position, *(int(n.max()) for n in drawn.needed if len(n)))
    few = last - first <= DOTS
    lines = LineCollection(
        [((a, r), (b, s)) for a, r, b, s in drawn.lines], colors="#2b6c99", linewidths=0.7 if few else 0.2,
        alpha=0.9 if few else 0.3, rasterized=len(drawn.lines) > RASTER, zorder=1,
    )  # fmt: skip
    axes.add_collection(lines)
    labels: list[str] = []
    size = 9.0 if last - first <= 40 else 4.0 if few else 0.3
    for row, (nodes, needed) in enumerate(zip(drawn.rows, drawn.needed, strict=True)):
        if few:
            steps = np.unique(np.concatenate([_steps(n) for n in nodes]))
            steps = steps[(steps >= first - 1) & (steps <= last + 1)]
            axes.scatter(
                steps,
                np.full(len(steps), row),
                s=size,
                facecolors="white",
                edgecolors="#b5b5b5",
                linewidths=0.5,
                zorder=2,
            )
        late = np.zeros(len(needed), bool) if row else rank[needed] >= rank[field.variable]
        colours = np.where(late, "#c8102e", "#e69f00" if row == len(drawn.rows) - 1 else "#2b6c99")
        axes.scatter(needed, np.full(len(needed), row), s=size, c=colours, zorder=3, rasterized=len(needed) > RASTER)
        labels.append(_label(field, row, nodes, len(drawn.rows)))
    points = TINY if len(labels) <= 24 else TINY - 1.5
    axes.set_yticks(range(len(labels)), labels, fontsize=points)
    axes.set_xlim(first - (2 if few else 0.02 * (last - first)), last + (2 if few else 0.02 * (last - first)))
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("step")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    layers = f"{len(drawn.rows) - 2} layers" if len(drawn.rows) > 3 else "a layer"
    titled(axes, f"what step {field.position} depends on: {len(drawn.needed[0]):,} steps, through {layers}",
           beside=max(map(len, labels)) * 0.5 * points / 72)  # fmt: skip


def _label(field: Field, row: int, nodes: list[Node], rows: int) -> str:
    if row == 0:
        return "x (data)"
    if row == rows - 1:
        return f"head of step {field.position}"
    text = nodes[0].layer.style(nodes[0]).text
    return f"{nodes[0].name} ({nodes[0].layer.layer} {text})".replace(" )", ")") + (
        f" +{len(nodes) - 1}" if len(nodes) > 1 else ""
    )
