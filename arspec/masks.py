"""Masks: predicates over (this site, that site) that say which inputs a site may read.

`this` is the site being computed, `that` a site of the input. A predicate is evaluated over whole arrays of pairs.
The ready-made ones are written in the same grammar as a user's own (`masks:` in a spec). Only the comparisons of ranks
and groups are built in, because one group may speak for several channels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from arspec.diagnostics import did_you_mean, the_nearest
from arspec.syntax.arithmetic import BY_SYMBOL
from arspec.syntax.expressions import ExpressionError
from arspec.syntax.predicates import And, BinOp, Compare, Coordinate, Name, Not, Number, Or, Predicate, parse_mask
from arspec.syntax.synonyms import MASKS
from arspec.types import NOWHERE, Bools, Ints

MAX_PARTS = 1000  # names that a mask stands for, those of the masks that it names counted in
MAX_DEPTH = 64  # masks that name masks

READY_MADE: dict[str, tuple[str, str]] = {
    # name: (definition, meaning)
    "before": ("", "that pixel, step or entry is generated before this one"),
    "here": ("", "the same place"),
    "A": ("", "that channel group comes before this one (mask A at the centre)"),
    "B": ("", "that channel group comes before this one or is the same (mask B at the centre)"),
    "earlier": ("", "that variable is generated before this one, channels included (mask A)"),
    "so_far": ("", "that variable is generated before this one, or with it, or is the same (mask B)"),
    "everything": ("here or not here", "no restriction"),
    "rows_above": ("that.row < this.row", "in a row above"),
    "rows_so_far": ("that.row <= this.row", "in a row above or in this row"),
    "left": ("that.row == this.row and that.column < this.column", "in this row, to the left"),
    "left_so_far": ("that.row == this.row and that.column <= this.column", "in this row, to the left or here"),
    "columns_before": ("that.column < this.column", "in a column to the left"),
    "past": ("that.step < this.step", "at an earlier step of a sequence, or entry of a vector"),
    "past_so_far": ("that.step <= this.step", "at an earlier step, or this one"),
}


@dataclass(frozen=True)
class Mask:
    """A predicate with the names that it uses resolved, or an explicit kernel of 0 and 1.

    A kernel has a predicate as well: for the channel groups, at each of its places that holds 1."""

    predicate: Predicate
    kernel: tuple[tuple[int, ...], ...] | None = None
    text: str = ""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Pairs:
    """Arrays, broadcast against each other, that describe pairs of sites."""

    this: Side
    that: Side


@dataclass(frozen=True)
class Side:
    """One side of the pairs: coordinates (one array a dimension), ranks and channel groups."""

    coordinates: list[Ints]
    first_rank: Ints
    last_rank: Ints
    first_group: Ints
    last_group: Ints
    position_rank: Ints
    row: int = 1  # places of a row of its grid


def resolve(text: str, own: Mapping[str, str], params: Mapping[str, Any]) -> Predicate:
    """Parses a mask and replaces the names of a spec's own masks by what they stand for, and its parameters by their
    values.

    Raises ExpressionError for a name that is neither ready-made nor in `own`, and for masks that name each other in a
    circle. It raises it too for masks that stand for more than MAX_PARTS names. Its place lies in `text`."""
    return Resolver(own, params).resolve(text)


_DASHES = re.compile(r"(?<=[A-Za-z])-(?=[A-Za-z])")


def _is_mask(text: str, own: Mapping[str, str], params: Mapping[str, Any]) -> bool:
    try:
        Resolver(own, params).resolved(parse_mask(text, params), ())
    except ExpressionError:
        return False
    return True


class Resolver:
    """Resolves masks under one set of the spec's own masks and parameters. What a name stands for is worked out once,
    and counted wherever it stands. A definition may change as long as no mask that was resolved names it."""

    def __init__(self, own: Mapping[str, str], params: Mapping[str, Any]) -> None:
        self.own, self.params, self.names = own, params, 0
        self.known: dict[str, tuple[Predicate, int]] = {}  # what a name stands for, and how many names that takes
        self.parsed: dict[str, Predicate] = {}  # by text
        self.looked_up = 0  # names, over all masks

    def resolve(self, text: str) -> Predicate:
        """As the function `resolve`."""
        self.names = 0
        try:
            return self.resolved(parse_mask(text, self.params), ())
        except ExpressionError as error:
            joined = _DASHES.sub("_", text)
            if error.inside or joined == text or not _is_mask(joined, self.own, self.params):
                raise
            found, help = (
                f"'{text[:60]}' is a subtraction, and no mask",
                f"names have _ where this has -: write `{joined}`",
            )
            raise ExpressionError("AR311", found, help, 0, len(text), joined) from None

    def resolved(self, node: Predicate, inside: tuple[str, ...]) -> Predicate:
        """A predicate with its names resolved. inside: the masks in whose definitions it stands, outermost first."""
        match node:
            case Name():
                return self.named(node, inside)
            case And(parts):
                return And(tuple(self.resolved(p, inside) for p in parts))
            case Or(parts):
                return Or(tuple(self.resolved(p, inside) for p in parts))
            case Not(inner):
                return Not(self.resolved(inner, inside))
            case _:
                return node

    def named(self, node: Name, inside: tuple[str, ...]) -> Predicate:
        """What a name stands for. Raises ExpressionError, at the name's place."""
        name, before = node.name, self.names
        self.looked_up += 1
        if len(inside) > MAX_DEPTH:
            found = f"masks that name each other, more than {MAX_DEPTH} deep (limit MAX_DEPTH)"
            raise ExpressionError("AR314", found, "name fewer masks in it", node.at, len(name))
        if name in inside:
            circle = " → ".join((*inside[inside.index(name) :], name))
            raise ExpressionError(
                "AR313", f"the mask '{name}' is defined by itself: {circle}", None, node.at, len(name)
            )
        if name not in self.own and name not in READY_MADE:
            known = [*READY_MADE, *self.own]
            help = MASKS.get(name.lower()) or did_you_mean(name, known, "masks")
            sure = None if name.lower() in MASKS else the_nearest(name, known)
            raise ExpressionError("AR311", f"there is no mask '{name[:60]}'", help, node.at, len(name), sure)
        if name not in self.known:
            self.known[name] = self.defined(node, inside), self.names - before
            self.names = before
        predicate, count = self.known[name]
        self.names += 1 + count
        if self.names > MAX_PARTS:
            found = f"the mask stands for more than {MAX_PARTS:,} names (limit MAX_PARTS)"
            raise ExpressionError("AR314", found, "name fewer masks in it", node.at, len(name))
        return predicate

    def defined(self, node: Name, inside: tuple[str, ...]) -> Predicate:
        """What the definition of a name stands for; the name itself where it is built in."""
        definition = self.own[node.name] if node.name in self.own else READY_MADE[node.name][0]
        if not definition and node.name not in self.own:
            return Name(node.name)  # built in
        try:
            if definition not in self.parsed:
                self.parsed[definition] = parse_mask(definition, self.params)
            return self.resolved(self.parsed[definition], (*inside, node.name))
        except ExpressionError as error:
            error.inside, error.offset, error.length = True, node.at, len(node.name)
            raise


def holds(predicate: Predicate, pairs: Pairs) -> Bools:
    """Which of the pairs satisfy the predicate; the arrays of `pairs` broadcast."""
    match predicate:
        case Name(name):
            return _BUILT_IN[name](pairs)
        case And(parts):
            return _joined(np.logical_and, parts, pairs)
        case Or(parts):
            return _joined(np.logical_or, parts, pairs)
        case Not(inner):
            return np.logical_not(holds(inner, pairs))
        case Compare():
            left, right = number(predicate.left, pairs), number(predicate.right, pairs)
            return BY_SYMBOL[predicate.op](left, right)
        case _:
            raise TypeError(f"not a predicate: {predicate!r}")


def parts(predicate: Predicate) -> int:
    """How many operations a predicate consists of, each of which is worked out for all pairs."""
    waiting: list[Any] = [predicate]
    count = 0
    while waiting:
        part = waiting.pop()
        count += not isinstance(part, (Coordinate, Number))
        match part:
            case And(items) | Or(items):
                waiting += items
            case Not(item):
                waiting.append(item)
            case Compare() | BinOp():
                waiting += [part.left, part.right]
            case _:
                pass
    return count


def by_rank(predicate: Predicate) -> bool | None:
    """Whether a predicate is one comparison of ranks: True for `earlier`, False for `so_far`, None for others."""
    return {Name("earlier"): True, Name("so_far"): False}.get(predicate) if isinstance(predicate, Name) else None


def _joined(join: Callable[..., Bools], parts: tuple[Predicate, ...], pairs: Pairs) -> Bools:
    result = holds(parts[0], pairs)
    for part in parts[1:]:
        result = join(result, holds(part, pairs))
    return result


def _here(pairs: Pairs) -> Bools:
    equal = np.True_
    for a, b in zip(pairs.this.coordinates, pairs.that.coordinates, strict=True):
        equal = equal & (a == b)
    return np.asarray(equal)


def _both_known(pairs: Pairs) -> Bools:
    return (pairs.this.first_rank != NOWHERE) & (pairs.that.first_rank != NOWHERE)


def _before(pairs: Pairs) -> Bools:
    return (pairs.that.position_rank < pairs.this.position_rank) & _both_known(pairs)


_BUILT_IN: dict[str, Callable[[Pairs], Bools]] = {
    "before": _before,
    "here": _here,
    "A": lambda p: p.that.last_group < p.this.first_group,
    "B": lambda p: p.that.last_group <= np.maximum(p.this.first_group, p.this.last_group),
    "earlier": lambda p: (p.that.last_rank < p.this.first_rank) & _both_known(p),
    "so_far": lambda p: (p.that.last_rank <= p.this.last_rank) & _both_known(p),
}


def number(node: Any, pairs: Pairs) -> Any:
    """The value of an operand for pairs of sites; arrays that broadcast."""
    match node:
        case Number():
            return node.value
        case BinOp():
            return BY_SYMBOL[node.op](number(node.left, pairs), number(node.right, pairs))
        case Coordinate(who, what):
            side = pairs.this if who == "this" else pairs.that
            if what == "rank":
                return side.first_rank if who == "this" else side.last_rank
            if what == "group":
                return side.first_group if who == "this" else side.last_group
            if what == "position":
                rest, last = side.coordinates[:-1], side.coordinates[-1]
                return rest[0] * side.row + last if rest else last
            axes = AXES[len(side.coordinates)]
            if what not in axes:
                raise ExpressionError("AR312", f"'{who}.{what}' does not exist on a grid of {len(axes)} dimensions",
                                      f"here there is {', '.join(f'{who}.{a}' for a in axes)}")  # fmt: skip
            return side.coordinates[axes[what]]
        case _:
            raise TypeError(f"not an operand: {node!r}")


AXES: dict[int, dict[str, int]] = {1: {"step": 0}, 2: {"row": 0, "column": 1}}
