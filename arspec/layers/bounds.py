"""Bounds: which sites a mask can let through at the most, read off its comparisons without comparing all pairs.

A comparison such as `this.step - that.step < 64` bounds one coordinate of `that` for each `this`. `so_far` bounds the
place of `that` where ranks grow with places. A conjunction is a box, a disjunction several boxes. Where every part of a
mask was such a bound, the boxes are what it lets through; otherwise it is worked out for the pairs in them alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from arspec.masks import AXES, Mask, Pairs, Side, number
from arspec.syntax.arithmetic import BY_SYMBOL
from arspec.syntax.predicates import And, BinOp, Compare, Coordinate, Name, Not, Number, Or, Predicate
from arspec.types import NOWHERE, Bools, Cells, Ints, Member, Type, coordinates, ranks, row_length

FAR = 1 << 62  # beyond every coordinate
MAX_BOXES = 8  # of one mask; beyond, all pairs are compared
OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}
TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}

Interval = tuple[Any, Any]  # from the first to the last, numbers or arrays [S_out]


@dataclass(frozen=True, eq=False)
class Box:
    """What a conjunction leaves: for each axis of `that` the data's coordinates, and for each group the places in the
    order of the grid, from the first to the last. exact: whether nothing else was asked."""

    axes: tuple[Interval, ...]
    places: tuple[Interval, ...]  # by group of that
    exact: bool = True

    def along(self, axis: int, low: Any, high: Any) -> Box:
        """The part of the box between two coordinates of an axis."""
        a, b = self.axes[axis]
        own = (np.maximum(a, low), np.minimum(b, high))
        return replace(self, axes=(*self.axes[:axis], own, *self.axes[axis + 1 :]))

    def between(self, low: Sequence[Any], high: Sequence[Any]) -> Box:
        """The part of the box between two places, of each group."""
        rows = zip(self.places, low, high, strict=True)
        return replace(self, places=tuple((np.maximum(a, x), np.minimum(b, y)) for (a, b), x, y in rows))

    def joined(self, other: Box) -> Box:
        """What lies in both."""
        found = self.between([a for a, _ in other.places], [b for _, b in other.places])
        for axis, (low, high) in enumerate(other.axes):
            found = found.along(axis, low, high)
        return replace(found, exact=self.exact and other.exact)


def boxes_of(this: Type, that: Type, mask: Mask, member: Member) -> list[Box] | None:
    """The boxes in which a mask can hold, whose union they are where all are exact; None for more than MAX_BOXES."""
    return _Bounds(this, that, member).of(mask.predicate)


class _Bounds:
    def __init__(self, this: Type, that: Type, member: Member) -> None:
        self.that, self.groups = that, that.groups
        r = ranks(this, member)
        copies = this.groups
        self.this = Side(
            [np.tile(x, copies) for x in coordinates(this)], r.first.ravel(), r.last.ravel(),
            np.repeat(r.first_group, this.positions), np.repeat(r.last_group, this.positions),
            np.tile(r.position, copies), row_length(this, member),
        )  # fmt: skip
        self.pairs = Pairs(self.this, self.this)  # for numbers of `this` alone
        self.ranks = ranks(that, member)
        self.unranked = bool((r.first == NOWHERE).any())
        # whether the number of a place is what masks call its position
        frame = that.frame
        plain = not isinstance(frame, Cells) or (
            not any(frame.origin) and set(frame.stride) <= {1} and len(member.order.grid) == len(that.grid)
        )
        self.plain = plain and row_length(that, member) == (that.grid or (1,))[-1]
        everything = tuple((-FAR, FAR) for _ in that.grid)
        self.all = Box(everything, tuple((0, that.positions - 1) for _ in range(that.groups)))
        self.unknown = replace(self.all, exact=False)

    def of(self, part: Predicate) -> list[Box] | None:
        """The boxes of a part of the mask."""
        match part:
            case Or(items):
                each = [self.of(item) for item in items]
                found = [box for boxes in each if boxes is not None for box in boxes]
                return None if None in each or len(found) > MAX_BOXES else found
            case And(items):
                found = [self.all]
                for item in items:
                    boxes = self.of(item)
                    if boxes is None or len(boxes) * len(found) > MAX_BOXES:
                        return None
                    found = [a.joined(b) for a in found for b in boxes]
                return found
            case Not(Compare(left, op, right)):
                return self.of(Compare(left, OPPOSITE[op], right))  # pyright: ignore[reportArgumentType]
            case Not(And(items)):
                return self.of(Or(tuple(Not(item) for item in items)))
            case Not(Or(items)):
                return self.of(And(tuple(Not(item) for item in items)))
            case Not(Not(item)):
                return self.of(item)
            case Name(name):
                return [self.named(name)]
            case Compare():
                return [self.compared(part)]
            case _:
                return [self.unknown]

    # -- names -------------------------------------------------------------------------------------------------------

    def named(self, name: str) -> Box:
        """The box of a mask that is built in."""
        r, this = self.ranks, self.this
        match name:
            case "so_far":
                return self.ranked(r.last, this.last_rank, "right", this.last_rank != NOWHERE)
            case "earlier":
                return self.ranked(r.last, this.first_rank, "left", this.first_rank != NOWHERE)
            case "before":
                each = np.broadcast_to(r.position, (self.groups, self.that.positions))
                return self.ranked(each, this.position_rank, "left", this.position_rank != NOWHERE)
            case "here":
                box = self.all
                for axis, own in enumerate(this.coordinates):
                    box = box.along(axis, own, own)
                return box
            case _:
                return self.unknown

    def ranked(self, table: Ints, limit: Ints, side: Any, known: Bools) -> Box:
        """The places of each group up to a rank, where the ranks [G, P] grow with the places, or fall. Places without a
        rank (padding, a prefix) may stand before and behind those that have one."""
        low, high = list[Any](), list[Any]()
        for own in table:
            there = np.flatnonzero(own != NOWHERE)
            first, behind = (int(there[0]), int(there[-1]) + 1) if len(there) else (0, 0)
            own = own[first:behind]
            if len(own) != len(there):
                return self.unknown
            if (np.diff(own) >= 0).all():
                low.append(np.where(known, first, FAR))
                high.append(first + np.searchsorted(own, limit, side) - 1)
            elif (np.diff(own) <= 0).all():
                low.append(np.where(known, behind - np.searchsorted(own[::-1], limit, side), FAR))
                high.append(behind - 1)
            else:
                return self.unknown
        return self.all.between(low, high)

    # -- comparisons -------------------------------------------------------------------------------------------------

    def compared(self, part: Compare) -> Box:
        """The box of a comparison."""
        left, op, right = part.left, part.op, part.right
        if _asks(right):
            left, op, right = right, TURNED[op], left
        if _asks(right) or op == "!=" or (self.unranked and _ranked(part)):
            return self.unknown
        if not _asks(left):
            good = np.asarray(BY_SYMBOL[op](number(left, self.pairs), number(right, self.pairs)))
            return self.all.between([np.where(good, 0, FAR)] * self.groups, [FAR] * self.groups)
        limit = number(right, self.pairs)
        low = limit if op in (">=", "==") else limit + 1 if op == ">" else -FAR
        high = limit if op in ("<=", "==") else limit - 1 if op == "<" else FAR
        return self.within(left, low, high)

    def within(self, part: Any, low: Any, high: Any) -> Box:
        """The box of those for which a number, in which `that` stands once, lies between two."""
        match part:
            case Coordinate():
                return self.at(part.what, low, high)
            case BinOp(left, "+", right) if not (_asks(left) and _asks(right)):
                inner, rest = (left, right) if _asks(left) else (right, left)
                own = number(rest, self.pairs)
                return self.within(inner, _less(low, own), _less(high, own))
            case BinOp(left, "-", right) if not (_asks(left) and _asks(right)):
                if _asks(left):
                    own = number(right, self.pairs)
                    return self.within(left, _more(low, own), _more(high, own))
                own = number(left, self.pairs)
                return self.within(right, _negative(_less(high, own)), _negative(_less(low, own)))
            case BinOp(Number(k), "*", inner) | BinOp(inner, "*", Number(k)) if k > 0:
                return self.within(inner, _far(low, -(-_near(low) // k)), _far(high, _near(high) // k))
            case BinOp(inner, "//", Number(k)) if k > 0:
                return self.within(inner, _far(low, _near(low) * k), _far(high, _near(high) * k + k - 1))
            case _:
                return self.unknown

    def at(self, what: str, low: Any, high: Any) -> Box:
        """The box of those of which a coordinate lies between two numbers."""
        axes = AXES.get(len(self.that.grid), {})
        if what in axes:
            return self.all.along(axes[what], low, high)
        if what == "position" and (self.plain or len(self.that.grid) == 1):
            if len(self.that.grid) == 1:
                return self.all.along(0, low, high)
            return self.all.between([low] * self.groups, [high] * self.groups)
        if what == "rank" and not (self.ranks.last == NOWHERE).any():
            below = self.ranked(self.ranks.last, np.asarray(high), "right", np.asarray(True))
            above = self.ranked(-self.ranks.last, np.asarray(_negative(low)), "right", np.asarray(True))
            return below.joined(above)
        return self.unknown


def _asks(part: Any) -> bool:
    """Whether a number of `that` stands in an operand."""
    match part:
        case Coordinate(who, _):
            return who == "that"
        case BinOp():
            return _asks(part.left) or _asks(part.right)
        case _:
            return False


def _ranked(part: Any) -> bool:
    """Whether the rank of `this` is compared."""
    match part:
        case Coordinate(who, what):
            return (who, what) == ("this", "rank")
        case BinOp() | Compare():
            return _ranked(part.left) or _ranked(part.right)
        case _:
            return False


# Limits that are FAR stay so, whatever is done to them.


def _near(limit: Any) -> Any:
    return np.where(np.abs(limit) >= FAR, 0, limit)


def _far(limit: Any, changed: Any) -> Any:
    return np.where(np.abs(limit) >= FAR, limit, changed)


def _less(limit: Any, by: Any) -> Any:
    return _far(limit, _near(limit) - by)


def _more(limit: Any, by: Any) -> Any:
    return _far(limit, _near(limit) + by)


def _negative(limit: Any) -> Any:
    return -np.asarray(limit)
