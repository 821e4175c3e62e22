"""A mask as a small picture of characters: what a kernel of 5×5 around the middle of the data lets through, or of a
sequence the steps around its middle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from arspec import orders
from arspec.language.load import Spec
from arspec.language.sources import data_type
from arspec.layers.geometry import some_pairs
from arspec.masks import holds, resolve
from arspec.syntax.expressions import ExpressionError
from arspec.syntax.predicates import Predicate
from arspec.types import Bools, Cells, Ints, Member, Type

SIDE, STEPS = 5, 9  # places of the kernel along an axis of an image, and of a sequence
ALL, SOME, NONE = "■", "◪", "·"
HERE = {ALL: "●", SOME: "◐", NONE: "○"}  # the place itself
LEGEND = f"{ALL} read, {NONE} not read, {HERE[ALL]} the place itself is read, {HERE[NONE]} it is not"
PARTLY = f"{SOME} {HERE[SOME]} of some channel groups"


def stand_in(dimensions: int) -> tuple[Type, Member]:
    """The data that masks are drawn on where no spec has loaded: an image in raster order, or a sequence."""
    grid = (STEPS,) * dimensions
    order = orders.order("raster" if dimensions == 2 else "natural", grid, "sequential", 1)
    frame = Cells((0,) * dimensions, (1,) * dimensions)
    return Type(grid, 1, 1, frame, 2), Member(0, order, 0, alone=True)


def of_spec(spec: Spec) -> tuple[Type, Member]:
    """The data of a spec, and the first of its orders."""
    return data_type(spec), spec.members[0]


def picture(text: str, own: Mapping[str, str], params: Mapping[str, Any], data: tuple[Type, Member]) -> list[str]:
    """The lines of the picture of a mask between sites of the data, then what its signs mean; nothing of a mask that
    can't be read, or that compares what these sites have not."""
    try:
        return drawn(resolve(text, own, params), *data)
    except ExpressionError:
        return []


def drawn(predicate: Predicate, kind: Type, member: Member) -> list[str]:
    """As `picture`, of a predicate. Raises ExpressionError."""
    if len(kind.grid) not in (1, 2):
        return []
    side = SIDE if len(kind.grid) == 2 else STEPS
    middle = [size // 2 for size in kind.grid]
    axes = [np.arange(at - side // 2, at + side // 2 + 1) for at in middle]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
    size = np.array(kind.grid)
    inside: Bools = np.asarray(((places >= 0) & (places < size)).all(axis=1))
    flat: Ints = np.asarray(np.ravel_multi_index(tuple(np.clip(places, 0, size - 1).T), kind.grid))
    own = int(np.ravel_multi_index(tuple(middle), kind.grid))
    groups = np.arange(kind.groups)[:, None] * kind.positions
    read = (groups + flat[None, :]).ravel()
    pairs = some_pairs(kind, kind, (groups[:, 0] + own)[:, None], read[None, :], member)
    shown: Bools = np.broadcast_to(holds(predicate, pairs), (kind.groups, len(read)))
    here: Bools = np.asarray(flat == own) & inside
    pictures = [_signs(one.reshape(kind.groups, -1), inside, here) for one in shown]
    width = len(axes[-1])
    rows = [[" ".join(p[k : k + width]) for k in range(0, len(p), width)] for p in pictures]
    distinct = rows if any(one != rows[0] for one in rows) else rows[:1]
    lines = ["    ".join(parts) for parts in zip(*distinct, strict=True)]
    if len(distinct) > 1:
        lines = ["    ".join(f"group {k}".ljust(len(rows[0][0])) for k in range(len(distinct))), *lines]
    partly = any(sign in line for line in lines for sign in (SOME, HERE[SOME]))
    return [line.rstrip() for line in lines] + ["", f"{LEGEND}{f'; {PARTLY}' if partly else ''}"]


def _signs(read: Bools, inside: Bools, here: Bools) -> list[str]:
    """The sign of each place [n], of which groups [G, n] are read."""
    count: Ints = read.sum(0)
    signs: list[str] = []
    for k in range(read.shape[1]):
        sign = ALL if count[k] == len(read) else NONE if count[k] == 0 else SOME
        signs.append(" " if not inside[k] else HERE[sign] if here[k] else sign)
    return signs
