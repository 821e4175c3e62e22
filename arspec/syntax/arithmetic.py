"""What expressions calculate with: operators, comparisons, functions and words, each with its meaning."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any


def _divide(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int) and left % right == 0:
        return left // right
    return left / right


def _power(left: Any, right: Any) -> Any:
    # the size is known before the power is taken, so that 9 ** 9 ** 9 costs nothing
    if abs(left) > 1 and right > 0 and right * math.log2(abs(left)) > 1024:
        raise OverflowError
    return left**right


def _sqrt(value: Any) -> Any:
    if isinstance(value, int) and value >= 0 and math.isqrt(value) ** 2 == value:
        return math.isqrt(value)
    return math.sqrt(value)


def _log2(value: Any) -> Any:
    if isinstance(value, int) and value > 0 and value & (value - 1) == 0:
        return value.bit_length() - 1
    return math.log2(value)


BINARY: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any], str]] = {
    ast.Add: ("+", operator.add, "sum"),
    ast.Sub: ("-", operator.sub, "difference; before a number its negative"),
    ast.Mult: ("*", operator.mul, "product"),
    ast.Div: ("/", _divide, "quotient; an integer where it is whole and both are integers"),
    ast.FloorDiv: ("//", lambda left, right: left // right, "quotient, rounded down"),
    ast.Mod: ("%", operator.mod, "what the rounded division leaves"),
    ast.Pow: ("**", _power, "power"),
}
COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], bool]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
BY_SYMBOL: dict[str, Callable[[Any, Any], Any]] = {
    **{symbol: function for symbol, function, _ in BINARY.values()}, **dict(COMPARISONS.values()),
}  # fmt: skip
"""What each operator and comparison calculates, of numbers or arrays."""
ALSO: dict[str, str] = dict.fromkeys(("==", "!="), ", of two texts, two truth values or two lists")
"""What else than numbers is compared."""
FUNCTIONS: dict[str, tuple[Callable[..., Any], str]] = {
    "min": (min, "the smallest of two numbers or more"),
    "max": (max, "the largest of two numbers or more"),
    "abs": (abs, "the number without its sign"),
    "round": (round, "the nearest whole number; a half goes to the even one"),
    "ceil": (math.ceil, "the next whole number, upwards"),
    "floor": (math.floor, "the next whole number, downwards"),
    "log2": (_log2, "the logarithm to base 2; whole where the number is a power of two"),
    "sqrt": (_sqrt, "the square root; whole where the number is a square"),
}
WORDS: dict[str, str] = {
    "not": "true where what follows is false",
    "and": "true where both are",
    "or": "true where one of both is",
    "if": "a if c else b: a where c is true, else b",
    "else": "stands before what `if` gives where its condition is false",
    "true": "the truth value",
    "false": "the truth value",
}
PRECEDENCE: tuple[str, ...] = (
    "**", "- before a number", "* / // %", "+ -", "< <= > >= == !=", "not", "and", "or", "if else",
)  # fmt: skip
"""What binds tightest stands first; brackets come before all,
and equals are taken from the left (** from the right)."""
