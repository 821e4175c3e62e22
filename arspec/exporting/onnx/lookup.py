"""Rows that the steps of a graph read and write, as tables of the graph, which are looked up by the step's number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arspec.exporting.onnx.building import Building
from arspec.exporting.onnx.tracing import BATCH
from arspec.types import Ints


@dataclass(eq=False)
class Rows:
    """A part of every step's row: step t has the rows from `bounds[t]` to `bounds[t + 1]`."""

    rows: Ints
    bounds: Ints

    @property
    def sizes(self) -> Ints:
        """[steps]: how many rows each step has."""
        return np.diff(self.bounds)


def numbers_of(rows: Rows, steps: Ints) -> Ints:
    """The rows of some steps, one behind the other."""
    many = rows.sizes[steps]
    shift = rows.bounds[steps] - (np.cumsum(many) - many)
    return rows.rows[np.repeat(shift, many) + np.arange(many.sum())]


class Lookup:
    """Tables of a graph for some steps of all. The graph has the input `step` []."""

    def __init__(self, b: Building, steps: Ints, of: int) -> None:
        self.b, self.steps = b, steps
        at = b.node("Reshape", ["step", b.array(np.asarray([1], np.int64))])
        if len(steps) < of:
            place = np.zeros(of, np.int64)
            place[steps] = np.arange(len(steps))
            at = b.node("Gather", [b.array(place), at], "step")
        self._at = at
        self._known: dict[bytes, str] = {}

    def number(self, each: Ints) -> str:
        """A [1] tensor: of numbers [steps], one for each step of all, that of this step."""
        own = np.ascontiguousarray(each[self.steps], np.int64)
        key = own.tobytes()
        if key not in self._known:
            same = bool((own == own[0]).all())
            self._known[key] = self.b.array(own[:1]) if same else self._gathered(own)
        return self._known[key]

    def _gathered(self, table: Ints) -> str:
        return self.b.node("Gather", [self.b.array(table), self._at])

    def rows(self, parts: list[Rows]) -> list[str]:
        """[n]: of each part the rows of this step."""
        if not parts:
            return []
        row, sizes = self._row(parts)
        return self.b.several("Split", [row, sizes], len(parts), "rows", axis=0)

    def places(self, parts: list[Rows]) -> list[str]:
        """[B, n, 2]: of each part the rows of this step, behind the number of each example."""
        if not parts:
            return []
        b = self.b
        row, sizes = self._row(parts)
        count = b.node("Shape", [row])
        one, zero = b.array(np.asarray([1], np.int64)), b.array(np.asarray(0, np.int64))
        batch = b.node("Squeeze", [b.sizes[BATCH], b.array(np.asarray([0], np.int64))])
        examples = b.node("Range", [zero, batch, b.array(np.asarray(1, np.int64))])
        examples = b.node("Reshape", [examples, b.array(np.asarray([-1, 1, 1], np.int64))])
        shape = b.node("Concat", [b.sizes[BATCH], count, one], axis=0)
        row = b.node("Reshape", [row, b.array(np.asarray([1, -1, 1], np.int64))])
        both = b.node("Concat", [b.node("Expand", [each, shape]) for each in (examples, row)], axis=2)
        return b.several("Split", [both, sizes], len(parts), "places", axis=1)

    def _row(self, parts: list[Rows]) -> tuple[str, str]:
        """The rows of all parts one behind the other, and how many each has."""
        b, sizes = self.b, np.stack([part.sizes[self.steps] for part in parts], 1)
        table = np.empty(int(sizes.sum()), np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes.sum(1))])
        begins = starts[:-1, None] + np.cumsum(sizes, 1) - sizes
        for k, part in enumerate(parts):
            many = sizes[:, k]
            where = np.repeat(begins[:, k] - (np.cumsum(many) - many), many) + np.arange(many.sum())
            table[where] = numbers_of(part, self.steps)
        if (sizes == sizes[0]).all():
            rows = b.array(table.reshape(len(sizes), -1))
            row = b.node("Reshape", [b.node("Gather", [rows, self._at]), b.array(np.asarray([-1], np.int64))], "row")
            return row, b.array(sizes[0].astype(np.int64))
        first, last = (self._gathered(starts[k : k + len(sizes)]) for k in (0, 1))
        row = b.node("Slice", [b.array(table), first, last, b.array(np.asarray([0], np.int64))], "row")
        cut = b.node("Reshape", [self._gathered(sizes.astype(np.int64)), b.array(np.asarray([-1], np.int64))])
        return row, cut
