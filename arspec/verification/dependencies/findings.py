"""What the dependency tests found: pairs of variables, and violations that a person can repeat."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Violation:
    """The parameters of `output` moved when `inputs`, none of which it may read, were changed.

    before, after   the scalars of the inputs that were changed
    parameter       index of the parameter that moved most, and its values in `moved`
    how             the kind of change; for a gradient the change is infinitesimal, `before` and `after`
                    are empty and `moved` is (0, derivative)
    outside         the change left the alphabet
    """

    output: int
    inputs: tuple[int, ...]
    how: str
    before: tuple[float, ...]
    after: tuple[float, ...]
    parameter: int
    moved: tuple[float, float]
    outside: bool = False
    draw: int = 0


@dataclass
class Findings:
    """Pairs [V, V] (row: output, column: input) that were seen to depend, and violations.

    seen        dependence inside the alphabet, legal or not
    leaks       dependence that the order forbids, also outside the alphabet
    violations  at most one for each output, not for every pair: the pairs are in `leaks`
    gradients   whether gradients were among the tests
    mixes       examples of a batch read one another
    draws       of the weights that were tested
    lost        outputs that were not finite, so that no change of them could be seen
    """

    seen: NDArray[np.bool_]
    leaks: NDArray[np.bool_]
    violations: list[Violation] = field(default_factory=list[Violation])
    gradients: bool = False
    mixes: bool = False
    draws: int = 0
    lost: list[int] = field(default_factory=list[int])

    @staticmethod
    def none(variables: int) -> Findings:
        """The findings of a test that saw nothing, of so many variables."""
        empty = np.zeros((variables, variables), dtype=bool)
        return Findings(seen=empty, leaks=empty.copy())

    @property
    def ok(self) -> bool:
        """Whether no variable was seen to depend on what its order forbids."""
        return not self.leaks.any()

    def add(self, other: Findings) -> None:
        """Unite with the findings of another test of the same function."""
        self.seen |= other.seen
        self.leaks |= other.leaks
        told = {violation.output for violation in self.violations}
        self.violations += [violation for violation in other.violations if violation.output not in told]
        self.gradients |= other.gradients
        self.mixes |= other.mixes
