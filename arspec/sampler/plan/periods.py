"""Periods: the rows of a program that repeat, each number moved on by a fixed amount. numpy only.

A sequence's schedule settles after its first steps: whatever step t reads, step t + p reads p positions further on. So
one period and a shift stand for all steps to come, however many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arspec.analysis.known_at import Relations
from arspec.reads import Window
from arspec.sampler.plan.program import Program, Rows
from arspec.types import Ints

LONGEST = 4096  # steps of a period that is looked for
LEAST = 32  # steps, and two periods, for which a period must have held


@dataclass(eq=False)
class Period:
    """From step `asked` on: row t + length is row t with each number moved on by `shift` in its ring."""

    begin: int
    rows: Rows  # of one period
    shift: Ints

    @property
    def length(self) -> int:
        """After how many steps the rows repeat."""
        return len(self.rows.sizes)

    def each(self, first: int, last: int) -> Iterator[npt.NDArray[np.int64]]:
        """The rows of the steps from `first` to `last`."""
        entries, begins = self.rows.entries, self.rows.begins.tolist()
        for step in range(first, last):
            times, phase = divmod(step - self.begin, self.length)
            lo, hi = begins[phase], begins[phase + 1]
            index = entries.index[lo:hi] + times * self.shift[lo:hi]
            yield entries.base[lo:hi] + index % entries.ring[lo:hi]


def period_of(program: Program, rows: Rows, settled: int = 0) -> Period | None:
    """The period into which a program's steps, of these rows, settle; None where they do not, or where this program is
    too short to tell: a window that reaches outside the grid everywhere may find something in a longer one. settled:
    the step before which no period is looked for, as windows still reach back to the beginning."""
    left = program.steps - settled
    if left < 2 * LEAST or not _all_windows_reach(program):
        return None
    classes = _classes(program, rows.sizes)
    middle, quarter = settled + left // 2, left // 4
    for length in range(1, min(LONGEST, quarter // 2) + 1):
        a, b = middle - quarter // 2, middle + quarter // 2
        if not np.array_equal(classes[a:b], classes[a + length : b + length]):
            continue
        lo, hi = rows.begins[middle], rows.begins[middle + length]
        later = slice(rows.begins[middle + length], rows.begins[middle + 2 * length])
        shift = rows.entries.index[later] - rows.entries.index[lo:hi]
        good = _holds(rows, classes, middle, length, shift)
        first, last = _run_around(good, middle)
        if last - first < max(LEAST, 2 * length):
            continue
        phase = (middle - first) % length  # the period begins where the run does
        begin = first + phase
        moved = slice(rows.begins[begin], rows.begins[begin + length])
        one = Rows(
            rows.entries.cut(moved.start, moved.stop),
            rows.begins[begin : begin + length + 1] - rows.begins[begin],
            rows.sizes[begin : begin + length],
        )
        return Period(int(begin), one, shift)
    return None


def _holds(rows: Rows, classes: Ints, middle: int, length: int, shift: Ints) -> npt.NDArray[np.bool_]:
    """[steps]: whether row t + length is row t moved on by the shift that was found at the middle."""
    entries, begins = rows.entries, rows.begins
    steps = len(classes)
    cuts = (begins[middle : middle + length + 1] - begins[middle]).tolist()
    good = np.zeros(steps, bool)
    for step in range(steps - length):
        if classes[step] != classes[step + length]:
            continue
        phase = (step - middle) % length
        move = shift[cuts[phase] : cuts[phase + 1]]
        a, b = slice(begins[step], begins[step + 1]), slice(begins[step + length], begins[step + length + 1])
        good[step] = (
            len(move) == a.stop - a.start
            and np.array_equal(entries.index[a] + move, entries.index[b])
            and np.array_equal(entries.base[a], entries.base[b])
            and np.array_equal(entries.ring[a], entries.ring[b])
        )
    return good


def _run_around(good: npt.NDArray[np.bool_], middle: int) -> tuple[int, int]:
    """The longest run of True around a place, as [first, last)."""
    if not good[middle]:
        return middle, middle
    before, after = np.flatnonzero(~good[:middle]), np.flatnonzero(~good[middle:])
    first = int(before[-1]) + 1 if len(before) else 0
    return first, middle + int(after[0]) if len(after) else len(good)


def _classes(program: Program, sizes: Ints) -> Ints:
    """[steps]: equal numbers for steps whose rows are cut alike, and whose scans go through equal waves."""
    seen: dict[object, int] = {}
    found = np.empty(program.steps, np.int64)
    for step in range(program.steps):
        key = (sizes[step].tobytes(), program.runs(step))
        found[step] = seen.setdefault(key, len(seen))
    return found


def _all_windows_reach(program: Program) -> bool:
    relations = Relations(program.schedule.graph, program.schedule.member)
    for part in program.schedule.parts:
        for read in relations.reads(part.node):
            if isinstance(read, Window) and any(tap.allowed.any() and (tap.source < 0).all() for tap in read.taps):
                return False
    return True
