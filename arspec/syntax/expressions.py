"""Arithmetic of parameters: `2 * $width` evaluated over a whitelist of syntax, never by eval.

The text is split into tokens first, so that everything that Python has and an expression has not is refused with a
place and in the spec's own words; `ast` then only settles precedence.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from arspec.diagnostics import did_you_mean, the_nearest
from arspec.syntax.arithmetic import BINARY, COMPARISONS, FUNCTIONS, WORDS

MAX_LENGTH = 500  # characters of an expression
MAX_NESTING = 32  # brackets within brackets
MAX_TREE = 100  # operations within operations
MAX_MAGNITUDE = 1 << 53  # of an integer: beyond, floats are no longer exact

Value = int | float | str | bool | list[Any]

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PARAMETER = re.compile(rf"\$({_NAME})")
_TOKEN = re.compile(
    rf"(?P<blank>\s+)|(?P<parameter>\${_NAME})|(?P<name>{_NAME})"
    r"|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<operator>\*\*|//|<=|>=|==|!=|[-+*/%<>(),.])",
    re.ASCII,
)

_WORD = re.compile(rf"(?<![\w.]){_NAME}", re.ASCII)
_BARE = re.compile(rf"(?<![\w.$]){_NAME}", re.ASCII)

_INSTEAD = {
    "^": "a power is written **",
    "&": "write and",
    "|": "write or",
    "!": "write not, or != for different",
    "=": "equality is written ==",
    "[": "lists are written in YAML, around expressions: [1, $kernel]",
    "{": "parameters are written $name, without braces",
    '"': "an expression holds no texts; a parameter may",
    "'": "an expression holds no texts; a parameter may",
    "$": "a parameter is written $name, its name of letters, digits and _",
    "?": "write a if condition else b",
    **dict.fromkeys("\u201c\u201d\u2018\u2019", "curly quotes mean nothing here: leave them out"),
}
_IN_MASKS = {
    **_INSTEAD,
    **dict.fromkeys(("'", '"'), "names stand in a mask without quotes"),
    "[": "a kernel of 0 and 1 is a list of YAML, not a part of a text",
    "?": "write (a and b) or (not a and c)",
}


class ExpressionError(ValueError):
    """A fault in an expression or a mask, `length` characters from `offset` of its text; the caller adds the place.
    `becomes`: what these characters are to be instead, where that is sure."""

    def __init__(
        self, code: str, message: str, help: str | None = None, offset: int = 0, length: int = 1,
        becomes: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(code, message, help, offset, length, becomes)
        self.code = code
        self.message = message
        self.help = help
        self.offset = offset
        self.length = length
        self.becomes = becomes
        self.inside = False  # whether the fault lies in a mask of its own that this one names

    def __str__(self) -> str:
        return f"{self.code} {self.message}" + (f" ({self.help})" if self.help else "")


def names(text: str) -> set[str]:
    """The parameters that a text refers to.

    >>> sorted(names("2 * $width + $kernel // 2"))
    ['kernel', 'width']
    """
    return set(_PARAMETER.findall(text)) if "$" in text else set()


def places_of(text: str) -> list[tuple[str, int]]:
    """The parameters that a text refers to, each time with the offset of its name.

    >>> places_of("2 * $width")
    [('width', 5)]
    """
    return [(match[1], match.start(1)) for match in _PARAMETER.finditer(text)]


def is_expression(text: str) -> bool:
    """Whether a text is to be evaluated: it refers to parameters, or tries to, or is arithmetic of numbers alone.

    >>> [is_expression(text) for text in ("2 * $width", "4 * 8", "max(3, 5)", "16", "raster", "2020-01-01")]
    [True, True, True, False, False, False]
    """
    return "$" in text or _is_arithmetic(text)


def _is_arithmetic(text: str) -> bool:
    """Whether a text calculates with numbers. A number alone, which stands in quotes, stays a text."""
    if not CALCULATES.search(text) or not {m[0] for m in _WORD.finditer(text)} <= FUNCTIONS.keys():
        return False
    try:
        tree, _, _ = parse(text)
    except ExpressionError:
        return False
    return isinstance(tree, (ast.BinOp, ast.Call, ast.Compare))


def with_signs(text: str, params: Mapping[str, Any], other: Callable[[str], str | None] = lambda _: None) -> str | None:
    """The text with a $ before each name of a parameter that lacks it; None where none lacks it. `other`: the parameter
    that a name which is none stands for.

    >>> with_signs("2 * width + $kernel", {"width": 64, "kernel": 3})
    '2 * $width + $kernel'
    """

    def signed(match: re.Match[str]) -> str:
        word = match[0]
        name = word if word in params else None if word in FUNCTIONS or word in WORDS else other(word)
        return word if name is None else f"${name}"

    found = _BARE.sub(signed, text)
    return found if found != text else None


def evaluate(text: str, params: Mapping[str, Any]) -> Value:
    """The value of an expression. `$name` alone is the parameter as it is, of any type; the rest is arithmetic.

    Whole results of `/`, `sqrt` and `log2` of integers are integers. ExpressionError for everything else.

    >>> evaluate("2 * $width", {"width": 64})
    128
    >>> evaluate("$width / 4 if $small else $width", {"width": 64, "small": True})
    16
    """
    alone = _PARAMETER.fullmatch(text.strip())
    if alone:
        return _parameter(alone[1], params, text.index("$"))
    tree, offset, parameters = parse(text)
    return _Evaluator(params, offset, parameters).value(tree, 0)


@lru_cache(maxsize=4096)  # every repetition of a block has the same
def parse(text: str, syntax_code: str = "AR301", long_code: str = "AR307") -> tuple[ast.expr, int, dict[int, str]]:
    """The syntax tree of a text, the offset of its column 0, and the parameters by their column."""
    if len(text) > MAX_LENGTH:
        found = f"the expression has {len(text):,} characters, and {MAX_LENGTH} are allowed (limit MAX_LENGTH)"
        raise ExpressionError(long_code, found, "give its parts names under params or masks", MAX_LENGTH)
    code, parameters = _tokens(text, syntax_code, long_code)
    offset = len(code) - len(code.lstrip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code.strip(), mode="eval").body
    except SyntaxError as error:
        at = min(offset + max((error.offset or 1) - 1, 0), max(len(text) - 1, 0))
        rest = text[at:].strip()
        near = f"at {rest[:20]!r}" if rest else "at its end"
        raise ExpressionError(syntax_code, f"the expression cannot be read {near}", None, at) from None
    except (ValueError, MemoryError, RecursionError):
        raise ExpressionError(long_code, "the expression is nested too deeply to be read") from None
    return tree, offset, {at - offset: name for at, name in parameters.items()}


def _tokens(text: str, syntax_code: str, long_code: str) -> tuple[str, dict[int, str]]:
    """The text as Python of the same length ($ replaced by _, blanks by spaces), and the parameters by offset."""
    parameters: dict[int, str] = {}
    opened: list[int] = []
    position, after_value, last = 0, False, ""
    code: list[str] = []
    while position < len(text):
        match = _TOKEN.match(text, position)
        kind = match.lastgroup if match else None
        if match is None or kind is None:
            char = text[position]
            found = f"{char!r} has no meaning here"
            instead = _IN_MASKS if syntax_code != "AR301" else _INSTEAD
            raise ExpressionError(syntax_code, found, instead.get(char), position)
        word = match.group()
        value = kind in ("parameter", "number") or (kind == "name" and not keyword.iskeyword(word))
        if value and after_value:
            found = f"{word[:40]!r} follows what is before it without an operator"
            raise ExpressionError(syntax_code, found, "write * for a product", position, len(word))
        if word == "(":
            opened.append(position)
            if len(opened) > MAX_NESTING:
                found = f"brackets are nested more than {MAX_NESTING} deep (limit MAX_NESTING)"
                raise ExpressionError(long_code, found, None, position)
        elif word == ")":
            if not opened:
                raise ExpressionError(syntax_code, "this bracket closes nothing", None, position)
            opened.pop()
        elif kind == "parameter":
            parameters[position] = word[1:]
        code.append(" " * len(word) if kind == "blank" else word.replace("$", "_"))
        position = match.end()
        if kind != "blank":
            after_value, last = value or word == ")", word
    if opened:
        raise ExpressionError(syntax_code, "this bracket is not closed", None, opened[-1])
    if not text.strip():
        raise ExpressionError(syntax_code, "the expression is empty")
    if last != ")" and not last[-1].isalnum() and last[-1] not in "_.":
        at = text.rstrip().rindex(last)
        raise ExpressionError(syntax_code, f"nothing follows {last!r}", None, at, len(last))
    return "".join(code), parameters


def _parameter(name: str, params: Mapping[str, Any], offset: int) -> Any:
    if name in params:
        return params[name]
    known = [other for other in params if other.isidentifier()]
    help = did_you_mean(name, known, "parameters") or "declare it under params"
    sure = the_nearest(name, known)
    becomes = None if sure is None else f"${sure}"
    raise ExpressionError("AR303", f"there is no parameter ${name}", help, offset, len(name) + 1, becomes)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, str):
        return f"the text {value[:30]!r}"
    if value is None:
        return "null"
    return "a list" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"


# What calculates: an operator behind a number or a bracket, or a function of numbers.
CALCULATES = re.compile(
    r"[0-9.)]\s*(?:\*\*|//|<=|>=|==|!=|[-+*/%<>])\s*[-+(.0-9a-z]|\b(?:" + "|".join(FUNCTIONS) + r")\s*\("
)


class Walk:
    """A way through what `parse` gives, with faults at their places in the text."""

    def __init__(self, params: Mapping[str, Any], offset: int, parameters: Mapping[int, str]) -> None:
        self.params = params
        self.offset = offset
        self.parameters = parameters

    def error(
        self, code: str, message: str, node: ast.expr, help: str | None = None, becomes: str | None = None
    ) -> ExpressionError:
        """A fault of this part of the text."""
        start = node.col_offset
        length = max(1, (node.end_col_offset or start) - start)
        return ExpressionError(code, message, help, start + self.offset, length, becomes)

    def parameter(self, node: ast.Name) -> Any:
        """The value of the parameter that stands here. Raises ExpressionError (AR303) where there is none."""
        return _parameter(self.parameters[node.col_offset], self.params, node.col_offset + self.offset)


class _Evaluator(Walk):
    def value(self, node: ast.expr, depth: int) -> Any:
        if depth > MAX_TREE:
            found = f"operations are nested more than {MAX_TREE} deep (limit MAX_TREE)"
            raise self.error("AR307", found, node, "give its parts names under params")
        below = depth + 1
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return self.checked(value, node)
            case ast.Name():
                return self.name(node)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self.truth(operand, below)
            case ast.UnaryOp(op=op, operand=operand):
                number = self.number(operand, below)
                return -number if isinstance(op, ast.USub) else number
            case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
                symbol, function, _ = BINARY[type(op)]
                return self.applied(symbol, function, [self.number(left, below), self.number(right, below)], node)
            case ast.BoolOp(op=op, values=values):
                wanted = isinstance(op, ast.Or)
                return wanted if any(self.truth(value, below) is wanted for value in values) else not wanted
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self.compared(left, ops, others, below)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body if self.truth(test, below) else orelse, below)
            case ast.Call():
                return self.call(node, below)
            case ast.Attribute(attr=name, value=ast.Name() as whole):
                help = "a parameter is `$name` alone, and stands under params; nodes and sections have none"
                if name in self.params and whole.col_offset in self.parameters:
                    help = f"write `${name}`"
                raise self.error("AR302", "a dot has no meaning in an expression", node, help)
            case _:
                what = {"Tuple": "a comma outside a function", "Attribute": "a dot", "Starred": "a star"}
                found = f"{what.get(type(node).__name__, 'this')} has no meaning in an expression"
                raise self.error("AR302", found, node)

    def name(self, node: ast.Name) -> Any:
        if node.col_offset in self.parameters:
            value = self.parameter(node)
            return self.checked(value, node) if _is_number(value) else value
        if node.id in ("true", "false"):
            return node.id == "true"
        if node.id in self.params:
            found = f"the parameter {node.id} is written ${node.id}"
            raise self.error("AR303", found, node, f"write ${node.id}", f"${node.id}")
        if node.id in FUNCTIONS:
            raise self.error("AR302", f"{node.id} is a function", node, f"write {node.id}(...)")
        sure = the_nearest(node.id, [*self.params, *FUNCTIONS])
        help = did_you_mean(node.id, [*(f"${name}" for name in self.params), *FUNCTIONS])
        if sure is None:
            texts = "a text, such as a mask, is a parameter of its own, which an expression names by $"
            help = f"{help}; {texts}" if help else texts
        raise self.error(
            "AR303", f"the name {node.id[:40]!r} means nothing here", node, help,
            f"${sure}" if sure in self.params else None,
        )  # fmt: skip

    def number(self, node: ast.expr, depth: int) -> int | float:
        value = self.value(node, depth)
        if not _is_number(value):
            raise self.error("AR305", f"a number is needed here, and this is {_type(value)}", node)
        return value

    def truth(self, node: ast.expr, depth: int) -> bool:
        value = self.value(node, depth)
        if not isinstance(value, bool):
            what = f"the number {value}" if _is_number(value) else _type(value)
            raise self.error("AR305", f"a truth value is needed here, and this is {what}", node, "compare: $layers > 0")
        return value

    def compared(self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr], depth: int) -> bool:
        first = self.value(left, depth)
        for op, other in zip(ops, others, strict=True):
            if type(op) not in COMPARISONS:
                raise self.error("AR302", "'in' and 'is' have no meaning in an expression", other)
            symbol, function = COMPARISONS[type(op)]
            second = self.value(other, depth)
            alike = (_is_number(first) and _is_number(second)) or type(first) is type(second)
            if not alike or (symbol not in ("==", "!=") and not _is_number(first)):
                what = ["a number" if _is_number(value) else _type(value) for value in (first, second)]
                raise self.error("AR305", f"{symbol} cannot compare {what[0]} with {what[1]}", other)
            if not function(first, second):
                return False
            first = second
        return True

    def call(self, node: ast.Call, depth: int) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS or node.func.col_offset in self.parameters:
            shown = f"the function {name.removeprefix('_')[:40]!r}" if name else "this call"
            help = did_you_mean(name, FUNCTIONS, "functions")
            raise self.error("AR302", f"{shown} does not exist in an expression", node, help)
        many = name in ("min", "max")
        if node.keywords or (len(node.args) < 2 if many else len(node.args) != 1):
            found = f"{name} takes {'two numbers or more' if many else 'one number'}, and {len(node.args)} are given"
            raise self.error("AR308", found, node)
        return self.applied(name, FUNCTIONS[name][0], [self.number(arg, depth) for arg in node.args], node)

    def applied(self, name: str, function: Callable[..., Any], values: list[int | float], node: ast.expr) -> Any:
        shown = f"{values[0]} {name} {values[1]}" if len(values) == 2 and not name.isalnum() else f"{name}({values[0]})"
        try:
            result = function(*values)
        except ZeroDivisionError:
            raise self.error("AR304", f"{shown} divides by zero", node) from None
        except ValueError:
            raise self.error("AR304", f"{shown} is not defined", node) from None
        except OverflowError:
            raise self.error("AR306", f"{shown} is too large", node) from None
        if isinstance(result, complex):
            raise self.error("AR304", f"{shown} is not a real number", node)
        return self.checked(result, node)

    def checked(self, value: Any, node: ast.expr) -> Any:
        """A number within the limits; any other value as it is."""
        if isinstance(value, float) and not math.isfinite(value):
            raise self.error("AR306", "the number is too large for a float, or not a number", node)
        if isinstance(value, int) and abs(value) > MAX_MAGNITUDE:
            raise self.error("AR306", "the integer is beyond 2**53 (limit MAX_MAGNITUDE)", node)
        return value
