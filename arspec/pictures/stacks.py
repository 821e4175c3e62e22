"""Stacks: nodes that follow one another without a branch, drawn as one column that is read downwards."""

from __future__ import annotations

from dataclasses import dataclass

from arspec.pictures.folding import Drawn, Folded
from arspec.pictures.inlets import Inlet

MOST = 7  # nodes of a stack


@dataclass(eq=False)
class Stack:
    """Nodes in the order in which they are computed; all but the last are read by the next alone."""

    nodes: list[Drawn]

    @property
    def box(self) -> str | None:
        """The cluster that they lie in."""
        return self.nodes[0].box


def stacks(
    folded: Folded, inlets: list[Inlet], alone: set[Drawn], read_by_heads: set[Drawn], most: int = MOST
) -> list[Stack]:
    """Every drawn node in a stack of its own or with others, `most` together. alone: what stands alone, such as the
    data. read_by_heads: the nodes that heads read, which end a stack."""
    fed: dict[Drawn, int] = {}
    read: dict[Drawn, list[Drawn]] = {}
    before: dict[Drawn, Drawn] = {}
    for line in folded.lines:
        fed[line.target] = fed.get(line.target, 0) + 1
        read.setdefault(line.source, []).append(line.target)
        if not line.loop and not line.note and line.port == "from":
            before[line.target] = line.source
    held = {line.target for inlet in inlets for line in inlet.entering}
    found: dict[Drawn, Stack] = {}
    every: list[Stack] = []
    for node in folded.nodes:
        above = before.get(node)
        follows = (
            above is not None and node not in alone and above not in alone and above not in read_by_heads
            and node not in held and fed[node] == 1 and read[above] == [node] and above.box == node.box
        )  # fmt: skip
        stack = found.get(above) if above is not None and follows else None
        if stack is None or stack.nodes[-1] is not above or len(stack.nodes) >= most:
            stack = Stack([])
            every.append(stack)
        stack.nodes.append(node)
        found[node] = stack
    return every
