"""A folded graph as a paper draws it: each block as one box, and what is in each kind of block once, in a frame beside.

Values come into a frame and leave it by small circles. Repetitions are one box with their number: each takes in
what the one before it gave."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from arspec.layers.base import Node
from arspec.pictures.folding import Box, Drawn, Folded, Line, without_numbers


@dataclass(eq=False)
class Part(Drawn):
    """A block that is drawn as one box in the frame around it. `nodes` are those that are read from outside of it."""

    name: str = ""
    block: str = ""
    count: int = 1
    within: list[Node] = field(default_factory=list[Node])

    @property
    def id(self) -> str:
        """Its name in the DOT text."""
        return f"(block) {self.name}"

    @property
    def short(self) -> str:
        """Its name in the frame around it."""
        return self.name.rpartition("/")[2]


@dataclass(eq=False)
class Port(Drawn):
    """Where a value comes into a frame, or leaves it. `nodes` are those whose values pass."""

    name: str = ""
    inward: bool = True

    @property
    def id(self) -> str:
        """Its name in the DOT text."""
        return f"(port) {self.name}"


def outline(folded: Folded) -> Folded:
    """The same graph in frames, which are its only boxes: the graph itself stands in none."""
    return _Outline(folded).made()


class _Outline:
    def __init__(self, folded: Folded) -> None:
        self.folded = folded
        self.inside: dict[str | None, list[Drawn]] = {}
        self.boxes: dict[str | None, list[str]] = {}
        for drawn in folded.nodes:
            self.inside.setdefault(drawn.box, []).append(drawn)
        for box in folded.boxes.values():
            self.boxes.setdefault(box.parent, []).append(box.key)
        self.frame: dict[str, str] = {}  # of each box, the first one of its form, which is drawn
        forms: dict[object, str] = {}
        for key in folded.boxes:
            self.frame[key] = forms.setdefault(self._form(key), key)
        self.shown: dict[tuple[str | None, str], Drawn] = {}  # by frame and the name in it
        self.lines: dict[tuple[Drawn, Drawn, str, bool], Line] = {}
        self.of: dict[Node, Drawn] = {}

    def _form(self, key: str) -> object:
        """Equal for boxes that are drawn once: their block, and what is in them."""
        nodes = tuple((_within(key, d), d.first.layer.layer) for d in self.inside.get(key, ()))
        inner = tuple((_last(key, k), self.folded.boxes[k].count, self._form(k)) for k in self.boxes.get(key, ()))
        return self.folded.boxes[key].block, nodes, inner

    def made(self) -> Folded:
        """Its frames, nodes and lines."""
        for drawn in self.folded.nodes:
            self._item([], drawn)
        for line in self.folded.lines:
            self._lay(line)
        drawn_boxes = {key: box for key, box in self.folded.boxes.items() if self.frame[key] == key}
        boxes = {key: Box(key, box.block, box.block, 1, None) for key, box in drawn_boxes.items()}
        order = [None, *boxes]
        nodes = sorted(self.shown.values(), key=lambda d: order.index(d.box))
        return Folded(boxes, self._with_ports(self._joined(nodes)), list(self.lines.values()), self.of)

    def _joined(self, nodes: list[Drawn]) -> list[Drawn]:
        """Without ports that let the same values in as another of their frame."""
        same: dict[object, Drawn] = {}
        ports = [d for d in nodes if isinstance(d, Port) and d.inward]
        instead: dict[Drawn, Drawn] = {d: same.setdefault((d.box, frozenset(d.nodes)), d) for d in ports}
        lines: dict[tuple[Drawn, Drawn, str], Line] = {}
        for line in self.lines.values():
            line.source = instead.get(line.source, line.source)
            lines.setdefault((line.source, line.target, line.port), line)
        self.lines = {(*key, False): line for key, line in lines.items()}
        return [d for d in nodes if instead.get(d, d) is d]

    def _with_ports(self, nodes: list[Drawn]) -> list[Drawn]:
        """Ports that come in before what reads them, those that leave last, frame by frame."""
        side = {d: (0 if d.inward else 2) if isinstance(d, Port) else 1 for d in nodes}
        frames = list(dict.fromkeys(d.box for d in nodes))
        return sorted(nodes, key=lambda d: (frames.index(d.box), side[d]))

    # -- items ---------------------------------------------------------------------------------------------------------

    def _around(self, drawn: Drawn) -> list[str]:
        """The boxes around a node, the outermost first."""
        found: list[str] = []
        key = drawn.box
        while key is not None:
            found.insert(0, key)
            key = self.folded.boxes[key].parent
        return found

    def _item(self, above: Sequence[str], drawn: Drawn) -> Drawn:
        """What stands for a node in the frame of the last of the boxes above, the graph's own where there is none."""
        around = self._around(drawn)
        for depth in range(len(above), len(around)):
            self._part(around[: depth + 1], drawn)
        if len(above) < len(around):
            return self._part(around[: len(above) + 1], drawn)
        frame = self.frame[above[-1]] if above else None
        name = _within(above[-1], drawn) if above else drawn.id
        return self._kept(frame, name, Drawn([], frame), drawn.nodes)

    def _part(self, boxes: Sequence[str], drawn: Drawn) -> Drawn:
        frame = self.frame[boxes[-2]] if len(boxes) > 1 else None
        box = self.folded.boxes[boxes[-1]]
        name = _last(boxes[-2] if len(boxes) > 1 else None, box.key)
        made = Part([], frame, f"{frame or ''}/{name}", box.block, box.count)
        kept = self._kept(frame, f"{name}/", made, [])  # a node may be called as a block beside it is
        assert isinstance(kept, Part)
        kept.within += [node for node in drawn.nodes if node not in kept.within]
        kept.nodes = kept.nodes or [drawn.first]
        self._item_inside(boxes, drawn)
        return kept

    def _item_inside(self, boxes: Sequence[str], drawn: Drawn) -> None:
        if len(self._around(drawn)) == len(boxes):
            frame = self.frame[boxes[-1]]
            self._kept(frame, _within(boxes[-1], drawn), Drawn([], frame), drawn.nodes)

    def _kept(self, frame: str | None, name: str, made: Drawn, nodes: Iterable[Node]) -> Drawn:
        kept = self.shown.setdefault((frame, name), made)
        kept.nodes += [node for node in nodes if node not in kept.nodes]
        if not isinstance(kept, (Part, Port)):
            self.of |= dict.fromkeys(nodes, kept)
        return kept

    # -- lines ---------------------------------------------------------------------------------------------------------

    def _lay(self, line: Line) -> None:
        """A line in the frame that holds both ends, and in each frame that it leaves or comes into."""
        up, down = self._around(line.source), self._around(line.target)
        shared = 0
        while shared < min(len(up), len(down)) and up[shared] == down[shared]:
            shared += 1
        turn = self._turn(line, up[:shared])
        meet = shared if turn is None else turn
        for depth in range(len(up), meet, -1):
            source = self._item(up[:depth], line.source)
            self._join(source, self._port(False, up[:depth], line), line)
        for depth in range(len(down), meet, -1):
            target = self._item(down[:depth], line.target)
            self._join(self._port(True, down[:depth], line), target, line)
        if turn is None:
            source, target = self._item(up[:meet], line.source), self._item(down[:meet], line.target)
            if isinstance(source, Part) and line.source.first not in source.nodes:
                source.nodes.append(line.source.first)
            self._join(source, target, line)

    def _turn(self, line: Line, shared: Sequence[str]) -> int | None:
        """The depth of the box from whose repetitions a line leads to the next; None where it stays in one."""
        if not line.loop:
            return None
        source, target = (node.name.split(".") for node in line.pairs[0])
        for depth, key in enumerate(shared):
            length = key.count(".") + 1
            if source[:length] != target[:length]:
                return depth
        return None

    def _port(self, inward: bool, boxes: Sequence[str], line: Line) -> Port:
        """What comes in at one place is one value, wherever it is from; each that leaves has a circle of its own."""
        frame = self.frame[boxes[-1]]
        end = (
            f"in {line.port} of {_within(boxes[-1], line.target)}"
            if inward
            else f"out of {_within(boxes[-1], line.source)}"
        )
        kept = self._kept(frame, f"({end})", Port([], frame, f"{end}, {frame}", inward), [])
        assert isinstance(kept, Port)
        kept.nodes += [line.source.first] if line.source.first not in kept.nodes else []
        return kept

    def _join(self, source: Drawn, target: Drawn, line: Line) -> None:
        if source is target:
            return
        port = "" if isinstance(target, Port) else line.port
        note = "" if line.loop or isinstance(source, Port) or isinstance(target, Port) else _short(line.note)
        key = source, target, port, False
        kept = self.lines.setdefault(key, Line(source, target, port or "from", False, [], note))
        kept.pairs += line.pairs


def _short(note: str) -> str:
    """A note beside boxes that say how many repetitions they are; that the last is read goes without saying."""
    said = re.sub(r" of \d+", "", note)
    return {"the last": "", "each, to one each": "one to each"}.get(said, said)


def _within(key: str, drawn: Drawn) -> str:
    """The name of a node in a box."""
    return without_numbers(drawn.first.name)[len(without_numbers(key)) + 1 :]


def _last(above: str | None, key: str) -> str:
    """The name of a box in the one around it, without the star of its repetitions."""
    return (key if above is None else key[len(above) + 1 :]).removesuffix(".*")
