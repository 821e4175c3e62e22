"""The way of a witness among the operations of a pass: connected, from the data to the output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from arspec.auditing.operations import Operations
from arspec.shadow.operations import Operation
from arspec.shadow.witness import Step

PASSED = 1  # an operation that is none of the steps, but hands the value on
COLUMN, SHAPE = 8, 16  # a step of the same line and module that is written elsewhere in it, or gives another shape
LEFT = 64  # a step that is left out; an operation that does not read the variable


def way(told: Operations, steps: Sequence[Step], variable: int) -> list[tuple[int, int | None]]:
    """The operations from the data to the output, each with the number of the step that it is, or None for one between.

    Of all ways along the inputs, the one that takes the steps in their order and is nearest to them: in module, line,
    column and shape. Several operators may stand in one line. Steps that are views are no operations. Empty where the
    output is unknown."""
    if told.output < 0:
        return []
    aligned = _Aligned(told, steps, variable)
    for number in range(told.output + 1):
        aligned.add(number)
    return aligned.back(told.output)


class _Aligned:
    """Per operation [1 + steps] the least cost of a way to it that has taken, or left out, the first k steps."""

    def __init__(self, told: Operations, steps: Sequence[Step], variable: int) -> None:
        self.found, self.variable = told.found, variable
        known = {_key(one) for one in told.found}
        self.steps = [k for k, step in enumerate(steps) if _key(step) in known]
        self.shapes = {shape: k for k, shape in enumerate({step.gives for step in steps})}
        self.given = np.array([self.shapes[steps[k].gives] for k in self.steps], np.int64)
        self.columns = np.array([steps[k].place.column for k in self.steps], np.int64)
        self.alike: dict[tuple[str, str, int, str], list[int]] = {}
        for at, k in enumerate(self.steps):
            self.alike.setdefault(_key(steps[k]), []).append(at)
        self.left = LEFT * np.arange(len(self.steps) + 1, dtype=np.int64)
        self.plain: list[NDArray[np.int64]] = []  # before steps are left out here
        self.costs: list[NDArray[np.int64]] = []

    def add(self, number: int) -> None:
        passed, taken = self._two(number)
        plain = np.minimum(passed, taken)
        self.plain.append(plain)
        self.costs.append(np.minimum.accumulate(plain - self.left) + self.left)

    def back(self, number: int) -> list[tuple[int, int | None]]:
        """The cheapest way to an operation, the data left out."""
        found: list[tuple[int, int | None]] = []
        k = len(self.steps)
        while number >= 0:
            while self.costs[number][k] < self.plain[number][k]:
                k -= 1
            passed, taken = self._two(number)
            if taken[k] <= passed[k]:
                k -= 1
                found.append((number, self.steps[k]))
            else:
                found.append((number, None))
            number = min(self._sources(number), key=lambda source: self._cost(source)[k])
        return found[::-1]

    def _two(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The costs of ways that pass here, and of those that take a step here."""
        one = self.found[number]
        before = np.min([self._cost(source) for source in self._sources(number)], axis=0)
        known = one.reads is None or bool(one.reads[:, self.variable].any())
        taken = np.full(len(before), np.iinfo(np.int64).max // 2)
        at = np.array(self.alike.get(_key(one), ()), np.int64)
        away = SHAPE * (self.given[at] != self.shapes.get(one.shape, -1)) + COLUMN * (
            self.columns[at] != one.place.column
        )
        taken[at + 1] = before[at] + away
        return before + (PASSED if known else LEFT), taken

    def _sources(self, number: int) -> tuple[int, ...]:
        return self.found[number].inputs or (-1,)  # what came to it was not seen by torch

    def _cost(self, source: int) -> NDArray[np.int64]:
        return self.left if source < 0 else self.costs[source]


def _key(one: Operation | Step) -> tuple[str, str, int, str]:
    name = one.name if isinstance(one, Operation) else one.operator
    return name, one.place.file, one.place.line, one.place.module
