"""The grammar of masks: a condition over two sites, `this` (which is computed) and `that` (which may be read).

    earlier and that.row - this.row >= -2
    rows_above or (left and not here)

Names are ready-made masks or the user's own. The tree is frozen and hashable: it is a key of caches.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from arspec.diagnostics import did_you_mean, nearest, the_nearest
from arspec.syntax.arithmetic import BINARY, BY_SYMBOL, COMPARISONS
from arspec.syntax.expressions import MAX_TREE, ExpressionError, Walk, parse

MAX_NUMBER = 1 << 31  # of an integer in a mask
MAX_COORDINATE = 1 << 31  # of a coordinate, for the bound below
MAX_BOUND = 1 << 62  # of every intermediate result: masks are evaluated in int64

Who = Literal["this", "that"]
What = Literal["row", "column", "step", "position", "rank", "group"]
COORDINATES: dict[What, str] = {
    "row": "its row in an image, from 0",
    "column": "its column in an image, from 0",
    "step": "its step in a sequence, or the number of its entry in a vector, from 0",
    "position": "the number of its place in the grid as it lies, row by row from 0, whatever the order",
    "rank": "when it is generated, from 0; of a site that speaks for several channels the first as `this`, the last as "
    "`that`",
    "group": "its channel group, from 0; of a site that speaks for several the first as `this`, the last as `that`",
}
CompareOp = Literal["<", "<=", ">", ">=", "==", "!="]
ArithmeticOp = Literal["+", "-", "*", "//", "%"]

ARITHMETIC: dict[type[ast.operator], ArithmeticOp] = {
    kind: cast(ArithmeticOp, symbol) for kind, (symbol, _, _) in BINARY.items() if symbol in get_args(ArithmeticOp)
}


@dataclass(frozen=True)
class Name:
    """A name that a predicate refers to: a value of a site, or another mask."""

    name: str
    at: int = field(default=0, compare=False)  # its offset in the text

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class And:
    """A predicate that holds where all of its items hold."""

    items: tuple[Predicate, ...]

    def __str__(self) -> str:
        return " and ".join(f"({item})" if isinstance(item, Or) else str(item) for item in self.items)


@dataclass(frozen=True)
class Or:
    """A predicate that holds where one of its items holds."""

    items: tuple[Predicate, ...]

    def __str__(self) -> str:
        return " or ".join(str(item) for item in self.items)


@dataclass(frozen=True)
class Not:
    """A predicate that holds where its item does not."""

    item: Predicate

    def __str__(self) -> str:
        return f"not ({self.item})" if isinstance(self.item, (And, Or)) else f"not {self.item}"


@dataclass(frozen=True)
class Coordinate:
    """A number of a site: see COORDINATES."""

    who: Who
    what: What

    def __str__(self) -> str:
        return f"{self.who}.{self.what}"


@dataclass(frozen=True)
class Number:
    """A whole number."""

    value: int

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True)
class BinOp:
    """Two operands, and the arithmetic between them."""

    left: Operand
    op: ArithmeticOp
    right: Operand

    def __str__(self) -> str:
        left, right = (f"({side})" if isinstance(side, BinOp) else str(side) for side in (self.left, self.right))
        return f"{left} {self.op} {right}"


@dataclass(frozen=True)
class Compare:
    """Two operands, and the relation that is to hold between them."""

    left: Operand
    op: CompareOp
    right: Operand

    def __str__(self) -> str:
        return f"{self.left} {self.op} {self.right}"


Operand = Coordinate | Number | BinOp
Predicate = Name | And | Or | Not | Compare


def parse_mask(text: str, params: Mapping[str, Any] | None = None) -> Predicate:
    """The tree of a mask. `$name` is an integer parameter, or a text that is a mask itself.

    >>> str(parse_mask("-$reach <= that.row - this.row < 0 and earlier", {"reach": 2}))
    '-2 <= that.row - this.row and that.row - this.row < 0 and earlier'
    """
    tree, offset, parameters = parse(text, "AR310", "AR314")
    return _Builder(params or {}, offset, parameters).predicate(tree, 0)


def mask_names(predicate: Predicate) -> set[str]:
    """The masks that a mask names."""
    match predicate:
        case Name(name):
            return {name}
        case And(items) | Or(items):
            return set[str]().union(*map(mask_names, items))
        case Not(item):
            return mask_names(item)
        case Compare():
            return set()


def places_of_names(text: str) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """What stands for a predicate in the text of a mask, with its offset: names of masks, and names of parameters
    (whose text is then a mask). Nothing of a text that can't be read.

    >>> places_of_names("near and ($other or that.row < this.row - $reach)")
    ([('near', 0)], [('other', 11)])
    """
    try:
        tree, offset, parameters = parse(text, "AR310", "AR314")
    except ExpressionError:
        return [], []
    masks: list[tuple[str, int]] = []
    params: list[tuple[str, int]] = []
    waiting = [tree]
    while waiting:
        match waiting.pop():
            case ast.Name(id=name, col_offset=at):
                stated = parameters.get(at)
                if stated is not None:
                    params.append((stated, at + offset + 1))
                else:
                    masks.append((name, at + offset))
            case ast.BoolOp(values=values):
                waiting += values
            case ast.UnaryOp(operand=operand):
                waiting.append(operand)
            case _:
                pass
    return sorted(masks, key=lambda one: one[1]), sorted(params, key=lambda one: one[1])


def coordinates(part: Predicate | Operand) -> set[Coordinate]:
    """The coordinates that a mask itself compares, those of the masks that it names not counted."""
    match part:
        case Coordinate():
            return {part}
        case And(items) | Or(items):
            return set[Coordinate]().union(*map(coordinates, items))
        case Not(item):
            return coordinates(item)
        case Compare(left, _, right) | BinOp(left, _, right):
            return coordinates(left) | coordinates(right)
        case Name() | Number():
            return set()


class _Builder(Walk):
    def nesting(self, node: ast.expr, depth: int) -> int:
        if depth > MAX_TREE:
            found = f"the mask is nested more than {MAX_TREE} deep (limit MAX_TREE)"
            raise self.error("AR314", found, node, "give its parts names under masks")
        return depth + 1

    def predicate(self, node: ast.expr, depth: int) -> Predicate:
        below = self.nesting(node, depth)
        match node:
            case ast.Name():
                return self.named(node)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(self.predicate(operand, below))
            case ast.BoolOp(op=op, values=values):
                items = tuple(self.predicate(value, below) for value in values)
                return And(items) if isinstance(op, ast.And) else Or(items)
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self.compared(left, ops, others, below)
            case ast.Attribute() | ast.Constant() | ast.BinOp() | ast.UnaryOp():
                found = "a mask is true or false, and this is a number"
                raise self.error("AR319", found, node, "compare it: that.row < this.row")
            case ast.Call():
                raise self.call(node)
            case ast.IfExp():
                raise self.error("AR310", "a mask has no 'if'", node, "write (a and b) or (not a and c)")
            case _:
                raise self.error("AR310", "this has no meaning in a mask", node)

    def named(self, node: ast.Name) -> Predicate:
        if node.col_offset not in self.parameters:
            if node.id in get_args(Who):
                help = f"write {node.id}.row, {node.id}.rank, ..."
                raise self.error("AR312", f"{node.id} is a site, and a mask compares its numbers", node, help)
            if node.id in ("true", "false"):
                raise self.error("AR319", f"{node.id} is no mask", node, "a mask that allows everything is left out")
            return Name(node.id, node.col_offset + self.offset)
        value = self.parameter(node)
        if not isinstance(value, str):
            raise self.error("AR319", f"${self.parameters[node.col_offset]} is no mask but {value!r:.40}", node)
        try:
            return parse_mask(value)
        except ExpressionError as error:
            found = f"${self.parameters[node.col_offset]} is {value[:60]!r}: {error.message}"
            raise self.error(error.code, found, node, error.help) from None

    def compared(self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr], depth: int) -> Predicate:
        first = self.operand(left, depth)
        parts: list[Predicate] = []
        for op, other in zip(ops, others, strict=True):
            if type(op) not in COMPARISONS:
                raise self.error("AR310", "'in' and 'is' have no meaning in a mask", other)
            second = self.operand(other, depth)
            parts.append(Compare(first, cast(CompareOp, COMPARISONS[type(op)][0]), second))
            first = second
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def operand(self, node: ast.expr, depth: int) -> Operand:
        below = self.nesting(node, depth)
        match node:
            case ast.Constant(value=value):
                return self.number(value, node)
            case ast.Attribute(value=who, attr=what):
                return self.coordinate(who, what, node)
            case ast.Name() if node.col_offset in self.parameters:
                return self.number(self.parameter(node), node)
            case ast.Name(id=name) if name in get_args(Who):
                raise self.error("AR312", f"{name} is a site; its numbers are compared", node, f"write {name}.rank")
            case ast.Name(id=name) if name in COORDINATES:
                help = f"write that.{name} for the site that is read, this.{name} for the one that is computed"
                raise self.error("AR312", f"{name} is a number of a site, and the site is missing", node, help)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return self.combined(Number(0), "-", self.operand(inner, below), node)
            case ast.UnaryOp(op=ast.UAdd(), operand=inner):
                return self.operand(inner, below)
            case ast.BinOp(left=left, op=op, right=right):
                if type(op) not in ARITHMETIC:
                    symbol = "/" if isinstance(op, ast.Div) else "**"
                    help = "write // for whole division" if symbol == "/" else None
                    raise self.error("AR310", f"a mask has no {symbol}", node, help)
                return self.combined(self.operand(left, below), ARITHMETIC[type(op)], self.operand(right, below), node)
            case ast.Call():
                raise self.call(node)
            case ast.Name(id=name):
                help = "numbers of sites are written this.row or that.column; a parameter is written $name"
                raise self.error("AR319", f"'{name[:40]}' is no number", node, help)
            case _:
                found = "a number is needed here: a site's coordinate or an integer"
                raise self.error("AR319", found, node, "masks are joined by and, or, not")

    def call(self, node: ast.Call) -> ExpressionError:
        help = "compare numbers: `-2 <= this.row - that.row <= 2` is what abs would be"
        return self.error("AR310", "a mask calls no functions", node, help)

    def number(self, value: object, node: ast.expr) -> Number:
        if not isinstance(value, int) or isinstance(value, bool):
            found = f"an integer is needed here, and this is {value!r:.40}"
            raise self.error("AR319", found, node, "places, ranks and groups are whole numbers")
        if abs(value) > MAX_NUMBER:
            raise self.error("AR306", "the integer is beyond 2**31 (limit MAX_NUMBER)", node)
        return Number(value)

    def coordinate(self, who: ast.expr, what: str, node: ast.expr) -> Coordinate:
        if not isinstance(who, ast.Name) or who.col_offset in self.parameters or who.id not in get_args(Who):
            found = "only this and that have coordinates"
            raise self.error("AR312", found, node, "this is computed, that may be read")
        if what not in get_args(What):
            all_of_them = (
                "a site has a row and a column in images, a step in sequences and vectors, and everywhere a position, "
                "a rank and a group"
            )
            help = did_you_mean(what, COORDINATES) if nearest(what, COORDINATES) else all_of_them
            sure = the_nearest(what, COORDINATES)
            raise self.error(
                "AR312", f"a site has no {what[:40]!r}", node, help, None if sure is None else f"{who.id}.{sure}"
            )
        return Coordinate(cast(Who, who.id), cast(What, what))

    def combined(self, left: Operand, op: ArithmeticOp, right: Operand, node: ast.expr) -> Operand:
        if op in ("//", "%") and not isinstance(right, Number):
            raise self.error("AR319", f"{op} takes an integer on its right", node)
        if op in ("//", "%") and right == Number(0):
            raise self.error("AR304", "this divides by zero", node)
        result = BinOp(left, op, right)
        if _bound(result) > MAX_BOUND:
            raise self.error("AR306", "this can exceed 2**62 (limit MAX_BOUND)", node)
        if not isinstance(left, Number) or not isinstance(right, Number):
            return result
        return self.number(BY_SYMBOL[op](left.value, right.value), node)


def _bound(part: Operand) -> int:
    """The largest magnitude that an operand can take."""
    match part:
        case Coordinate():
            return MAX_COORDINATE
        case Number(value):
            return abs(value)
        case BinOp(left, op, right):
            a, b = _bound(left), _bound(right)
            return {"+": a + b, "-": a + b, "*": a * b, "//": a, "%": b}[op]
