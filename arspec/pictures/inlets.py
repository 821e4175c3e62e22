"""Inlets: where a folded block takes in what the repetition before it gave.

A residual sum would be drawn with an edge from itself to itself. An inlet is a small circle at the top of the box
instead: the first repetition's input and the loop from the last node lead to it, and from it to all that read them.
"""

from __future__ import annotations

from dataclasses import dataclass

from arspec.pictures.folding import Drawn, Folded, Line


@dataclass(eq=False)
class Inlet:
    """entering: the lines by which the first repetition is fed. loops: those from each repetition to the next. Both
    have the same targets and ports, in the same order."""

    box: str
    entering: list[Line]
    loops: list[Line]

    @property
    def name(self) -> str:
        """Of the drawn circle: no node is named so."""
        return f"inlet of {self.box} by {self.loops[0].source.first.name}"

    @property
    def outer(self) -> Drawn:
        """The drawn node that feeds the first repetition."""
        return self.entering[0].source

    @property
    def inner(self) -> Drawn:
        """The drawn node of a repetition that feeds the next one."""
        return self.loops[0].source


def inlets(folded: Folded) -> list[Inlet]:
    """One for each node that would be drawn with an edge to itself, and whose readers take the same in the first
    repetition; nested or crossed wirings stay as they are."""
    found: list[Inlet] = []
    for loop in folded.lines:
        if loop.loop and loop.source is loop.target:
            inlet = _inlet(folded, loop)
            if inlet is not None:
                found.append(inlet)
    return found


def _inlet(folded: Folded, own: Line) -> Inlet | None:
    loops = [line for line in folded.lines if line.loop and line.source is own.source and line.note == own.note]
    box = _repeated_box(folded, own)
    if box is None:
        return None
    entering: list[Line] = []
    for loop in loops:
        first = [line for line in folded.lines if not line.loop and line.target is loop.target
                 and line.port == loop.port
                 and not _inside(folded, line.source, box)]  # fmt: skip
        if len(first) != 1:
            return None
        entering += first
    if any(line.source is not entering[0].source or line.note != entering[0].note for line in entering):
        return None
    return Inlet(box, entering, loops)


def _repeated_box(folded: Folded, own: Line) -> str | None:
    """The innermost box around the node that is repeated as often as the loop says."""
    key = own.source.box
    while key is not None:
        if folded.boxes[key].count > 1:
            return key if own.note == f"×{folded.boxes[key].count}" else None
        key = folded.boxes[key].parent
    return None


def _inside(folded: Folded, drawn: Drawn, box: str) -> bool:
    key = drawn.box
    while key is not None and key != box:
        key = folded.boxes[key].parent
    return key == box
