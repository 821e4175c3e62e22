"""The diagram from left to right, in the shape of a paper's figure.

Nodes that follow one another without a branch stand in one column, which is read downwards. Letters have the size that
they are printed in, and the meanings of the colours stand below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arspec.analysis.report import Report
from arspec.language.load import Spec
from arspec.layers.base import Node
from arspec.pictures.folding import Drawn
from arspec.pictures.outline import Port
from arspec.pictures.palette import FAINT, TEXT
from arspec.pictures.stacks import MOST, Stack, stacks
from arspec.pictures.strictness import Strictness
from arspec.pictures.style import PAGE
from arspec.pictures.tall import FONT, Look, Tall, plain, table
from arspec.types import Member

if TYPE_CHECKING:
    from graphviz import Digraph

GAP = 20.0  # points between columns


class Wide(Tall):
    """A diagram from left to right."""

    NAME, DETAIL, EDGE, BOX, TIMES, THICK = 7.5, 6.0, 5.5, 7.0, 9.0, 0.55
    TOWARDS, RANKS, BESIDE = "LR", "0.2", "0.12"  # the way of the lines, and inches between ranks and nodes
    STACK, ACROSS = MOST, 4  # nodes of a column, and marks in a line of the legend

    def __init__(self, spec: Spec, look: Look, report: Report, member: Member) -> None:
        super().__init__(spec, look, report, member)
        read = {self.folded.of[head.node] for head in self.heads}
        sources = {d for d in self.folded.nodes if isinstance(d, Port) or d.first in self.graph.sources}
        self.stacks = stacks(self.folded, self.inlets, sources, read, self.STACK)
        self.stack: dict[Drawn, Stack] = {node: one for one in self.stacks for node in one.nodes}
        self.numbers: dict[str, int] = {}  # of lines that go on in another row
        self.fed, self.feeding = set[str](), set[str]()  # names that a line comes to, and that one leaves
        self.row_of, self.rows = self.in_rows()

    def source(self) -> str:
        """The DOT text."""
        from graphviz import Digraph

        dot = Digraph(name="arspec")
        dot.attr("graph", label=self.title(), labelloc="b", fontname=FONT, fontcolor=TEXT,
                 rankdir=self.TOWARDS, ranksep=self.RANKS, nodesep=self.BESIDE, pad="0.03", margin="0",
                 bgcolor="white", newrank="true")  # fmt: skip
        dot.attr("node", shape="box", style="rounded,filled", fontname=FONT, fontsize=f"{self.NAME:g}", fontcolor=TEXT,
                 margin="0.06,0.03", height="0.2", width="0.3")  # fmt: skip
        dot.attr("edge", fontname=FONT, fontsize=f"{self.EDGE:g}", fontcolor=FAINT, arrowsize="0.4")
        return self.filled(dot)

    def title(self) -> str:
        """What colours and lines mean; a verdict only where it is none. The caption says the rest."""
        leaks = [f'<TD><FONT POINT-SIZE="{self.NAME:g}">{self.verdict()}</FONT></TD>'] if not self.report.proven else []
        return f"<{table([*leaks, f'<TD>{self.legend(self.DETAIL, self.ACROSS, self.marks())}</TD>'])}>"

    def marks(self) -> list[str]:
        """What the drawing needs to have explained, beside colours and lines."""
        more = ["a column is read downwards"] if any(len(stack.nodes) > 1 for stack in self.stacks) else []
        return more + (["① goes on at the same number"] if self.rows else [])

    def border(self, width: float) -> float:
        """As a cell of a table has it, whose borders are whole points."""
        return float(max(1, round(width * self.THICK)))

    def nodes(self, dot: Digraph, box: str | None) -> None:
        """The stacks that lie in a cluster and in no smaller one."""
        for stack in self.stacks:
            if stack.box != box:
                continue
            if len(stack.nodes) == 1:
                self.node(dot, stack.nodes[0])
            else:
                self._column(dot, stack)

    def _column(self, dot: Digraph, stack: Stack) -> None:
        cells: list[str] = []
        for k, drawn in enumerate(stack.nodes):
            shown = self.shown(drawn)
            border = f"{self.border(shown.width):.0f}"
            words = "<BR/>".join(self.rows_of(shown.words, shown.sites))
            cells.append(
                f'<TR><TD PORT="p{k}" BORDER="{border}" COLOR="{shown.colour}" BGCOLOR="{shown.fill}" STYLE="ROUNDED" '
                f'CELLPADDING="3">{words}</TD></TR>'
            )
        label = f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="2" CELLPADDING="0">{"".join(cells)}</TABLE>>'
        tips = "; ".join(self.tip(drawn) for drawn in stack.nodes)
        dot.node(plain(stack.nodes[0].id), label, shape="plain", style="", tooltip=plain(tips))

    def leaving(self, drawn: Drawn) -> str:
        """An edge leaves the column that a node stands in."""
        return plain(self.stack[drawn].nodes[0].id)

    def entering(self, drawn: Drawn) -> str:
        """An edge enters the column that a node stands in."""
        return self.leaving(drawn)

    def edge(
        self, dot: Digraph, ends: tuple[str, str], strictness: Strictness, pairs: list[tuple[Node, Node]],
        words: list[str], loop: bool = False,
    ) -> None:  # fmt: skip
        """None within a column, whose order says it."""
        if ends[0] != ends[1] or loop:
            super().edge(dot, ends, strictness, pairs, words, loop)

    def join(
        self, dot: Digraph, ends: tuple[str, str], words: list[str], colour: str, width: float, style: str = "solid",
        back: bool = False,
    ) -> None:  # fmt: skip
        """A line; to another row by a number at its end, and the same number where it goes on."""
        for head in self.heads:
            self.row_of.setdefault(head.key, self.rows)
        here, there = (self.row_of[end] for end in ends)
        if here == there:
            self.joined(dot, ends, words, colour, width, style, back)
            return
        number = self.numbers.setdefault(ends[0], len(self.numbers) + 1)
        for name, row, pair in (
            (f"({number} in row {here})", here, (ends[0], "")), (f"({number} in row {there})", there, ("", ends[1])),
        ):  # fmt: skip
            if name not in self.row_of:
                self.row_of[name] = row
                size = f"{self.EDGE * 0.026:.3g}"
                dot.node(name, str(number), shape="circle", style="filled", fillcolor="white", color=colour, width=size,
                         height=size, fixedsize="true", fontsize=f"{self.EDGE:g}", penwidth=self.thick(1))  # fmt: skip
                if pair[0]:
                    self.joined(dot, (pair[0], name), [], colour, width, style)
            if pair[1]:
                self.joined(dot, (name, pair[1]), words, colour, width, style)

    def joined(self, dot: Digraph, ends: tuple[str, str], words: list[str], colour: str, width: float, style: str,
                back: bool = False) -> None:  # fmt: skip
        """Draws a line, and notes which node feeds and which is fed."""
        super().join(dot, ends, words, colour, width, style, back)
        first, last = ends[::-1] if back else ends
        self.feeding.add(first)
        self.fed.add(last)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def filled(self, dot: Digraph) -> str:
        """A digraph with what is drawn in it, in as many rows as it takes, as text."""
        super().filled(dot)
        if self.rows:
            self._keep(dot)
        return dot.source

    def _keep(self, dot: Digraph) -> None:
        """Keeps the rows in their order: unseen nodes before and behind each, in lines from above to below."""
        from graphviz import Digraph

        unseen = {"style": "invis", "width": "0", "height": "0", "fixedsize": "true", "label": ""}
        for side, of in (("before", self.fed), ("behind", self.feeding)):
            line = Digraph()
            line.attr(rank="same")
            for row in range(self.rows + 1):
                line.node(f"({side} row {row})", **unseen)
                if row:
                    line.edge(f"({side} row {row - 1})", f"({side} row {row})", style="invis")
            dot.subgraph(line)
            for name, row in self.row_of.items():
                if name not in of:
                    ends = (f"({side} row {row})", name)
                    dot.edge(*(ends if side == "before" else ends[::-1]), style="invis", weight="0")

    def in_rows(self) -> tuple[dict[str, int], int]:
        """The row of each name in the DOT text, and the last row: boxes, and what stands outside of them, one after
        another, as many in a row as fit its width. A box that is wider goes on in further rows."""
        room = (self.look.inches or (PAGE, 0))[0] * 72 * self.look.fill
        units: dict[str, list[Stack]] = {}
        for stack in self.stacks:
            units.setdefault(self._outermost(stack) or stack.nodes[0].id, []).append(stack)
        rows: dict[str, int] = {}
        row, used = 0, 0.0
        of_unit: dict[str, int] = {}
        for unit, held in units.items():
            column, widths = self._columns(held)
            width = sum(widths.values())
            if used and used + width > room:
                row, used = row + 1, 0.0
            of_unit[unit] = row
            inside: dict[int, int] = {}  # the row of each column: a box that is too wide goes on in further rows
            for at in sorted(widths):
                if width > room and used and used + widths[at] > room:
                    row, used = row + 1, 0.0
                used += widths[at]
                inside[at] = row
            rows |= {plain(stack.nodes[0].id): inside[column[stack]] for stack in held}
        for inlet in self.inlets:
            rows[plain(inlet.name)] = of_unit[self._outermost(self.stack[inlet.inner]) or ""]
        return rows, row

    def _outermost(self, stack: Stack) -> str | None:
        """The outermost cluster that a stack lies in; None outside of all."""
        box, outer = stack.box, None
        while box is not None:
            box, outer = self.folded.boxes[box].parent, box
        return outer

    def _columns(self, held: list[Stack]) -> tuple[dict[Stack, int], dict[int, float]]:
        """The column of each stack, behind those that it reads, and the points that each column takes, about."""
        column = self.column_of(held)
        widths: dict[int, float] = {}
        for stack, at in column.items():
            words = [(w, self.NAME if bold else self.DETAIL) for d in stack.nodes for w, bold in self.shown(d).words]
            widest = max((len(word) * 0.52 * points for word, points in words), default=0.0)
            widths[at] = max(widths.get(at, 0.0), widest + 9 + GAP)
        return column, widths

    def column_of(self, held: list[Stack]) -> dict[Stack, int]:
        """The column of each stack, behind those that it reads."""
        column: dict[Stack, int] = {}
        inside = {*held}
        reads: dict[Stack, set[Stack]] = {}
        for line in self.folded.lines:
            source, target = self.stack[line.source], self.stack[line.target]
            if not line.loop and source is not target and source in inside and target in inside:
                reads.setdefault(target, set()).add(source)
        for stack in held:  # they stand in the order in which they are computed
            column[stack] = 1 + max((column.get(source, -1) for source in reads.get(stack, ())), default=-1)
        return column
