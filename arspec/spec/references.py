"""References to nodes: `conv`, `body.v`, `body.*.skip`, `body.0.skip`, `up.(-1 - $i).u`.

A name stands for a node, for an instance of a block (its outputs by name), for a repetition (its instances, and the
outputs of the last one), or for a list of nodes. A node that `when` left out stands for an empty list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from arspec.diagnostics import did_you_mean
from arspec.layers.base import Fault, Node
from arspec.spec.expressions import evaluate


@dataclass(eq=False)
class Instance:
    """What an instance of a block gives, by the names of its outputs."""

    outputs: dict[str, Any]


@dataclass(eq=False)
class Repetition:
    """The instances of a repeated block, in order."""

    instances: list[Instance]


class Broken:
    """Stands for what could not be built; whatever refers to it is left out without a further report."""


BROKEN = Broken()
_PART = re.compile(
    r"\.?(\((?P<expression>[^()]*(?:\([^()]*\)[^()]*)*)\)|(?P<name>[A-Za-z_]\w*)|(?P<index>-?\d{1,9})|(?P<all>\*))"
)


def parts_of(text: str, params: Mapping[str, Any]) -> list[str | int]:
    """'body.(-1 - $i).skip' -> ['body', -3, 'skip']."""
    parts: list[str | int] = []
    at = 0
    text = text.strip()
    while at < len(text):
        found = _PART.match(text, at)
        if found is None or (at == 0) == (text[at] == "."):
            raise Fault("AR201", f"'{text}' is no reference to a node",
                        "write name, name.output, name.*.output, name.0.output or name.(expression).output")  # fmt: skip
        at = found.end()
        if found["expression"] is not None:
            value = evaluate(found["expression"], params)
            if not isinstance(value, int) or isinstance(value, bool):
                raise Fault("AR209", f"the index ({found['expression']}) is {value!r}, not a whole number")
            parts.append(value)
        elif found["index"] is not None:
            parts.append(int(found["index"]))
        else:
            parts.append(found["name"] or "*")
    if not parts:
        raise Fault("AR201", "an empty text names no node", "write the name of a node")
    return parts


def follow(
    text: str, scope: Mapping[str, Any], params: Mapping[str, Any], ahead: Set[str] = frozenset()
) -> list[Node] | Broken:
    """The node or nodes that a reference names. `ahead`: names that stand at the reader or below it. Raises Fault where
    it names none."""
    parts = parts_of(text, params)
    first = parts[0]
    if not isinstance(first, str) or first == "*":
        raise Fault("AR201", f"'{text}' does not begin with the name of a node")
    if first in ahead and first not in scope:
        raise Fault("AR205", f"'{first}' is this node itself or stands below it",
                    "a node reads those above it; recurrence is a layer: lstm, gru, rnn")  # fmt: skip
    if first not in scope:
        raise Fault("AR201", f"there is no node '{first}' before this one", did_you_mean(first, scope, "nodes so far"))
    value: Any = scope[first]
    said = first
    for part in parts[1:]:
        value = _step(value, part, said)
        said += f".{part}"
    return _flat(value, said)


def _step(value: Any, part: str | int, said: str) -> Any:
    if isinstance(value, Broken):
        return value
    if isinstance(value, Node):
        raise Fault("AR202", f"'{said}' is one node and has no parts", f"write {said}")
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
            raise Fault("AR202", f"'{said}' has no output '{part}'", did_you_mean(str(part), value.outputs, "outputs"))
        return value.outputs[str(part)]
    if part == "*":
        return value
    if isinstance(part, int):
        return _at(value, part, said)
    return [_step(item, part, said) for item in value]


def _at(items: list[Any], index: int, said: str) -> Any:
    if not -len(items) <= index < len(items):
        raise Fault(
            "AR209",
            f"'{said}' has {len(items)} parts; there is no number {index}",
            "counted from 0, from the end by -1",
        )
    return items[index]


def _flat(value: Any, said: str) -> list[Node] | Broken:
    if isinstance(value, (Node, Broken)):
        return value if isinstance(value, Broken) else [value]
    if isinstance(value, Instance):
        if len(value.outputs) == 1:
            return _flat(next(iter(value.outputs.values())), said)
        raise Fault("AR202", f"'{said}' is a block with several outputs",
                    f"name one: {', '.join(f'{said}.{name}' for name in value.outputs)}")  # fmt: skip
    if isinstance(value, Repetition):
        if not value.instances:
            raise Fault("AR218", f"'{said}' has no repetitions", "repeat it at least once")
        return _flat(value.instances[-1], said)
    nodes: list[Node] = []
    for item in value:
        more = _flat(item, said)
        if isinstance(more, Broken):
            return more
        nodes += more
    return nodes
