"""The diagram of a paper for what is too large for one piece: the graph with each block as one box, and beside it what
is in each kind of block, once, in a frame. All are read downwards."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arspec.pictures.folding import Drawn, Folded
from arspec.pictures.outline import Part, Port, outline
from arspec.pictures.palette import LEAK, STROKES
from arspec.pictures.stacks import Stack
from arspec.pictures.tall import Shown, plain
from arspec.pictures.wide import Wide

if TYPE_CHECKING:
    from graphviz import Digraph

BLOCK = "#f7f9fb"  # of a block that is one box
GAP = 0.9  # of a line's height, between two rows of nodes


@dataclass(frozen=True)
class Frame:
    """What stands in one piece: the names in its first and its last row, and its height in lines, about."""

    starts: list[str]
    ends: list[str]
    height: float


class Frames(Wide):
    """A diagram in frames; `Look.fill` says how high a column of frames is, in heights of the highest."""

    DETAIL, EDGE = 6.8, 6.5
    STACK, ACROSS = 1, 3
    TOWARDS, RANKS, BESIDE = "TB", "0.13", "0.1"

    def what(self) -> Folded:
        """What is drawn."""
        return outline(super().what())

    def marks(self) -> list[str]:
        """What the drawing needs to have explained, beside colours and lines."""
        return ["frame: what is in a block", "○ what comes in and goes out", "×5: five of it, in a row or side by side"]

    def shown(self, drawn: Drawn) -> Shown:
        """The words and the colours of a node, or of a block that is one box."""
        if not isinstance(drawn, Part):
            return super().shown(drawn)
        words = [(drawn.short + (f" ×{drawn.count}" if drawn.count > 1 else ""), True)]
        words += [(drawn.block, False)] if drawn.block != drawn.short else []
        red = {step.node for step in self.witness.path} if self.witness is not None else set()
        on_path = not red.isdisjoint(drawn.within)
        colour = LEAK if on_path else STROKES[self.strictness[drawn]].colour
        return Shown(words, [], BLOCK, colour, 2.6 if on_path else 1.0, "box")

    def node(self, dot: Digraph, drawn: Drawn) -> None:
        """A node as a box, a port as a circle."""
        if not isinstance(drawn, Port):
            super().node(dot, drawn)
            return
        size = f"{0.011 * self.NAME:.3g}"
        dot.node(plain(drawn.id), "", shape="circle", width=size, height=size, fixedsize="true", fillcolor="white",
                 color=STROKES[self.strictness[drawn]].colour, penwidth=self.thick(1.3), style="filled",
                 tooltip=plain(drawn.name))  # fmt: skip

    def in_rows(self) -> tuple[dict[str, int], int]:
        """It has no rows that go on elsewhere."""
        return {}, 0

    def join(
        self, dot: Digraph, ends: tuple[str, str], words: list[str], colour: str, width: float, style: str = "solid",
        back: bool = False,
    ) -> None:  # fmt: skip
        """A line between two names."""
        self.joined(dot, ends, words, colour, width, style, back)

    def filled(self, dot: Digraph) -> str:
        """A digraph with what is drawn in it, and its frames in columns: unseen lines keep them below each other."""
        super().filled(dot)
        frames = [self._frame(box) for box in (None, *self.folded.boxes)]
        for column in columns(frames, self.look.fill):
            for above, below in itertools.pairwise(column):
                for end, start in itertools.product(above.ends, below.starts):
                    dot.edge(end, start, style="invis", weight="6")
        return dot.source

    def _frame(self, box: str | None) -> Frame:
        held = [stack for stack in self.stacks if stack.box == box]
        row = self.column_of(held)
        heights = {at: max(self._height(s) for s in held if row[s] == at) for at in set(row.values())}
        edge = {at: [plain(s.nodes[0].id) for s in held if row[s] == at] for at in (0, max(row.values(), default=0))}
        return Frame(edge[0], edge[max(edge)], sum(heights.values()) + GAP * len(heights))

    def _height(self, stack: Stack) -> float:
        """In lines of text."""
        words = [[] if isinstance(d, Port) else self.shown(d).words for d in stack.nodes]
        return sum(0.6 + sum(bool(word) for word, _ in own) for own in words)


def columns(frames: list[Frame], fill: float) -> list[list[Frame]]:
    """Frames in columns, about `fill` times as high as the highest: the first begins the first column, and each stands
    where there is room."""
    room = fill * max((frame.height for frame in frames), default=0.0)
    found: list[list[Frame]] = []
    for frame in [*frames[:1], *sorted(frames[1:], key=lambda frame: -frame.height)]:
        fits = [c for c in found if sum(f.height for f in c) + frame.height <= room]
        if fits:
            min(fits, key=lambda c: sum(f.height for f in c)).append(frame)
        else:
            found.append([frame])
    return found
