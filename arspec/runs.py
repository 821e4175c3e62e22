"""Runs: a relation in which each site reads a few runs of sites that follow one another.

Windows of attention are this: a band, a block, a prefix, a few places of each row. It takes two numbers for each run
where a table of 0 and 1 takes one for each pair. Maxima and unions over a run join two overlapping runs whose lengths
are a power of two, so that each power is worked out once for all sites.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard

import numpy as np

from arspec.reads import Marks, Matrix, Ranked, Reads, Values, Whole, Words
from arspec.types import Bools, Ints

WIDE = 2  # a site that reads more than the input's sites / WIDE reads it whole, behind a mask


@dataclass(frozen=True, eq=False)
class Runs(Reads):
    """Site s reads the sites from `start[s, k]` to before `stop[s, k]`, [S_out, K]: runs that do not overlap, in their
    order; one that does not begin before its end is empty."""

    in_sites: int
    start: Ints
    stop: Ints

    @cached_property
    def lengths(self) -> Ints:
        """[S_out, K]: how many sites each run has."""
        return np.maximum(self.stop - self.start, 0)

    @cached_property
    def counts(self) -> Ints:
        """[S_out]: how many sites each reads."""
        return self.lengths.sum(1)

    @cached_property
    def wide(self) -> bool:
        """Whether some site reads so much that the input is better read whole, behind a mask."""
        return int(self.counts.max(initial=0)) * WIDE > self.in_sites

    @cached_property
    def _by_power(self) -> list[list[tuple[Ints, Ints, Ints]]]:
        """For each power 2**p, for each column of runs with lengths from 2**p to below twice that: the sites that read
        them, where they start, and where their last 2**p sites start."""
        power = np.frexp(self.lengths)[1] - 1  # -1 where there is none
        found: list[list[tuple[Ints, Ints, Ints]]] = []
        for p in range(int(power.max(initial=-1)) + 1):
            columns: list[tuple[Ints, Ints, Ints]] = []
            for k in np.flatnonzero((power == p).any(0)):
                rows = np.flatnonzero(power[:, k] == p)
                columns.append((rows, self.start[rows, k], self.stop[rows, k] - (1 << p)))
            found.append(columns)
        return found

    def _joined(self, values: Values, join: np.ufunc, out: Values) -> Values:
        """values [S_in, ...]: those of each run, joined into `out` [S_out, ...]; one may be joined twice."""
        for p, columns in enumerate(self._by_power):
            if p:  # from here on value i stands for the sites from i to before i + 2**p
                half = 1 << (p - 1)
                values = join(values[:-half], values[half:])
            for rows, first, last in columns:
                out[rows] = join(out[rows], join(values[first], values[last]))
        return out

    def known_at(self, known: Ints) -> Ints:
        return self._joined(known, np.maximum, np.full(len(self.start), -1))

    def context(self, context: Words) -> Words:
        return self._joined(context, np.bitwise_or, np.zeros((len(self.start), context.shape[1]), np.uint64))

    def back(self, marks: Marks) -> Marks:
        found = np.zeros(self.in_sites, marks.dtype)
        for p in reversed(range(len(self._by_power))):  # mark i speaks for the sites from i to before i + 2**p
            for rows, first, last in self._by_power[p]:
                some = np.flatnonzero(marks[rows])
                np.bitwise_or.at(found, first[some], marks[rows[some]])
                np.bitwise_or.at(found, last[some], marks[rows[some]])
            if p:
                half = 1 << (p - 1)
                found[half:] = found[half:] | found[:-half]
        return found

    def table(self, sites: Ints) -> Ints:
        lengths = self.lengths[sites]
        counts = lengths.sum(1)
        found = np.full((len(sites), int(counts.max(initial=0))), -1)
        ends = np.cumsum(lengths)
        flat = np.arange(ends[-1] if len(ends) else 0) + np.repeat(self.start[sites].ravel() - ends + lengths.ravel(),
                                                                   lengths.ravel())  # fmt: skip
        column = np.arange(len(flat)) - np.repeat(np.cumsum(counts) - counts, counts)
        found[np.repeat(np.arange(len(sites)), counts), column] = flat
        return found

    def reads_all(self, sites: Ints, first: int) -> bool:
        """Whether each of the sites reads all of the input's `first` sites."""
        inside = np.maximum(np.minimum(self.stop[sites], first) - self.start[sites], 0)
        return bool((inside.sum(1) == first).all())

    def reads_any(self, site: int, first: int) -> bool:
        """Whether a site reads any of the input's `first` sites."""
        return bool((self.start[site] < np.minimum(self.stop[site], first)).any())

    def matrix(self) -> Bools:
        """[S_out, S_in]: which sites are read."""
        found = np.zeros((len(self.start), self.in_sites + 1), np.bool_)
        found[np.arange(len(found))[:, None], self.table(np.arange(len(found)))] = True  # -1 is the column behind
        return found[:, :-1]


Listed = Ranked | Matrix | Runs  # relations that name which sites of the whole input each site reads


def read_whole(relation: Reads) -> TypeGuard[Listed]:
    """Whether the sampler reads the input as it lies, all that is there of it, and hides the rest by a mask."""
    return isinstance(relation, Ranked | Matrix) or (isinstance(relation, Runs) and relation.wide)


def runs_of_table(table: Ints, kept: Bools) -> tuple[Ints, Ints, Ints]:
    """Of a table of sites [n, M], ascending in each row, the runs of those that are kept [n, M]: row, start, stop."""
    follows = np.zeros(table.shape, np.bool_)
    follows[:, 1:] = kept[:, :-1] & (table[:, 1:] == table[:, :-1] + 1)
    begins = kept & ~follows
    goes_on = np.zeros(table.shape, np.bool_)
    goes_on[:, :-1] = kept[:, 1:] & follows[:, 1:]
    row, at = np.nonzero(begins)
    ends = np.nonzero(kept & ~goes_on)
    return row, table[row, at], table[ends] + 1


def in_columns(rows: Ints, start: Ints, stop: Ints, count: int, in_sites: int) -> Runs:
    """Runs given one by one, by ascending rows, as a relation of `count` rows."""
    each = np.bincount(rows, minlength=count)
    column = np.arange(len(rows)) - np.repeat(np.cumsum(each) - each, each)
    starts = np.zeros((count, max(1, int(each.max(initial=0)))), np.int64)
    stops = np.zeros_like(starts)
    starts[rows, column], stops[rows, column] = start, stop
    return Runs(in_sites, starts, stops)


def without_overlap(in_sites: int, start: Ints, stop: Ints) -> Runs:
    """The union of runs [S_out, K] that may overlap, in any order."""
    order = np.argsort(start, axis=1, kind="stable")
    start, stop = np.take_along_axis(start, order, 1), np.take_along_axis(stop, order, 1)
    behind = np.maximum.accumulate(np.maximum(stop, 0), axis=1)
    start[:, 1:] = np.maximum(start[:, 1:], behind[:, :-1])
    used = np.flatnonzero((stop > start).any(0))
    used = used if len(used) else np.zeros(1, np.int64)
    return Runs(in_sites, start[:, used], np.maximum(stop[:, used], start[:, used]))


@dataclass(frozen=True, eq=False)
class Listing:
    """Any relation as runs: site s reads those from `starts[i]` to before `stops[i]`, for each of its `counts[s]` runs,
    which lie behind those of the sites before it. They do not overlap, and come in their order. Where `order` [S_in] is
    given, they are of places in it, `order[place]` being the site."""

    in_sites: int
    counts: Ints
    starts: Ints
    stops: Ints
    order: Ints | None = None

    def sites(self, site: int) -> Ints:
        """[n]: the input sites that a site reads."""
        first = int(self.counts[:site].sum())
        runs = range(first, first + int(self.counts[site]))
        places = [np.arange(self.starts[i], self.stops[i]) for i in runs]
        found = np.concatenate([np.empty(0, np.int64), *places])
        return found if self.order is None else self.order[found]


LISTED = 1 << 20  # entries of a table that are taken at a time


def listing(read: Reads, out_sites: int, in_sites: int) -> Listing:
    """A relation as runs; where sites are read by their rank, as one run of the order for each."""
    if isinstance(read, Ranked):
        some = (read.count > 0).astype(np.int64)
        as_they_lie = np.array_equal(read.by_rank, np.arange(in_sites))
        order = None if as_they_lie else read.by_rank
        return Listing(in_sites, some, np.zeros(int(some.sum()), np.int64), read.count[some > 0], order)
    if isinstance(read, Runs):
        some = read.stop > read.start
        return Listing(in_sites, some.sum(1), read.start[some], read.stop[some])
    if isinstance(read, Matrix):
        return listing_of_rows(read.allowed)
    if isinstance(read, Whole):
        size = in_sites // read.groups
        first = np.arange(out_sites) // (out_sites // read.groups) * size
        return Listing(in_sites, np.ones(out_sites, np.int64), first, first + size)
    firsts: list[Ints] = []
    lasts: list[Ints] = []
    counts = np.zeros(out_sites, np.int64)
    start, some = 0, 64
    while start < out_sites:
        table = read.table(np.arange(start, min(start + some, out_sites)))
        counts[start : start + len(table)], first, last = _listed(table, in_sites)
        firsts.append(first)
        lasts.append(last)
        start += len(table)
        some = max(1, LISTED // max(1, table.shape[1]))
    nothing = np.empty(0, np.int64)
    return Listing(in_sites, counts, np.concatenate([nothing, *firsts]), np.concatenate([nothing, *lasts]))


def _listed(table: Ints, in_sites: int) -> tuple[Ints, Ints, Ints]:
    """Of a table [n, M], in any order, with -1 for none: how many runs each row has, where each starts and stops."""
    row, _ = np.nonzero(table >= 0)
    keys = np.unique(row * (in_sites + 1) + table[table >= 0])  # the last site of a row and the next row's first differ
    begins = np.diff(keys, prepend=-2) != 1
    first, last = keys[begins], keys[np.append(begins[1:], True) if len(keys) else begins]
    counts = np.bincount(first // (in_sites + 1), minlength=len(table))
    return counts, first % (in_sites + 1), last % (in_sites + 1) + 1


def listing_of_rows(rows: Bools) -> Listing:
    """A table of 0 and 1 [n, m] as a listing."""
    edges = np.diff(rows.astype(np.int8), axis=1, prepend=0, append=0)
    row, first = np.nonzero(edges == 1)
    _, last = np.nonzero(edges == -1)
    return Listing(rows.shape[1], np.bincount(row, minlength=len(rows)), first, last)
