"""Reads: for every site of a layer's output, the input sites that it is computed from.

One relation has four uses. `known_at` takes the maximum over the reads (the proof), `context` the union (what is seen).
`back` goes the other way, from a site to what it depends on: witnesses, fields, and which sites must be computed at
all. `table` lists the reads (the sampler's gathers). A missing input site, off the grid or masked out,
is -1 in a table.

`back` takes marks: booleans, or words of 64 bits, each bit a question of its own, so that 64 of them go back at once.

Shape letters: S sites, G groups, P positions, W 64-bit words of a context, M reads of a site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from arspec.types import Bools, Ints

Words = npt.NDArray[np.uint64]
Marks = npt.NDArray[Any]  # Bools or Words
Values = npt.NDArray[Any]


class Reads(Protocol):
    """A relation between the sites of a node's output (S_out) and those of one of its inputs (S_in)."""

    def known_at(self, known: Ints) -> Ints:
        """known [S_in] -> [S_out]: the highest over the reads, -1 where there is none."""
        ...

    def context(self, context: Words) -> Words:
        """context [S_in, W] -> [S_out, W]: the union over the reads."""
        ...

    def back(self, marks: Marks) -> Marks:
        """marks [S_out] -> [S_in]: at each input site, those of all sites that read it."""
        ...

    def table(self, sites: Ints) -> Ints:
        """sites [n] -> [n, M]: the input sites of each, -1 where there is none."""
        ...

    def late(self, sites: Ints, known: Ints, limits: Ints) -> tuple[Ints, Ints]:
        """sites [n], known [S_in], limits [n] -> (rows [m], read [m]): what each of the sites reads that is known at
        its limit or later, row by row in the order of `table`."""
        table = self.table(sites)
        late = (table >= 0) & (known[table] >= limits[:, None])
        return np.nonzero(late)[0], table[late]


@dataclass(frozen=True)
class Pointwise(Reads):
    """Every site reads the same site of the input."""

    def known_at(self, known: Ints) -> Ints:
        return known

    def context(self, context: Words) -> Words:
        return context

    def back(self, marks: Marks) -> Marks:
        return marks

    def table(self, sites: Ints) -> Ints:
        return sites[:, None]


@dataclass(frozen=True)
class Whole(Reads):
    """Every site reads every site of the input: one vector for all places.

    With `groups` above 1 it reads those of its own group (a norm over space)."""

    out_sites: int
    in_sites: int
    groups: int = 1

    def known_at(self, known: Ints) -> Ints:
        highest = known.reshape(self.groups, -1).max(1, initial=-1)
        return np.repeat(highest, self.out_sites // self.groups)

    def context(self, context: Words) -> Words:
        union = np.bitwise_or.reduce(context.reshape(self.groups, -1, context.shape[1]), axis=1)
        return np.repeat(union, self.out_sites // self.groups, axis=0)

    def back(self, marks: Marks) -> Marks:
        joined = np.bitwise_or.reduce(marks.reshape(self.groups, -1), axis=1)
        return np.repeat(joined, self.in_sites // self.groups)

    def table(self, sites: Ints) -> Ints:
        size = self.in_sites // self.groups
        group = sites // (self.out_sites // self.groups)
        return group[:, None] * size + np.arange(size)


DENSE = 8  # marks at one in so many positions, from where on all are carried back at once


@dataclass(frozen=True, eq=False)
class Tap:
    """One place of a window.

    `source` [P_out] is the input position that each output position finds there (-1: none). `allowed` says which groups
    read which: [G_out, G_in], or [G_out, G_in, P_out] where it differs by position."""

    source: Ints
    allowed: Bools

    @cached_property
    def once(self) -> bool:
        """Whether no input position is found here from two output positions."""
        return int(np.bincount(self.source[self.source >= 0], minlength=1).max()) <= 1

    @cached_property
    def rows(self) -> list[tuple[bytes, Bools, bytes]]:
        """The output groups that read the same, as bytes, and what they read.

        What they read is given as bytes too where it is the same at all positions.
        Those that read nothing are left out."""
        found: dict[bytes, list[int]] = {}
        for g, allowed in enumerate(self.allowed):
            found.setdefault(allowed.tobytes(), []).append(g)
        everywhere = self.allowed.ndim == 2
        return [
            (bytes(g), self.allowed[g[0]], key if everywhere else b"")
            for key, g in found.items()
            if self.allowed[g[0]].any()
        ]


@dataclass(frozen=True, eq=False)
class Window(Reads):
    """Every site reads a few positions of the input, one a tap.

    So do convolutions of all kinds, shifts, crops, upsampling, norms across groups, and the own earlier sites of
    recurrent layers."""

    out_groups: int
    out_positions: int
    in_groups: int
    in_positions: int
    taps: tuple[Tap, ...]

    @cached_property
    def same_everywhere(self) -> bool:
        """Whether no tap's mask differs from position to position."""
        return all(tap.allowed.ndim == 2 for tap in self.taps)

    @cached_property
    def in_place(self) -> bool:
        """Whether every site reads the site of the same number and no other: a 1×1 convolution of one group."""
        if len(self.taps) != 1 or self.out_groups != 1 or self.in_groups != 1 or not self.same_everywhere:
            return False
        tap = self.taps[0]
        return bool(tap.allowed.all()) and np.array_equal(tap.source, np.arange(self.in_positions))

    @cached_property
    def _unmoved(self) -> list[bool]:
        """Whether each tap finds at every position the input position of the same number."""
        here = np.arange(self.out_positions)
        return [len(here) == self.in_positions and np.array_equal(tap.source, here) for tap in self.taps]

    @cached_property
    def _readers(self) -> list[npt.NDArray[np.int32]]:
        """[P_in] for each tap that finds no input position twice: the output position that finds each; -1 for none."""
        found = [np.full(self.in_positions if tap.once else 0, -1, np.int32) for tap in self.taps]
        for tap, reader in zip(self.taps, found, strict=True):
            if tap.once:
                at = np.flatnonzero(tap.source >= 0)
                reader[tap.source[at]] = at
        return found

    def known_at(self, known: Ints) -> Ints:
        out = np.full((self.out_groups, self.out_positions), -1)
        self._spread(known.reshape(self.in_groups, -1, 1), out[:, :, None], np.maximum, -1)
        return out.ravel()

    def context(self, context: Words) -> Words:
        if self.in_place:
            return context
        words = context.shape[1]
        out = np.zeros((self.out_groups, self.out_positions, words), np.uint64)
        self._spread(context.reshape(self.in_groups, -1, words), out, np.bitwise_or, 0)
        return out.reshape(-1, words)

    def _spread(self, values: Values, out: Values, join: np.ufunc, nothing: int) -> None:
        """Joins the values [G_in, P_in, K] of all reads into out [G_out, P_out, K].

        Groups that are read together are joined before they are spread over the window. Taps that serve the same output
        groups share one accumulator. So the work is a few passes a tap, not G_out * G_in.
        """
        joined: dict[bytes, Values] = {}
        shared: dict[bytes, Values] = {}
        found = np.empty(out.shape[1:], values.dtype)
        for tap, in_place in zip(self.taps, self._unmoved, strict=True):
            for target, allowed, key in tap.rows:
                if tap.allowed.ndim == 3:
                    part = shared.setdefault(target, np.full(out.shape[1:], nothing, out.dtype))
                    for g in np.flatnonzero(allowed.any(1)):
                        at = np.flatnonzero(allowed[g] & (tap.source >= 0))
                        part[at] = join(part[at], values[g][tap.source[at]])
                    continue
                if key not in joined:
                    joined[key] = _joined(values, np.flatnonzero(allowed), join, nothing)
                part = joined[key][:-1]
                if not in_place:  # -1 is the row behind the last
                    part = np.take(joined[key], tap.source, axis=0, out=found, mode="wrap")
                if target in shared:
                    join(shared[target], part, out=shared[target])
                else:
                    shared[target] = part.copy()
        for target, value in shared.items():
            for g in target:
                join(out[g], value, out=out[g])

    def back(self, marks: Marks) -> Marks:
        given = marks.reshape(self.out_groups, -1)
        found = np.zeros((self.in_groups, self.in_positions), marks.dtype)
        # of the output groups that read a group: marks, with none in the last place, and where any is
        joined: dict[bytes, tuple[Values, Ints]] = {}
        for number, tap in enumerate(self.taps):
            moved: dict[bytes, Values] = {}
            for g_in in range(self.in_groups):
                who = tap.allowed[:, g_in]
                key = who.tobytes()
                if key not in joined:
                    allowed = who if who.ndim == 2 else who[:, None]
                    of_all = np.zeros(self.out_positions + 1, marks.dtype)
                    np.bitwise_or.reduce(np.where(allowed, given, marks.dtype.type(0)), axis=0, out=of_all[:-1])
                    joined[key] = (of_all, np.flatnonzero(of_all))
                of_all, at = joined[key]
                if tap.once and len(at) * DENSE > self.out_positions:
                    if key not in moved:  # -1 is the place behind the last
                        moved[key] = np.take(of_all, self._readers[number], mode="wrap")
                    found[g_in] |= moved[key]
                    continue
                source = tap.source[at]
                inside = source >= 0
                source, what = source[inside], of_all[at[inside]]
                if tap.once:
                    found[g_in, source] |= what
                else:
                    np.bitwise_or.at(found[g_in], source, what)
        return found.ravel()

    def table(self, sites: Ints) -> Ints:
        """[n, taps * G_in], the groups of one tap side by side."""
        if not self.taps:
            return np.empty((len(sites), 0), np.int64)
        group, position = np.divmod(sites, self.out_positions)
        source = np.stack([tap.source[position] for tap in self.taps], 1)[:, :, None]
        if self.same_everywhere:
            allowed = self._by_group[group]
        else:
            allowed = np.stack([self._allowed(tap, group, position) for tap in self.taps], 1)
        first = np.arange(self.in_groups) * self.in_positions
        columns = len(self.taps) * self.in_groups
        return np.where(allowed & (source >= 0), first + source, -1).reshape(len(sites), columns)

    @staticmethod
    def _allowed(tap: Tap, group: Ints, position: Ints) -> Bools:
        """[n, G_in]"""
        return tap.allowed[group] if tap.allowed.ndim == 2 else tap.allowed[group, :, position]

    @cached_property
    def _by_group(self) -> Bools:
        """[G_out, taps, G_in]: what a mask that is the same everywhere allows."""
        return np.stack([tap.allowed for tap in self.taps], 1)

    def mask(self) -> Bools:
        """[G_out, G_in, taps] where it is the same everywhere, else [G_out, G_in, taps, P_out]."""
        if self.same_everywhere:
            return np.stack([tap.allowed for tap in self.taps], 2)
        shape = (self.out_groups, self.in_groups, self.out_positions)
        full = [t.allowed if t.allowed.ndim == 3 else np.broadcast_to(t.allowed[:, :, None], shape) for t in self.taps]
        return np.stack(full, 2)


def _joined(values: Values, groups: Ints, join: np.ufunc, nothing: int) -> Values:
    """values [G, P, K] of some groups, joined: [P + 1, K], with `nothing` in the last row."""
    joined = np.empty((values.shape[1] + 1, values.shape[2]), values.dtype)
    inside = joined[:-1]
    inside[:] = values[groups[0]]
    for g in groups[1:]:
        join(inside, values[g], out=inside)
    joined[-1] = nothing
    return joined


@dataclass(frozen=True, eq=False)
class Ranked(Reads):
    """Every site reads all sites whose rank is lower (strict), or not higher, than its own.

    So do dense layers with degrees, and attention, under `earlier` and `so_far`. It compares ranks, never known-at, or
    a leak above would mask itself."""

    out_rank: Ints
    in_rank: Ints
    strict: bool
    by_rank: Ints = field(init=False)
    count: Ints = field(init=False)

    def __post_init__(self) -> None:
        by_rank = np.argsort(self.in_rank, kind="stable")
        side = "left" if self.strict else "right"
        object.__setattr__(self, "by_rank", by_rank)
        object.__setattr__(self, "count", np.searchsorted(self.in_rank[by_rank], self.out_rank, side))

    def known_at(self, known: Ints) -> Ints:
        highest = np.concatenate([[-1], np.maximum.accumulate(known[self.by_rank])])
        return highest[self.count]

    def context(self, context: Words) -> Words:
        nothing = np.zeros((1, context.shape[1]), np.uint64)
        unions = np.concatenate([nothing, np.bitwise_or.accumulate(context[self.by_rank], axis=0)])
        return unions[self.count]

    def back(self, marks: Marks) -> Marks:
        by_count = np.zeros(len(self.in_rank) + 1, marks.dtype)
        np.bitwise_or.at(by_count, self.count, marks)
        found = np.empty_like(by_count[1:])
        found[self.by_rank] = np.bitwise_or.accumulate(by_count[:0:-1])[::-1]  # read by all that read more than it
        return found

    def reads_all(self, sites: Ints, first: int) -> bool:
        """Whether each of the sites reads all of the input's `first` sites."""
        return bool((self.count[sites] >= self._farthest[first - 1]).all()) if first else True

    @cached_property
    def _farthest(self) -> Ints:
        """[S_in]: how many sites, from the lowest rank on, hold all of the input's first ones."""
        return np.maximum.accumulate(np.argsort(self.by_rank) + 1)

    def table(self, sites: Ints) -> Ints:
        count = self.count[sites]
        longest = int(count.max(initial=0))
        return np.where(np.arange(longest) < count[:, None], self.by_rank[:longest], -1)

    def late(self, sites: Ints, known: Ints, limits: Ints) -> tuple[Ints, Ints]:
        """As of every relation; without a table, which would be as wide as all that comes before."""
        in_turn = known[self.by_rank]
        pairs = zip(self.count[sites].tolist(), limits.tolist(), strict=True)
        found = [np.flatnonzero(in_turn[:count] >= limit) for count, limit in pairs]
        rows = np.repeat(np.arange(len(sites)), [len(each) for each in found])
        return rows, self.by_rank[np.concatenate(found)]

    def matrix(self) -> Bools:
        """[S_out, S_in]: which sites are read."""
        allowed = np.empty((len(self.out_rank), len(self.in_rank)), np.bool_)
        (np.less if self.strict else np.less_equal)(self.in_rank[None, :], self.out_rank[:, None], out=allowed)
        return allowed


@dataclass(frozen=True, eq=False)
class Matrix(Reads):
    """The relation as a table of 0 and 1, [S_out, S_in]: dense layers and attention under any other mask."""

    allowed: Bools

    def known_at(self, known: Ints) -> Ints:
        return np.where(self.allowed, known, -1).max(1, initial=-1)

    def context(self, context: Words) -> Words:
        out = np.zeros((len(self.allowed), context.shape[1]), np.uint64)
        for site, row in enumerate(self.allowed):
            out[site] = np.bitwise_or.reduce(context[row], axis=0)
        return out

    def back(self, marks: Marks) -> Marks:
        found = np.zeros(self.allowed.shape[1], marks.dtype)
        for site in np.flatnonzero(marks):
            found[self.allowed[site]] |= marks[site]
        return found

    def table(self, sites: Ints) -> Ints:
        rows = self.allowed[sites]
        longest = int(rows.sum(1).max(initial=0))
        out = np.full((len(sites), longest), -1)
        where, which = np.nonzero(rows)
        out[where, np.concatenate([np.arange(n) for n in rows.sum(1)] or [which])] = which
        return out

    def reads_all(self, sites: Ints, first: int) -> bool:
        """Whether each of the sites reads all of the input's `first` sites."""
        return bool(self.allowed[sites, :first].all())

    def matrix(self) -> Bools:
        """[S_out, S_in]: which sites are read."""
        return self.allowed


@dataclass(frozen=True, eq=False)
class Union(Reads):
    """Several relations with the same input together."""

    parts: Sequence[Reads]

    def known_at(self, known: Ints) -> Ints:
        return np.maximum.reduce([p.known_at(known) for p in self.parts])

    def context(self, context: Words) -> Words:
        return np.bitwise_or.reduce([p.context(context) for p in self.parts])

    def back(self, marks: Marks) -> Marks:
        return np.bitwise_or.reduce([p.back(marks) for p in self.parts])

    def table(self, sites: Ints) -> Ints:
        return np.concatenate([p.table(sites) for p in self.parts], 1)


@dataclass(frozen=True, eq=False)
class Scan:
    """The own sites that a recurrent layer reads, and the waves in which they are computed.

    A site's wave comes after those of all the sites that it reads.
    Every channel group reads all groups of an earlier state."""

    own: Window
    waves: tuple[Ints, ...]  # sites of each wave

    @cached_property
    def wave(self) -> Ints:
        """[S]: the number of each site's wave."""
        number = np.empty(self.own.out_groups * self.own.out_positions, np.int64)
        for k, sites in enumerate(self.waves):
            number[sites] = k
        return number

    @cached_property
    def _tables(self) -> list[Ints]:
        return [self.own.table(sites) for sites in self.waves]

    def known_at(self, known: Ints) -> Ints:
        """known [S], by the inputs alone -> [S], with the own sites."""
        out = np.append(known, -1)
        for sites, table in zip(self.waves, self._tables, strict=True):
            out[sites] = np.maximum(out[sites], out[table].max(1, initial=-1))
        return out[:-1]

    def context(self, context: Words) -> Words:
        """context [S, W], by the inputs alone -> [S, W], with the own sites."""
        groups, positions, words = self.own.out_groups, self.own.out_positions, context.shape[1]
        out = context.reshape(groups, positions, words).copy()
        states = np.zeros((positions + 1, words), np.uint64)  # all groups of a position together; the last is none
        for sites in self.waves:
            where = np.unique(sites % positions)
            for tap in self.own.taps:
                out[:, where] |= states[tap.source[where]]
            states[where] = np.bitwise_or.reduce(out[:, where], axis=0)
        return out.reshape(-1, words)

    def back(self, marks: Marks) -> Marks:
        """marks [S] -> [S]: with those of all own sites that depend on each."""
        out = np.append(marks, marks.dtype.type(0))
        for which, table in zip(reversed(self.waves), reversed(self._tables), strict=True):
            some = out[which] != 0
            np.bitwise_or.at(out, table[some], out[which[some], None])  # -1 is the site behind the last
            out[-1] = 0
        return out[:-1]

    def back_counts(self, counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """counts [S] of paths from each site on -> [S]: with those through its later states."""
        out = np.append(counts, 0.0)
        for which, table in zip(reversed(self.waves), reversed(self._tables), strict=True):
            np.add.at(out, table, out[which, None])
        return out[:-1]


def waves_of(own: Window) -> tuple[Ints, ...] | None:
    """The waves of a scan: sites grouped by the longest chain of own reads behind them;
    None where they form a circle."""
    table = own.table(np.arange(own.out_groups * own.out_positions))
    waiting = (table >= 0).sum(1)  # own sites that each still waits for
    reader, column = np.nonzero(table >= 0)
    read = table[reader, column]
    by_read = reader[np.argsort(read, kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(read, minlength=len(table)))])
    waves: list[Ints] = []
    ready = np.flatnonzero(waiting == 0)
    while len(ready):
        waves.append(ready)
        released = np.concatenate([by_read[starts[site] : starts[site + 1]] for site in ready])
        np.subtract.at(waiting, released, 1)
        released = np.unique(released)
        ready = released[waiting[released] == 0]
    return tuple(waves) if sum(map(len, waves)) == len(table) else None
