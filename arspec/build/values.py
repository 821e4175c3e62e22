"""The values of a spec while it is built, expressions over parameters and nodes among them, and how all are written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arspec.diagnostics import InputError
from arspec.syntax.scalars import core_value

_PLAIN = re.compile(r"[A-Za-z_$][\w.$*+/%<>=()! -]*(?<! )")


@dataclass(frozen=True)
class Expression:
    """Arithmetic over parameters: `2 * width` is `2 * $width` in the spec. `text` is as a spec writes it."""

    text: str
    alone: bool = True  # whether it may stand in another one without brackets

    def __str__(self) -> str:
        return self.text

    def __add__(self, other: Number) -> Expression:
        return _joined(self, "+", other)

    def __radd__(self, other: Number) -> Expression:
        return _joined(other, "+", self)

    def __sub__(self, other: Number) -> Expression:
        return _joined(self, "-", other)

    def __rsub__(self, other: Number) -> Expression:
        return _joined(other, "-", self)

    def __mul__(self, other: Number) -> Expression:
        return _joined(self, "*", other)

    def __rmul__(self, other: Number) -> Expression:
        return _joined(other, "*", self)

    def __truediv__(self, other: Number) -> Expression:
        return _joined(self, "/", other)

    def __rtruediv__(self, other: Number) -> Expression:
        return _joined(other, "/", self)

    def __floordiv__(self, other: Number) -> Expression:
        return _joined(self, "//", other)

    def __rfloordiv__(self, other: Number) -> Expression:
        return _joined(other, "//", self)

    def __mod__(self, other: Number) -> Expression:
        return _joined(self, "%", other)

    def __rmod__(self, other: Number) -> Expression:
        return _joined(other, "%", self)

    def __pow__(self, other: Number) -> Expression:
        return _joined(self, "**", other)

    def __rpow__(self, other: Number) -> Expression:
        return _joined(other, "**", self)

    def __neg__(self) -> Expression:
        return Expression(f"-{_within(self)}", False)

    def __lt__(self, other: Number) -> Expression:
        return _joined(self, "<", other)

    def __le__(self, other: Number) -> Expression:
        return _joined(self, "<=", other)

    def __gt__(self, other: Number) -> Expression:
        return _joined(self, ">", other)

    def __ge__(self, other: Number) -> Expression:
        return _joined(self, ">=", other)

    def __bool__(self) -> bool:
        raise InputError(
            "AR907", f"`{self.text}` has no value before the spec has its parameters",
            "give it as `when` of a node: b.relu(h, when=...)",
        )  # fmt: skip


Number = int | float | Expression
HEAD = Expression("$head")  # the numbers that the head needs
REPETITION = Expression("$i")  # the number of a block's repetition, from 0


@dataclass(frozen=True)
class Node:
    """A node of a spec that is built, by the reference that a spec names it with."""

    reference: str

    def __str__(self) -> str:
        return self.reference


@dataclass(frozen=True)
class Instance(Node):
    """A block in its place. As a node it is its only output."""

    names: tuple[str, ...] = ()  # of its outputs
    repeated: bool = False

    def __getitem__(self, output: str) -> Node:
        """An output, of the last repetition where there are several."""
        return Node(f"{self.reference}.{self._known(output)}")

    if not TYPE_CHECKING:  # so that a checker of types finds the attributes that there are

        def __getattr__(self, name: str) -> Node:
            hint = f"its outputs are {', '.join(self.names) or 'none'}"
            hint = f"an output is named in square brackets: ['{name}']" if name in self.names else hint
            raise AttributeError(f"an instance of a block has no attribute '{name}'; {hint}")

    def every(self, output: str) -> Node:
        """An output of every repetition, for a layer that takes many."""
        return Node(f"{self.reference}.*.{self._known(output)}")

    def at(self, repetition: int | Expression, output: str) -> Node:
        """An output of one repetition, counted from the end where negative."""
        which = f"({repetition})" if isinstance(repetition, Expression) else str(repetition)
        return Node(f"{self.reference}.{which}.{self._known(output)}")

    def _known(self, output: str) -> str:
        if output not in self.names:
            message = f"the block has no output '{output}'"
            raise InputError("AR907", message, f"its outputs are {', '.join(self.names) or 'none'}")
        return output


def written(value: Any) -> str:
    """A value as YAML in flow style, on one line. InputError (AR907) for what a spec can't hold."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _number(value)
        case Expression() | Node():
            return _text(str(value))
        case str():
            return _text(value)
        case Mapping():
            return "{" + ", ".join(f"{_text(str(k))}: {written(v)}" for k, v in value.items()) + "}"
        case Sequence():
            return "[" + ", ".join(map(written, value)) + "]"
        case _:
            message = f"a spec holds numbers, texts, lists and mappings, and was given {type(value).__name__}"
            raise InputError("AR907", message, "turn it into one of these")


def _number(value: float) -> str:
    text = repr(value)
    return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(text, text)


def _text(text: str) -> str:
    """A text as a scalar: as it stands where YAML reads it so, else in quotes."""
    try:
        plain = _PLAIN.fullmatch(text) is not None and core_value(text) == text
    except OverflowError:
        plain = False
    return text if plain else json.dumps(text, ensure_ascii=False)


def _joined(left: Number, sign: str, right: Number) -> Expression:
    return Expression(f"{_within(left)} {sign} {_within(right)}", False)


def _within(value: Number) -> str:
    if isinstance(value, Expression):
        return value.text if value.alone else f"({value.text})"
    return repr(value) if value >= 0 else f"({value!r})"
