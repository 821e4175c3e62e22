"""How a masked window is computed for all sites at once.

The box of places that every position reads alike is a plain convolution. What only some positions read is gathered.

A mask of a causal convolution hides whole rows and columns of its kernel; the box leaves these out. Under an order
whose steps turn (serpentine, zigzag, Hilbert ...) a place of the kernel is read by some positions and hidden from
others. The places that are read by the same positions make one product: their inputs are gathered for these positions
alone. So an order with few distinct local masks costs a convolution and a few such products, each of no more sites than
it reads. Where there are many, one product over all of them (unfolding) moves less.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from arspec.reads import Window
from arspec.types import Bools, Ints

Box = tuple[tuple[int, int], ...]  # the first place that is kept, and the one behind the last, along each dimension
FLOPS = 16  # multiplications that take as long as moving one number from memory and back
OVERHEAD = 1 << 16  # numbers that could be moved in the time that one more product takes to start


@dataclass(frozen=True)
class Ranges:
    """A mask between channel groups whose rows and columns are unbroken.

    read: the groups [first, behind the last) that each group of the output reads. reader: those by which each group of
    the input is read."""

    read: tuple[tuple[int, int], ...]
    reader: tuple[tuple[int, int], ...]

    @property
    def transposed(self) -> Ranges:
        """Those of the transposed mask."""
        return Ranges(self.reader, self.read)


@dataclass(frozen=True, eq=False)
class SharedBox:
    """What every position reads, as far as it lies in the grid."""

    box: Box
    mask: Bools  # [G_out, G_in, *box]
    ranges: Ranges | None  # of a box of one place whose mask hides some channel groups


@dataclass(frozen=True, eq=False)
class GatheredRest:
    """What the positions [n] read besides the shared box.

    table [n, m] names an input position for each of m places of the kernel, P_in where there is none. mask: [G_out,
    G_in, m].
    group: the one group of the output that it serves; None: all."""

    positions: Ints
    table: Ints
    places: Ints
    mask: Bools
    group: int | None
    inside: bool  # whether there always is one


@dataclass(frozen=True, eq=False)
class Pieces:
    """A window's mask, cut up. `same`: it does not differ from position to position."""

    same: bool
    shared: SharedBox | None
    rest: tuple[GatheredRest, ...]

    @property
    def in_sequence(self) -> Ranges | None:
        """Which channel groups read which, where this is all that there is to it."""
        return None if self.shared is None or self.rest else self.shared.ranges


@dataclass(eq=False)
class _Class:
    """Places of the kernel that the same positions read: `read` [P] where `known` [P], which is inside the grid."""

    read: Bools
    known: Bools
    columns: list[tuple[int, tuple[int, ...], Bools]]  # place, groups of the input, positions that read it

    def takes(self, read: Bools, known: Bools) -> bool:
        return not ((self.read ^ read) & self.known & known).any()

    def add(self, column: tuple[int, tuple[int, ...], Bools], known: Bools) -> None:
        self.columns.append(column)
        self.read, self.known = self.read | column[2], self.known | known


@lru_cache(maxsize=256)
def cut(window: Window, kernel: tuple[int, ...], into: int, out: int) -> Pieces:
    """The pieces of a window with a mask. into, out: channels of a group of the input and of the output."""
    inside = np.stack([np.greater_equal(tap.source, 0) for tap in window.taps])
    ever = np.logical_or.reduce(inside, axis=1)
    if window.same_everywhere:
        everywhere = np.logical_and(window.mask(), ever)
        return Pieces(True, _shared(everywhere, kernel), ())
    mask = np.logical_and(window.mask(), inside)
    everywhere = np.logical_and(np.logical_and.reduce(mask | ~inside, axis=3), ever)
    if not everywhere[np.logical_or.reduce(mask, axis=3)].all():  # there are gathered products anyway
        everywhere = _dense(everywhere, kernel)
    rest = np.logical_or.reduce(mask, axis=3) & ~everywhere
    rows: dict[tuple[tuple[int, tuple[int, ...], bytes], ...], list[int]] = {}
    for g in range(window.out_groups):
        rows.setdefault(_columns(mask[g], rest[g]), []).append(g)
    gathered: list[GatheredRest] = []
    for columns, groups in rows.items():
        if not columns:
            continue
        everyone = len(groups) == window.out_groups
        width = out * (window.out_groups if everyone else 1)
        found = _classes(columns, inside)
        parts = [found, [_merged(found)]]
        chosen = min(parts, key=lambda classes: sum(_cost(c, into * window.in_groups, width) for c in classes))
        for group in [None] if everyone else groups:
            gathered += [_gathered(c, window, group) for c in chosen]
    return Pieces(False, _shared(everywhere, kernel), tuple(gathered))


def _dense(everywhere: Bools, kernel: tuple[int, ...]) -> Bools:
    """everywhere [G_out, G_in, taps] without the places at the edges of its box that are filled by less than half.

    As products of their own they cost less than the empty places would. An example is the centre of a serpentine's
    window, alone in its row."""
    places = np.logical_and.reduce(everywhere, axis=(0, 1)).reshape(kernel)
    if not np.array_equal(places.ravel(), np.logical_or.reduce(everywhere, axis=(0, 1))):
        return everywhere  # some groups read what others do not
    while places.any():
        used = [np.unique(at) for at in np.nonzero(places)]
        box = np.ix_(*(np.arange(u[0], u[-1] + 1) for u in used))
        edges = [(axis, at) for axis, u in enumerate(used) for at in {int(u[0]), int(u[-1])}]
        fills = {(axis, at): float(places[box].take(at - used[axis][0], axis).mean()) for axis, at in edges}
        thinnest = min(fills, key=lambda edge: fills[edge])
        if fills[thinnest] >= 0.5:
            break
        places = places.copy()
        places[(slice(None),) * thinnest[0] + (thinnest[1],)] = False
    return everywhere & places.ravel()


def _shared(everywhere: Bools, kernel: tuple[int, ...]) -> SharedBox | None:
    """everywhere: [G_out, G_in, taps]"""
    if not everywhere.any():
        return None
    whole = everywhere.reshape(*everywhere.shape[:2], *kernel)
    axes = range(2, whole.ndim)
    used = [np.flatnonzero(whole.any(tuple(a for a in range(whole.ndim) if a != axis))) for axis in axes]
    box = tuple((int(u[0]), int(u[-1]) + 1) for u in used)
    kept = whole[(slice(None), slice(None), *(slice(*b) for b in box))]
    one = kept.size == kept.shape[0] * kept.shape[1]
    return SharedBox(box, kept, _ranges(kept.reshape(kept.shape[:2])) if one else None)


def _ranges(mask: Bools) -> Ranges | None:
    if mask.all():
        return None
    rows, columns = _unbroken(mask), _unbroken(mask.T)
    return None if rows is None or columns is None else Ranges(rows, columns)


def _unbroken(mask: Bools) -> tuple[tuple[int, int], ...] | None:
    found: list[tuple[int, int]] = []
    for row in mask:
        at = np.flatnonzero(row)
        if len(at) and at[-1] - at[0] + 1 != len(at):
            return None
        found.append((int(at[0]), int(at[-1]) + 1) if len(at) else (0, 0))
    return tuple(found)


def _columns(mask: Bools, rest: Bools) -> tuple[tuple[int, tuple[int, ...], bytes], ...]:
    """mask [G_in, taps, P], rest [G_in, taps] -> places of the kernel,
    each with the groups that the same positions read."""
    found: list[tuple[int, tuple[int, ...], bytes]] = []
    for tap in np.flatnonzero(rest.any(0)):
        by_read: dict[bytes, list[int]] = {}
        for g in np.flatnonzero(rest[:, tap]):
            by_read.setdefault(mask[g, tap].tobytes(), []).append(int(g))
        found += [(int(tap), tuple(groups), read) for read, groups in by_read.items()]
    return tuple(found)


def _classes(columns: tuple[tuple[int, tuple[int, ...], bytes], ...], inside: Bools) -> list[_Class]:
    found: list[_Class] = []
    for tap, groups, raw in columns:
        read, known = np.frombuffer(raw, bool), inside[tap]
        fitting = next((c for c in found if c.takes(read, known)), None)
        if fitting is None:
            fitting = _Class(np.zeros_like(read), np.zeros_like(known), [])
            found.append(fitting)
        fitting.add((tap, groups, read), known)
    return found


def _merged(classes: list[_Class]) -> _Class:
    read = np.logical_or.reduce([c.read for c in classes])
    return _Class(read, np.ones_like(read), [column for c in classes for column in c.columns])


def _cost(c: _Class, into: int, out: int) -> float:
    positions, places = int(c.read.sum()), len(c.columns)
    return positions * (places * into * (1 + out / FLOPS) + 2 * out) + OVERHEAD


def _gathered(c: _Class, window: Window, group: int | None) -> GatheredRest:
    positions = np.flatnonzero(c.read)
    table = np.empty((len(positions), len(c.columns)), np.int64)
    mask = np.zeros((window.out_groups, window.in_groups, len(c.columns)), np.bool_)
    for k, (tap, groups, read) in enumerate(c.columns):
        table[:, k] = np.where(read, window.taps[tap].source, window.in_positions)[positions]
        mask[:, list(groups), k] = True
    return GatheredRest(positions, table, np.array([tap for tap, _, _ in c.columns]), mask, group,
                  bool((table < window.in_positions).all()))  # fmt: skip
