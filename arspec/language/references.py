"""References to nodes: `conv`, `body.v`, `body.*.skip`, `body.0.skip`, `up.(-1 - $i).u`.

A name stands for a node, for an instance of a block (its outputs by name), for a repetition (its instances, and the
outputs of the last one), or for a list of nodes. A node that `when` left out stands for an empty list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from arspec.diagnostics import Place, did_you_mean, the_nearest
from arspec.layers.base import Fault, Node
from arspec.syntax.expressions import evaluate


@dataclass(eq=False)
class Instance:
    """What an instance of a block gives, by the names of its outputs."""

    outputs: dict[str, Any]
    inner: frozenset[str] = frozenset()  # the names of the nodes inside it


@dataclass(eq=False)
class Repetition:
    """The instances of a repeated block, in order."""

    instances: list[Instance]


class LeftOut(list[Any]):
    """What `when` leaves out: no nodes. `place` is that of the value of `when`."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place


class Broken:
    """Stands for what could not be built; whatever refers to it is left out without a further report."""


BROKEN = Broken()
_PART = re.compile(
    r"\.?(\((?P<expression>[^()]*(?:\([^()]*\)[^()]*)*)\)|(?P<name>[A-Za-z_]\w*)|(?P<index>-?\d{1,9})|(?P<all>\*))"
)

_NAMES = re.compile(r"[A-Za-z_]\w*(\.[\w*-]+)*")

FORMS: dict[str, str] = {
    "first": "the node of this name; of a block with one output that output; of a repeated block the last repetition's",
    "body.h": "the output `h` of the block; of a repeated block that of the last repetition",
    "body.*.h": "the output `h` of every repetition: several nodes, for layers that take several",
    "body.0.h": "that of one repetition, counted from 0",
    "body.-1.h": "that of one repetition, counted from the end",
    "body.(-1 - $i).h": "that of the repetition whose number an expression gives; `$i` is the number of the own one",
}
"""The forms of a reference to nodes, with what each stands for."""


class UnknownNode(Fault):
    """A reference begins with a name that stands for nothing at its place."""

    def __init__(self, name: str) -> None:
        super().__init__("AR201", f"there is no node '{name}' before this one")
        self.name = name


def parts_of(text: str, params: Mapping[str, Any]) -> Sequence[str | int]:
    """'body.(-1 - $i).skip' -> ['body', -3, 'skip']."""
    return _plain_parts(text) if "(" not in text else _parts(text, params)


@lru_cache(maxsize=1024)
def _plain_parts(text: str) -> tuple[str | int, ...]:
    return tuple(_parts(text, {}))


def _parts(text: str, params: Mapping[str, Any]) -> list[str | int]:
    parts: list[str | int] = []
    text = text.strip()
    for piece in _pieces(text):
        if piece.kind == "expression":
            value = evaluate(piece.text, params)
            if not isinstance(value, int) or isinstance(value, bool):
                raise Fault("AR209", f"the index ({piece.text}) is {value!r}, not a whole number")
            parts.append(value)
        else:
            parts.append(int(piece.text) if piece.kind == "index" else piece.text)
    if not parts:
        raise Fault("AR201", "an empty text names no node", "write the name of a node")
    return parts


class Piece(NamedTuple):
    """A piece of a reference as it is written: a name, an index, the * for all, or the expression in brackets. at:
    where its text begins, in characters of the reference."""

    kind: str
    text: str
    at: int


def pieces(text: str) -> list[Piece]:
    """The pieces of a reference, up to where it is none.

    >>> [piece.text for piece in pieces("up.(-1 - $i).u")]
    ['up', '-1 - $i', 'u']
    """
    found: list[Piece] = []
    blanks = len(text) - len(text.lstrip())
    try:
        for piece in _pieces(text.strip()):
            found.append(piece._replace(at=piece.at + blanks))
    except Fault:
        pass
    return found


def _pieces(text: str) -> Iterator[Piece]:
    """The pieces of a text without blanks around it. Raises Fault where it is no reference."""
    at = 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None or (at == 0) == (text[at] == "."):
            raise Fault("AR201", f"'{text}' is no reference to a node", _mend(text))
        at = found.end()
        kind, said = next((kind, said) for kind, said in found.groupdict().items() if said is not None)
        yield Piece(kind, said, found.start(kind))


def _mend(text: str) -> str:
    """How what is no reference is written."""
    several = re.split(r"\s*[,+]\s*|\s+", text)
    if len(several) > 1 and all(map(_NAMES.fullmatch, several)):
        return f"several nodes are a list: [{', '.join(several)}]"
    if _NAMES.fullmatch(text.removeprefix("$")):
        return f"nodes have no $ before their names: write {text.removeprefix('$')}"
    return "write name, name.output, name.*.output, name.0.output or name.(expression).output"


REFERENCE = 10  # nodes that could be listed in the time that a reference takes to be read
Spend = Callable[[int], None]  # told how many nodes are about to be listed; it may refuse


def follow(
    text: str, scope: Mapping[str, Any], params: Mapping[str, Any], ahead: Set[str] = frozenset(),
    spend: Spend = lambda _: None,
) -> list[Node] | Broken:  # fmt: skip
    """The node or nodes that a reference names. `ahead`: names that stand at the reader or below it. `spend` is told
    how many are listed on the way. Raises Fault where it names none."""
    parts = parts_of(text, params)
    first = parts[0]
    if not isinstance(first, str) or first == "*":
        raise Fault(
            "AR201", f"'{text}' does not begin with the name of a node", f"nodes so far: {', '.join(sorted(scope))}"
        )
    if first in ahead and first not in scope:
        raise Fault("AR205", f"'{first}' is this node itself or stands below it",
                    "a node reads those above it; recurrence is a layer: lstm, gru, rnn")  # fmt: skip
    if first not in scope:
        raise UnknownNode(first)
    value: Any = scope[first]
    said = first
    spend(REFERENCE)
    for part in parts[1:]:
        spend(_length(value))
        value = _step(value, part, said)
        said += f".{part}"
    return _flat(value, said, spend)


def _length(value: Any) -> int:
    return len(value.instances) if isinstance(value, Repetition) else len(value) if isinstance(value, list) else 0


def _step(value: Any, part: str | int, said: str) -> Any:
    if isinstance(value, Broken):
        return value
    if isinstance(value, Node):
        raise Fault("AR202", f"'{said}' is one node and has no parts", f"write {said}", None, said)
    if isinstance(value, Repetition):
        if part == "*":
            return list(value.instances)
        if isinstance(part, int):
            return _at(value.instances, part, said)
        if not value.instances:
            raise Fault(
                "AR218",
                f"'{said}' has no repetitions, so no last one has an output '{part}'",
                "repeat it at least once",
            )
        return _step(value.instances[-1], part, said)
    if isinstance(value, Instance):
        if part not in value.outputs:
            raise _no_output(value, str(part), said)
        return value.outputs[str(part)]
    if part == "*" or isinstance(value, LeftOut):
        return value
    if isinstance(part, int):
        return _at(value, part, said)
    if part in _common(value):  # all at once: there may be thousands
        return [instance.outputs[part] for instance in value]
    return [_step(item, part, said) for item in value]


def _no_output(of: Instance, part: str, said: str) -> Fault:
    help = did_you_mean(part, of.outputs, "outputs")
    if part in of.inner:
        help = f"'{part}' stands inside the block: add it to the outputs of the block"
    sure = None if part in of.inner else the_nearest(part, of.outputs)
    return Fault("AR202", f"'{said}' has no output '{part}'", help, None, None if sure is None else f"{said}.{sure}")


def _common(items: list[Any]) -> Mapping[str, Any]:
    """The outputs of the first of a list of instances of one block, which all have; of other lists none."""
    return items[0].outputs if items and set(map(type, items)) == {Instance} else {}


def _at(items: list[Any], index: int, said: str) -> Any:
    if not -len(items) <= index < len(items):
        raise Fault(
            "AR209",
            f"'{said}' has {len(items)} parts; there is no number {index}",
            "counted from 0, from the end by -1",
        )
    return items[index]


def _flat(value: Any, said: str, spend: Spend) -> list[Node] | Broken:
    if isinstance(value, (Node, Broken)):
        return value if isinstance(value, Broken) else [value]
    if isinstance(value, Instance):
        if not value.outputs:
            raise Fault("AR202", f"'{said}' is a block without outputs", "name the nodes that it gives under `outputs`")
        if len(value.outputs) == 1:
            return _flat(next(iter(value.outputs.values())), said, spend)
        raise Fault("AR202", f"'{said}' is a block with several outputs",
                    f"name one: {', '.join(f'{said}.{name}' for name in value.outputs)}")  # fmt: skip
    if isinstance(value, Repetition):
        if not value.instances:
            raise Fault("AR218", f"'{said}' has no repetitions", "repeat it at least once")
        return _flat(value.instances[-1], said, spend)
    if isinstance(value, LeftOut):
        return value
    spend(len(value))
    if set(map(type, value)) == {Node}:
        return list(value)
    nodes: list[Node] = []
    for item in value:
        more = _flat(item, said, spend)
        if isinstance(more, Broken):
            return more
        nodes += more
    return nodes
