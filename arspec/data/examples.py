"""Examples: what a model is trained on and measured by."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Examples:
    """Examples in the shape and the alphabet of a spec.

    x: integers [N, *shape], in 0 .. levels - 1. May be a read-only view (overlapping windows of a long sequence).
    condition: for each condition of the spec an array with first axis N.
    name: the source as the user named it, with the split.
    note: what was adapted (binarized, reshaped, cut ...), for people; empty where nothing was.
    per_pass: how many examples make one pass over the data. Less than N where examples overlap.
    derived: channels in front of x that are functions of the others (auxiliary images).
    given: the first steps of each example that are given, not modelled.
    names: of the classes of each class condition, by number, where they have names.
    """

    x: Array
    condition: dict[str, Array]
    name: str
    note: str
    per_pass: int
    derived: int = 0
    names: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    given: int = 0

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.x.shape[1:])

    @property
    def dimensions(self) -> int:
        """Numbers of one example, by which bits are counted: those of its own, not those derived from them, nor those
        that are given."""
        return math.prod((self.shape[0] - self.derived - self.given, *self.shape[1:]))

    @property
    def overlapping(self) -> bool:
        """Whether examples share variables, so that a pass is shorter than all of them."""
        return self.per_pass < len(self.x)

    def take(self, indices: Array) -> tuple[Array, dict[str, Array]]:
        """The examples at `indices` [B], copied: int64 [B, *shape] and the conditions, each [B, ...]."""
        condition = {name: np.ascontiguousarray(values[indices]) for name, values in self.condition.items()}
        return np.ascontiguousarray(self.x[indices], dtype=np.int64), condition

    def side_by_side(self) -> Examples:
        """Windows of which no two model the same step, as evaluation takes them; other examples as they are."""
        if not self.overlapping:
            return self
        stride = self.x.shape[1] - self.given  # windows [N, T] begin at every place
        condition = {name: values[::stride] for name, values in self.condition.items()}
        return replace(self, x=self.x[::stride], condition=condition)

    def first(self, count: int | None) -> Examples:
        """The first `count` examples (of windows, those within the first `count` lengths); all where it is None."""
        if count is None or count >= self.per_pass:
            return self
        kept = (count - 1) * (self.x.shape[1] - self.given) + 1 if self.overlapping else count
        condition = {name: values[:kept] for name, values in self.condition.items()}
        return replace(self, x=self.x[:kept], condition=condition, per_pass=min(count, self.per_pass))
