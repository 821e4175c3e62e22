"""The diagram: a spec's graph as DOT text, and by the program `dot` (of Graphviz) as a picture.

Fill colours are the families of layers; lines tell what each node knows, as the proof has it: before its own variable
(strict), with it (inclusive), or only after it; a thick border stands where the graph becomes strict. A leak's witness
is red.
"""

from __future__ import annotations

import html
import itertools
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arspec.analysis.known_at import Relations, known_at
from arspec.analysis.report import Report, prove
from arspec.analysis.witness import Witness, site_name
from arspec.diagnostics import InputError
from arspec.language.load import Spec
from arspec.layers.base import Node
from arspec.pictures.folding import Box, Drawn, Folded, Line, fold
from arspec.pictures.inlets import Inlet, inlets
from arspec.pictures.palette import FAINT, FAMILIES, LEAK, OTHER, STROKES, TEXT
from arspec.pictures.strictness import Strictness, crosses, strictness
from arspec.types import Member

if TYPE_CHECKING:
    from graphviz import Digraph

FORMATS = (".svg", ".png", ".pdf", ".dot")
HEAD = "(head)"  # no node's name has brackets
SECONDS = 300  # that dot may take
MAX_CAREFUL = 600  # drawn nodes, beyond which dot lays edges out as straight lines


def render(
    spec: Spec,
    path: str | os.PathLike[str],
    unfold: bool = False,
    report: Report | None = None,
    member: int = 0,
) -> Path:
    """Draws the graph of a spec; the suffix says how: .svg, .png, .pdf or .dot. Returns the path.

    unfold: every repetition, not the first for all. report: of `prove` or `verify`, else it is proven here. member: of
    a family of orders, the one that known-at is shown for. Raises InputError for another suffix, and where `dot` is
    missing or fails; the .dot then stands beside. Files are written whole or not at all."""
    from arspec.files.atomic import replacing, write_text

    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise InputError(
            "AR809", f"{target}: a diagram is written as {', '.join(FORMATS)}", "end the name with one of these"
        )
    text = dot_source(spec, unfold, report, member)
    if target.suffix.lower() == ".dot":
        write_text(target, text)
        return target
    try:
        picture = picture_of(text, target.suffix.lower()[1:])
    except InputError as error:
        beside = target.with_suffix(".dot")
        write_text(beside, text)
        raise InputError(error.code, f"{error.message}; the diagram stands as text in {beside}", error.help) from None
    with replacing(target) as temporary:
        temporary.write_bytes(picture)
    return target


def picture_of(text: str, kind: str, seconds: int = SECONDS) -> bytes:
    """What `dot` makes of a DOT text. kind: svg, png or pdf. InputError where `dot` is missing, fails, or takes longer
    than so many seconds."""
    program = shutil.which("dot")
    if program is None:
        raise InputError(
            "AR811", f"a .{kind} needs the program `dot`, of Graphviz, which is not installed",
            "apt install graphviz, brew install graphviz, or https://graphviz.org/download; .dot needs no program",
        )  # fmt: skip
    # with a resolution of its own an .svg of older Graphviz has a view box that cuts it off
    fine = ["-Gdpi=110"] if kind == "png" else []
    try:
        done = subprocess.run(
            [program, f"-T{kind}", *fine], input=text.encode(), capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            "AR811", f"`dot` has not finished in {seconds} s", "draw it folded, or with fewer repetitions"
        ) from None
    except OSError as error:
        raise InputError("AR811", f"{program} cannot be run: {error.strerror}", "install Graphviz again") from None
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise InputError("AR811", f"`dot` failed: {said[0]}", "draw it folded, or as .svg")
    return done.stdout


def dot_source(spec: Spec, unfold: bool = False, report: Report | None = None, member: int = 0) -> str:
    """The diagram as DOT text. Every node that the head depends on is in it by its path name, folded repetitions by
    the name of the first of them. Raises InputError for a member that the family lacks."""
    if not 0 <= member < len(spec.members):
        raise InputError("AR816", f"there is no member {member}; the family has {len(spec.members)}", "count from 0")
    return _Diagram(spec, unfold, report or prove(spec, contexts=False), spec.members[member]).source()


class _Diagram:
    def __init__(self, spec: Spec, unfold: bool, report: Report, member: Member) -> None:
        self.spec, self.graph, self.report, self.member = spec, spec.graph(), report, member
        self.folded: Folded = fold(self.graph, unfold)
        self.inlets = inlets(self.folded)
        known = known_at(Relations(self.graph, member))
        each = {node: strictness(node, at, member) for node, at in known.items()}
        for node in self.graph.live:  # what a graph inside a node computes is known when the node is
            each |= dict.fromkeys(node.layer.inner(node), each[node])
        late = list(Strictness)  # a folded node shows the latest of its repetitions
        self.strictness: dict[Drawn, Strictness] = {
            d: max((each[n] for n in d.nodes), key=late.index) for d in self.folded.nodes
        }
        self.strict_here: set[Drawn] = {
            self.folded.of[n] for n in self.graph.live if crosses(each[n], [each[i] for i in n.inputs])
        }
        self.witness = self._witness()
        self.on_path: dict[Drawn, list[str]] = {}
        self.red: set[tuple[Node, Node]] = set()
        if self.witness is not None:
            for step in self.witness.path:
                self.on_path.setdefault(self.folded.of[step.node], []).append(site_name(step.node.out, step.site))
            self.red = {(a.node, b.node) for a, b in itertools.pairwise(self.witness.path)}

    def _witness(self) -> Witness | None:
        """That of a variable in the middle of the order, where the borders of the grid hide nothing of the path."""
        found = self.report.members[self.member.index].witnesses or self.report.witnesses
        return found[len(found) // 2] if found else None

    def source(self) -> str:
        from graphviz import Digraph

        dot = Digraph(name="arspec")
        font = "Helvetica,Arial,sans-serif"
        dot.attr("graph", label=self._title(), labelloc="t", fontname=font, fontcolor=TEXT, rankdir="TB",
                 ranksep="0.38",
                 nodesep="0.22", pad="0.25", bgcolor="white", newrank="true")  # fmt: skip
        if len(self.folded.nodes) > MAX_CAREFUL:
            dot.attr("graph", splines="line", nslimit="1", nslimit1="1", mclimit="0.2")
        dot.attr("node", shape="box", style="rounded,filled", fontname=font, fontsize="12", fontcolor=TEXT,
                 margin="0.12,0.05", height="0.3")  # fmt: skip
        dot.attr("edge", fontname=font, fontsize="8", fontcolor=FAINT, arrowsize="0.6")
        self._inside(dot, None)
        dot.node(HEAD, self._lines_of([(self.graph.head.title, True), (self._head_text(), False)], self._leaks()),
                 fillcolor=FAMILIES["head"], color=LEAK if self.witness else STROKES[Strictness.STRICT].colour,
                 penwidth="3" if self.witness else "1.3", shape="box", style="filled")  # fmt: skip
        joined = {line for inlet in self.inlets for line in (*inlet.entering, *inlet.loops)}
        for line in self.folded.lines:
            if line not in joined:
                self._line(dot, line)
        for inlet in self.inlets:
            self._through(dot, inlet)
        self._to_head(dot)
        return dot.source

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def _inside(self, dot: Digraph, box: str | None) -> None:
        """The nodes that lie in a cluster and in no smaller one, then the clusters in it."""
        from graphviz import Digraph

        for drawn in self.folded.nodes:
            if drawn.box == box:
                self._node(dot, drawn)
        for inlet in self.inlets:
            if inlet.box == box:
                stroke = STROKES[self.strictness[inlet.inner]]
                told = _name(f"{inlet.outer.first.name} at first, then {inlet.inner.first.name}")
                dot.node(_name(inlet.name), "", shape="circle", width="0.14", height="0.14", fixedsize="true",
                         fillcolor="white", color=stroke.colour, penwidth="1.3", style="filled",
                         tooltip=told)  # fmt: skip
        for inner in self.folded.boxes.values():
            if inner.parent != box:
                continue
            repeated = inner.count > 1
            sub = Digraph(name=f"cluster_{inner.key}")
            sub.attr(label=_cluster_label(inner), labeljust="l", color="#444444" if repeated else "#a8a8a8",
                     penwidth="1.6" if repeated else "0.9", style="rounded,filled", fontsize="11",
                     fillcolor="#f7f9fb" if repeated else "#fcfcfc", margin="10")  # fmt: skip
            self._inside(sub, inner.key)
            dot.subgraph(sub)

    def _node(self, dot: Digraph, drawn: Drawn) -> None:
        node = drawn.first
        stroke = STROKES[self.strictness[drawn]]
        width = 4.0 if drawn in self.strict_here else 1.0
        shape = "box"
        words: list[tuple[str, bool]]
        if node is self.graph.data:
            family, shape = "data", "ellipse"
            words = [
                (node.name, True),
                (f"{self.spec.data.kind} {node.out}, {self.spec.data.levels_text}", False),
            ]
        elif node in self.graph.conditions.values():
            family, shape = "condition", "ellipse"
            words = [(node.name, True), (self._condition_text(node), False)]
        else:
            family = node.layer.style(node).family
            kind, text = node.layer.layer, drawn.text
            short = node.name.rpartition(".")[2]
            below = text if kind == short else f"{kind} {text}"
            words = [(short, True), (below.strip(), False)]
            if node.tied is not None:
                words.append((f"weights of {node.tied.name}", False))
        colour = stroke.colour
        sites = self.on_path.get(drawn, [])
        if sites:
            colour, width = LEAK, max(width, 2.6)
        dot.node(_name(node.name), self._lines_of(words, sites), fillcolor=FAMILIES.get(family, OTHER), color=colour,
                 penwidth=f"{width:g}", shape=shape, tooltip=_name(self._tip(drawn)),
                 style="filled" if shape == "ellipse" else "rounded,filled")  # fmt: skip

    def _tip(self, drawn: Drawn) -> str:
        node = drawn.first
        place = "" if node in self.graph.sources else f" ({node.place.source.name} line {node.place.line})"
        more = f" and {len(drawn.nodes) - 1} more" if len(drawn.nodes) > 1 else ""
        return f"{node.name}{more}{place}: {self.strictness[drawn].value}"

    def _lines_of(self, words: list[tuple[str, bool]], red: list[str]) -> str:
        """A label of several lines, the bold ones large, and below them those in red."""
        rows = [f"<B>{_text(w)}</B>" if bold else f'<FONT POINT-SIZE="9">{_text(w)}</FONT>' for w, bold in words if w]
        shown = red if len(red) <= 2 else [red[0], f"… {len(red) - 2} more …", red[-1]]
        rows += [f'<FONT POINT-SIZE="9" COLOR="{LEAK}"><B>{_text(site)}</B></FONT>' for site in shown]
        return f"<{'<BR/>'.join(rows)}>"

    def _condition_text(self, node: Node) -> str:
        section = self.spec.condition[node.name]
        return f"{section.kind} {node.out}{', or none' if section.may_be_left_out else ''}"

    def _head_text(self) -> str:
        data = self.spec.data
        more = "".join(f"; {one.name}, {one.section.ahead} ahead, not drawn" for one in self.graph.further)
        return f"head of {data.levels_text}{more}"

    def _leaks(self) -> list[str]:
        if self.witness is None:
            return []
        data = self.graph.data.out
        return [f"of ({site_name(data, self.witness.variable)})", f"sees ({site_name(data, self.witness.seen)})"]

    # -- edges ---------------------------------------------------------------------------------------------------------

    def _line(self, dot: Digraph, line: Line) -> None:
        ends = _name(line.source.first.name), _name(line.target.first.name)
        words = [line.note, line.port if line.port != "from" else "", self._type(line.pairs)]
        self._edge(dot, ends, self.strictness[line.source], line.pairs, words, line.loop)

    def _through(self, dot: Digraph, inlet: Inlet) -> None:
        """The edges to an inlet, from outside and from each repetition to the next,
        and those from it to what reads it."""
        here, outer, inner = (_name(n) for n in (inlet.name, inlet.outer.first.name, inlet.inner.first.name))
        entering = [pair for line in inlet.entering for pair in line.pairs]
        loops = [pair for line in inlet.loops for pair in line.pairs]
        words = [inlet.entering[0].note, self._type(entering)]
        self._edge(dot, (outer, here), self.strictness[inlet.outer], entering, words)
        self._edge(
            dot, (inner, here), self.strictness[inlet.inner], loops, [inlet.loops[0].note, self._type(loops)], True
        )
        for first, loop in zip(inlet.entering, inlet.loops, strict=True):
            words = [loop.port if loop.port != "from" else ""]
            ends = here, _name(loop.target.first.name)
            self._edge(dot, ends, self.strictness[inlet.inner], first.pairs + loop.pairs, words)

    def _type(self, pairs: list[tuple[Node, Node]]) -> str:
        types = list(dict.fromkeys(str(source.out) for source, _ in pairs))
        return types[0] + (" …" if len(types) > 1 else "")

    def _edge(
        self, dot: Digraph, ends: tuple[str, str], strictness: Strictness, pairs: list[tuple[Node, Node]],
        words: list[str],
        loop: bool = False,
    ) -> None:  # fmt: skip
        stroke = STROKES[strictness]
        colour, width, style = stroke.colour, stroke.width, stroke.style
        if any(pair in self.red for pair in pairs):
            colour, width, style = LEAK, 3.4, "solid"
        if loop:
            words, style = [f"↻ {words[0]}", *words[1:]], "dashed"
        keys = {"color": colour, "penwidth": f"{width:g}", "style": style, "label": _label(words)}
        if loop:  # turned round, so that the layout keeps the flow of the first repetition
            dot.edge(ends[1], ends[0], dir="back", **keys)
        else:
            dot.edge(*ends, **keys)

    def _to_head(self, dot: Digraph) -> None:
        drawn = self.folded.of[self.graph.head_node]
        stroke = STROKES[self.strictness[drawn]]
        red = self.witness is not None
        dot.edge(_name(drawn.first.name), HEAD, label=_label([str(self.graph.head_node.out)]),
                 color=LEAK if red else stroke.colour, penwidth="3.4" if red else f"{stroke.width:g}",
                 style="solid")  # fmt: skip

    # -- title and legend ----------------------------------------------------------------------------------------------

    def _title(self) -> str:
        spec, graph = self.spec, self.graph
        order = self.member.order.name + (
            f" (member {self.member.index} of {len(graph.members)})" if len(graph.members) > 1 else ""
        )
        grid = "×".join(map(str, spec.data.shape))
        groups = f", {spec.groups} channels one after another" if spec.groups > 1 else ""
        groups += f", after {' and '.join(spec.data.auxiliary)}" if spec.data.auxiliary else ""
        groups += f", the first {spec.data.given:,} given" if spec.data.given else ""
        size = f"{spec.data.kind} {grid}, {spec.data.levels_text}; order {order}{groups}; {graph.size}"
        rows = [
            f'<FONT POINT-SIZE="19"><B>{_text(spec.name)}</B></FONT>',
            f'<FONT POINT-SIZE="11">{_text(size)}</FONT>',
            f'<FONT POINT-SIZE="11">{self._verdict()}</FONT>',
        ]
        return f"<{_table([f'<TD>{row}</TD>' for row in rows] + [f'<TD>{self._legend()}</TD>'])}>"

    def _verdict(self) -> str:
        bad = len({v for m in self.report.members for v in (*m.leaking, *m.training)})
        late = dict.fromkeys(leak.further.name for m in self.report.members for leak in m.further)
        if not bad and late:
            which = " and ".join(f"'{name}'" for name in late)
            return f'<FONT COLOR="{LEAK}">not proven: the further head {_text(which)} sees what it must not</FONT>'
        if not bad:
            return "proven: the distribution of every variable is known before its turn"
        total = self.member.order.variables
        inside = " in training" if not any(len(m.leaking) for m in self.report.members) else ""
        return (
            f'<FONT COLOR="{LEAK}"><B>{bad:,} of {total:,} variables leak{inside}; red: a shortest path of '
            "sites</B></FONT>"
        )

    def _legend(self) -> str:
        used = {self.strictness[d] for d in self.folded.nodes}
        marks = [
            f'<FONT COLOR="{s.colour}"><B>{s.glyph}</B></FONT> {s.meaning}' for k, s in STROKES.items() if k in used
        ]
        marks += ["<B>┃</B> thick border: becomes strict here"] if self.strict_here else []
        marks += ["○ the block's input: at first from outside"] if self.inlets else []
        marks += ["╌ ↻ from each repetition to the next"] if any(line.loop for line in self.folded.lines) else []
        families = {d.first.layer.style(d.first).family for d in self.folded.nodes if d.first not in self.graph.sources}
        shown = [(f, c) for f, c in FAMILIES.items() if f in families] + [
            (f, OTHER) for f in sorted(families - FAMILIES.keys())
        ]
        swatches = "".join(
            f'<TD BGCOLOR="{c}" BORDER="1" COLOR="#bdbdbd"><FONT POINT-SIZE="10"> {_text(f)} </FONT></TD>'
            for f, c in shown
        )
        lines = [
            f'<TD><FONT POINT-SIZE="10">{"   ".join(marks[k : k + 3])}</FONT></TD>' for k in range(0, len(marks), 3)
        ]
        table = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="3"><TR>{swatches}</TR></TABLE>'
        return _table([f"<TD>{table}</TD>", *lines])


def _table(cells: list[str]) -> str:
    """Cells below each other."""
    rows = "".join(f"<TR>{cell}</TR>" for cell in cells)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="1" CELLPADDING="1">{rows}</TABLE>'


def _cluster_label(box: Box) -> str:
    repeated = f' <FONT POINT-SIZE="15"><B>×{box.count}</B></FONT>' if box.count > 1 else ""
    of = "" if box.block == box.name else f'<FONT COLOR="{FAINT}"> {_text(box.block)}</FONT>'
    return f"<<B>{_text(box.name)}</B>{of}{repeated}>"


def _label(words: list[str]) -> str:
    return _name("  " + " · ".join(word for word in words if word) + " ")  # clear of the line


def _text(text: Any) -> str:
    """For labels in Graphviz's HTML: escaped, and without what cannot be printed."""
    return html.escape("".join(c if c.isprintable() else " " for c in str(text)))


def _name(text: str) -> str:
    """For plain strings: backslashes and what looks like HTML mean themselves."""
    from graphviz import escape

    return escape(text)


__all__ = ["FORMATS", "HEAD", "dot_source", "picture_of", "render"]
