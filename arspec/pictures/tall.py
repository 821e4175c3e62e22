"""The diagram from above to below, as DOT text: every node a box, every edge with the type that it carries.

Fill colours are the families of layers; lines tell what each node knows, as the proof has it: before its own variable
(strict), with it (inclusive), or only after it; a thick border stands where the graph becomes strict. A leak's witness
is red.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arspec.analysis.known_at import Relations, known_by_heads
from arspec.analysis.report import Report
from arspec.analysis.witness import Witness, site_name
from arspec.language.further import Further
from arspec.language.load import Spec
from arspec.layers.base import Node
from arspec.pictures.folding import Box, Drawn, Folded, Line, fold
from arspec.pictures.inlets import Inlet, inlets
from arspec.pictures.palette import FAINT, FAMILIES, LEAK, OTHER, STROKES, TEXT
from arspec.pictures.strictness import Strictness, crosses, strictness
from arspec.types import Member

if TYPE_CHECKING:
    from graphviz import Digraph

HEAD = "(head)"  # no node's name has brackets
MAX_CAREFUL = 600  # drawn nodes, beyond which dot lays edges out as straight lines
FONT = "Helvetica,Arial,sans-serif"
GROUND = "#ffffffe0"  # below what stands on a line


@dataclass(frozen=True)
class Look:
    """What a diagram shows. unfold: every repetition, not the first for all. shapes: the type of each edge. parameters:
    the weights of each node. inches: width and height that it is made to fit, as it is printed. fill: how much of its
    room a row or a column is made to take."""

    unfold: bool = False
    shapes: bool = True
    parameters: bool = False
    inches: tuple[float, float] | None = None
    fill: float = 1.0


class Tall:
    """A diagram from above to below. Sizes are points: of names, details, edges, boxes, and how thick lines are."""

    NAME, DETAIL, EDGE, BOX, TIMES, THICK = 12.0, 9.0, 8.0, 11.0, 15.0, 1.0

    def __init__(self, spec: Spec, look: Look, report: Report, member: Member) -> None:
        self.spec, self.graph, self.report, self.member, self.look = spec, spec.graph(), report, member, look
        self.folded = self.what()
        self.inlets = inlets(self.folded)
        known = known_by_heads(Relations(self.graph, member))
        each = {node: strictness(node, at, member) for node, at in known.items()}
        for node in self.graph.computed:  # what a graph inside a node computes is known when the node is
            each |= dict.fromkeys(node.layer.inner(node), each[node])
        late = list(Strictness)  # a folded node shows the latest of its repetitions
        self.strictness: dict[Drawn, Strictness] = {
            d: max((each[n] for n in d.nodes), key=late.index) for d in self.folded.nodes
        }
        self.strict_here: set[Drawn] = {
            self.folded.of[n] for n in self.graph.computed if crosses(each[n], [each[i] for i in n.inputs])
        }
        self.witness, self.leaking = self._witness()
        self.heads = self._heads()
        self.on_path: dict[Drawn, list[str]] = {}
        self.red: set[tuple[Node, Node]] = set()
        if self.witness is not None:
            for step in self.witness.path:
                self.on_path.setdefault(self.folded.of[step.node], []).append(site_name(step.node.out, step.site))
            self.red = {(a.node, b.node) for a, b in itertools.pairwise(self.witness.path)}

    def _witness(self) -> tuple[Witness | None, str]:
        """That of a variable in the middle of the order, where the borders of the grid hide nothing of the path; and
        the key of the head that leaks."""
        found = self.report.members[self.member.index].witnesses or self.report.witnesses
        if found:
            return found[len(found) // 2], HEAD
        further = [leak for m in self.report.members for leak in m.further if leak.witness is not None]
        return (further[0].witness, head_key(further[0].further)) if further else (None, HEAD)

    def _heads(self) -> list[DrawnHead]:
        """The head that is drawn from, then further ones."""
        graph = self.graph
        first = DrawnHead(HEAD, graph.head_node, [(graph.head.title, True), (self._head_text(), False)])
        return [first, *(DrawnHead(head_key(one), one.node, _further_words(one)) for one in graph.further)]

    def what(self) -> Folded:
        """What is drawn."""
        return fold(self.graph, self.look.unfold)

    def source(self) -> str:
        """The DOT text."""
        from graphviz import Digraph

        dot = Digraph(name="arspec")
        dot.attr("graph", label=self.title(), labelloc="t", fontname=FONT, fontcolor=TEXT, rankdir="TB",
                 ranksep="0.38",
                 nodesep="0.22", pad="0.25", bgcolor="white", newrank="true")  # fmt: skip
        dot.attr("node", shape="box", style="rounded,filled", fontname=FONT, fontsize="12", fontcolor=TEXT,
                 margin="0.12,0.05", height="0.3")  # fmt: skip
        dot.attr("edge", fontname=FONT, fontsize="8", fontcolor=FAINT, arrowsize="0.6")
        return self.filled(dot)

    def filled(self, dot: Digraph) -> str:
        """A digraph with what is drawn in it, as text."""
        if self.look.inches is not None:
            dot.attr("graph", size=",".join(f"{inch:g}" for inch in self.look.inches))
        if len(self.folded.nodes) > MAX_CAREFUL:
            dot.attr("graph", splines="line", nslimit="1", nslimit1="1", mclimit="0.2")
        self._inside(dot, None)
        for head in self.heads:
            leaks = self.witness is not None and head.key == self.leaking
            colour = LEAK if leaks else STROKES[Strictness.STRICT].colour
            dot.node(head.key, self.lines_of(head.words, self._leaks() if leaks else []), fillcolor=FAMILIES["head"],
                     color=colour, penwidth=self.thick(3 if leaks else 1.3), shape="box", style="filled")  # fmt: skip
        joined = {line for inlet in self.inlets for line in (*inlet.entering, *inlet.loops)}
        for line in self.folded.lines:
            if line not in joined:
                self._line(dot, line)
        for inlet in self.inlets:
            self._through(dot, inlet)
        for head in self.heads:
            self._to_head(dot, head)
        return dot.source

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def _inside(self, dot: Digraph, box: str | None) -> None:
        """The nodes that lie in a cluster and in no smaller one, then the clusters in it."""
        from graphviz import Digraph

        self.nodes(dot, box)
        for inlet in self.inlets:
            if inlet.box == box:
                stroke = STROKES[self.strictness[inlet.inner]]
                told = plain(f"{inlet.outer.first.name} at first, then {inlet.inner.first.name}")
                size = f"{0.14 * self.NAME / 12:.3g}"
                dot.node(plain(inlet.name), "", shape="circle", width=size, height=size, fixedsize="true",
                         fillcolor="white", color=stroke.colour, penwidth=self.thick(1.3), style="filled",
                         tooltip=told)  # fmt: skip
        for inner in self.folded.boxes.values():
            if inner.parent != box:
                continue
            repeated = inner.count > 1
            sub = Digraph(name=f"cluster_{inner.key}")
            sub.attr(
                label=self._cluster_label(inner), labeljust="l", labelloc="t", style="rounded,filled",
                color="#444444" if repeated else "#a8a8a8", penwidth=self.thick(1.6 if repeated else 0.9),
                fillcolor="#f7f9fb" if repeated else "#fcfcfc", fontsize=f"{self.BOX:g}", margin=f"{self.BOX - 1:g}",
            )  # fmt: skip
            self._inside(sub, inner.key)
            dot.subgraph(sub)

    def nodes(self, dot: Digraph, box: str | None) -> None:
        """The nodes that lie in a cluster and in no smaller one."""
        for drawn in self.folded.nodes:
            if drawn.box == box:
                self.node(dot, drawn)

    def node(self, dot: Digraph, drawn: Drawn) -> None:
        """A node as a box, the data and conditions as ellipses."""
        shown = self.shown(drawn)
        dot.node(plain(drawn.id), self.lines_of(shown.words, shown.sites), fillcolor=shown.fill,
                 color=shown.colour, penwidth=f"{self.border(shown.width):.3g}", shape=shown.shape,
                 tooltip=plain(self.tip(drawn)),
                 style="filled" if shown.shape == "ellipse" else "rounded,filled")  # fmt: skip

    def shown(self, drawn: Drawn) -> Shown:
        """The words and the colours of a node."""
        node = drawn.first
        shape, words = "box", list[tuple[str, bool]]()
        if node is self.graph.data:
            family, shape = "data", "ellipse"
            words = [(node.name, True), (f"{self.spec.data.kind} {node.out}, {self.spec.data.levels_text}", False)]
        elif node in self.graph.conditions.values():
            family, shape = "condition", "ellipse"
            words = [(node.name, True), (self._condition_text(node), False)]
        else:
            family = node.layer.style(node).family
            kind, text = node.layer.layer, drawn.text
            short = node.short
            below = text if kind == short else f"{kind} {text}"
            words = [(short, True), (below.strip(), False)]
            if node.tied is not None:
                words.append((f"weights of {node.tied.name}", False))
            elif self.look.parameters:
                words.append((self._weights(drawn), False))
        sites = self.on_path.get(drawn, [])
        width = 4.0 if drawn in self.strict_here else 1.0
        colour = LEAK if sites else STROKES[self.strictness[drawn]].colour
        return Shown(words, sites, FAMILIES.get(family, OTHER), colour, max(width, 2.6) if sites else width, shape)

    def _weights(self, drawn: Drawn) -> str:
        """How many weights a node has, with all its repetitions; nothing where it has none."""
        count = sum(n.parameters for n in drawn.nodes)
        return f"{count:,} weight{'s' * (count != 1)}" if count else ""

    def border(self, width: float) -> float:
        """The width of a node's border, as this layout has it."""
        return width

    def thick(self, width: float) -> str:
        """The width of a line, as this layout has it."""
        return f"{width * self.THICK:.3g}"

    def tip(self, drawn: Drawn) -> str:
        """What is said of a node where the mouse is on it."""
        node = drawn.first
        place = "" if node in self.graph.sources else f" ({node.place.source.name} line {node.place.line})"
        more = f" and {len(drawn.nodes) - 1} more" if len(drawn.nodes) > 1 else ""
        return f"{node.name}{more}{place}: {self.strictness[drawn].value}"

    def rows_of(self, words: list[tuple[str, bool]], red: list[str]) -> list[str]:
        """The lines of a label, the bold ones large, and below them those in red."""
        small = f'POINT-SIZE="{self.DETAIL:g}"'
        rows = [f"<B>{escaped(w)}</B>" if bold else f"<FONT {small}>{escaped(w)}</FONT>" for w, bold in words if w]
        shown = red if len(red) <= 2 else [red[0], f"… {len(red) - 2} more …", red[-1]]
        return rows + [f'<FONT {small} COLOR="{LEAK}"><B>{escaped(site)}</B></FONT>' for site in shown]

    def lines_of(self, words: list[tuple[str, bool]], red: list[str]) -> str:
        """A label of several lines."""
        return f"<{'<BR/>'.join(self.rows_of(words, red))}>"

    def _condition_text(self, node: Node) -> str:
        section = self.spec.condition[node.name]
        return f"{section.kind} {node.out}{', or none' if section.may_be_left_out else ''}"

    def _head_text(self) -> str:
        return f"head of {self.spec.data.levels_text}"

    def _leaks(self) -> list[str]:
        if self.witness is None:
            return []
        data = self.graph.data.out
        return [f"of ({site_name(data, self.witness.variable)})", f"sees ({site_name(data, self.witness.seen)})"]

    # -- edges ---------------------------------------------------------------------------------------------------------

    def leaving(self, drawn: Drawn) -> str:
        """Where an edge leaves a node."""
        return plain(drawn.id)

    def entering(self, drawn: Drawn) -> str:
        """Where an edge enters a node."""
        return plain(drawn.id)

    def _line(self, dot: Digraph, line: Line) -> None:
        words = [line.note, line.port if line.port != "from" else "", self._type(line.pairs)]
        ends = self.leaving(line.source), self.entering(line.target)
        self.edge(dot, ends, self.strictness[line.source], line.pairs, words, line.loop)

    def _through(self, dot: Digraph, inlet: Inlet) -> None:
        """The edges to an inlet, from outside and from each repetition to the next,
        and those from it to what reads it."""
        here, outer, inner = plain(inlet.name), self.leaving(inlet.outer), self.leaving(inlet.inner)
        entering = [pair for line in inlet.entering for pair in line.pairs]
        loops = [pair for line in inlet.loops for pair in line.pairs]
        words = [inlet.entering[0].note, self._type(entering)]
        self.edge(dot, (outer, here), self.strictness[inlet.outer], entering, words)
        self.edge(
            dot, (inner, here), self.strictness[inlet.inner], loops, [inlet.loops[0].note, self._type(loops)], True
        )
        for first, loop in zip(inlet.entering, inlet.loops, strict=True):
            words = [loop.port if loop.port != "from" else ""]
            ends = here, self.entering(loop.target)
            self.edge(dot, ends, self.strictness[inlet.inner], first.pairs + loop.pairs, words)

    def _type(self, pairs: list[tuple[Node, Node]]) -> str:
        if not self.look.shapes:
            return ""
        types = list(dict.fromkeys(str(source.out) for source, _ in pairs))
        return types[0] + (" …" if len(types) > 1 else "")

    def edge(
        self, dot: Digraph, ends: tuple[str, str], strictness: Strictness, pairs: list[tuple[Node, Node]],
        words: list[str], loop: bool = False,
    ) -> None:  # fmt: skip
        """An edge between two of the names in the DOT text, as strict as what it carries, with words beside it. pairs:
        the edges of the graph that it stands for. loop: from each repetition to the next."""
        stroke = STROKES[strictness]
        colour, width, style = stroke.colour, stroke.width, stroke.style
        if any(pair in self.red for pair in pairs):
            colour, width, style = LEAK, 3.4, "solid"
        if loop:
            words, style = [f"↻ {words[0]}", *words[1:]], "dashed"
        self.join(dot, ends, words, colour, width, style, loop)

    def _to_head(self, dot: Digraph, head: DrawnHead) -> None:
        drawn = self.folded.of[head.node]
        stroke = STROKES[self.strictness[drawn]]
        red = self.witness is not None and head.key == self.leaking
        words = [str(head.node.out)] if self.look.shapes else []
        self.join(dot, (self.leaving(drawn), head.key), words, LEAK if red else stroke.colour,
                  3.4 if red else stroke.width)  # fmt: skip

    def join(
        self, dot: Digraph, ends: tuple[str, str], words: list[str], colour: str, width: float, style: str = "solid",
        back: bool = False,
    ) -> None:  # fmt: skip
        """A line between two names. back: it is turned round, so that the layout keeps the flow."""
        keys = {"color": colour, "penwidth": self.thick(width), "style": style, "label": _label(words)}
        if back:
            dot.edge(ends[1], ends[0], dir="back", **keys)
        else:
            dot.edge(*ends, **keys)

    # -- title and legend ----------------------------------------------------------------------------------------------

    def size(self) -> str:
        """The data, the order and the size of the spec in words."""
        spec, graph = self.spec, self.graph
        order = self.member.order.name + (
            f" (member {self.member.index} of {len(graph.members)})" if len(graph.members) > 1 else ""
        )
        groups = f", {spec.groups} channels one after another" if spec.groups > 1 else ""
        groups += f", after {' and '.join(spec.data.auxiliary)}" if spec.data.auxiliary else ""
        groups += f", the first {spec.data.given:,} given" if spec.data.given else ""
        return f"{spec.data.kind} {spec.data.size_text}, {spec.data.levels_text}; order {order}{groups}; {graph.size}"

    def title(self) -> str:
        """The name, the size and the verdict, and what colours and lines mean."""
        rows = [
            f'<FONT POINT-SIZE="19"><B>{escaped(self.spec.name)}</B></FONT>',
            f'<FONT POINT-SIZE="11">{escaped(self.size())}</FONT>',
            f'<FONT POINT-SIZE="11">{self.verdict()}</FONT>',
        ]
        return f"<{table([f'<TD>{row}</TD>' for row in rows] + [f'<TD>{self.legend(10, 3)}</TD>'])}>"

    def verdict(self) -> str:
        """Whether it is proven, in Graphviz's HTML."""
        bad = len({v for m in self.report.members for v in (*m.leaking, *m.training)})
        late = dict.fromkeys(leak.further.name for m in self.report.members for leak in m.further)
        if not bad and late:
            which = " and ".join(f"'{name}'" for name in late)
            return f'<FONT COLOR="{LEAK}">not proven: the further head {escaped(which)} sees what it must not</FONT>'
        if not bad:
            return "proven: the distribution of every variable is known before its turn"
        total = self.member.order.variables
        inside = " in training" if not any(len(m.leaking) for m in self.report.members) else ""
        return (
            f'<FONT COLOR="{LEAK}"><B>{bad:,} of {total:,} variables leak{inside}; red: a shortest path of '
            "sites</B></FONT>"
        )

    def legend(self, points: float, across: int, more: Sequence[str] = ()) -> str:
        """What colours and lines mean, and more. across: marks in a line."""
        used = {self.strictness[d] for d in self.folded.nodes}
        marks = [
            f'<FONT COLOR="{s.colour}"><B>{s.glyph}</B></FONT> {s.meaning}' for k, s in STROKES.items() if k in used
        ]
        marks += ["<B>┃</B> thick border: becomes strict here"] if self.strict_here else []
        marks += ["○ the block's input: at first from outside"] if self.inlets else []
        marks += ["╌ ↻ from each repetition to the next"] if any(line.loop for line in self.folded.lines) else []
        marks += more
        families = {
            d.first.layer.style(d.first).family
            for d in self.folded.nodes if type(d) is Drawn and d.first not in self.graph.sources
        }  # fmt: skip
        shown = [(f, c) for f, c in FAMILIES.items() if f in families] + [
            (f, OTHER) for f in sorted(families - FAMILIES.keys())
        ]
        swatches = "".join(
            f'<TD BGCOLOR="{c}" BORDER="1" COLOR="#bdbdbd"><FONT POINT-SIZE="{points:g}"> {escaped(f)} </FONT></TD>'
            for f, c in shown
        )
        lines = [
            f'<TD><FONT POINT-SIZE="{points:g}">{"   ".join(marks[k : k + across])}</FONT></TD>'
            for k in range(0, len(marks), across)
        ]
        colours = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="3"><TR>{swatches}</TR></TABLE>'
        return table([*([f"<TD>{colours}</TD>"] if swatches else []), *lines])

    def _cluster_label(self, box: Box) -> str:
        repeated = f' <FONT POINT-SIZE="{self.TIMES:g}"><B>×{box.count}</B></FONT>' if box.count > 1 else ""
        of = "" if box.block == box.name else f'<FONT COLOR="{FAINT}"> {escaped(box.block)}</FONT>'
        return f"<<B>{escaped(box.name)}</B>{of}{repeated}>"


@dataclass(frozen=True)
class DrawnHead:
    """A head as it is drawn: its name in the DOT text, the node that it reads, and words (bold or not)."""

    key: str
    node: Node
    words: list[tuple[str, bool]]


def head_key(one: Further) -> str:
    """The name of a further head in the DOT text; no node's name has brackets."""
    return f"(head {one.name})"


def _further_words(one: Further) -> list[tuple[str, bool]]:
    ahead = f"{one.section.ahead} step{'s' * (one.section.ahead > 1)} ahead, in training"
    return [(f"{one.name}: {one.head.title}", True), (ahead, False)]


@dataclass(frozen=True)
class Shown:
    """A node as it is drawn: words (bold or not), sites of a leak's path, colours, width of its border, shape."""

    words: list[tuple[str, bool]]
    sites: list[str]
    fill: str
    colour: str
    width: float
    shape: str


def table(cells: list[str]) -> str:
    """Cells below each other."""
    rows = "".join(f"<TR>{cell}</TR>" for cell in cells)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="1" CELLPADDING="1">{rows}</TABLE>'


def _label(words: list[str]) -> str:
    """What stands on a line: clear of it, on a ground that borders of boxes don't strike through."""
    said = " · ".join(word for word in words if word)
    if not said:
        return ""
    cells = f'<TD WIDTH="4"></TD><TD BGCOLOR="{GROUND}">{escaped(said)}</TD>'
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>{cells}</TR></TABLE>>'


def escaped(text: Any) -> str:
    """For labels in Graphviz's HTML: escaped, and without what cannot be printed."""
    return html.escape("".join(c if c.isprintable() else " " for c in str(text)))


def plain(text: str) -> str:
    """For plain strings: backslashes and what looks like HTML mean themselves."""
    from graphviz import escape

    return escape(text)
