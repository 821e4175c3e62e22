"""What is asked of a module: which variable each row of its output speaks of, and what that row may read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arspec.auditing.layout import Layout, lay_out
from arspec.orders import Order
from arspec.orders import order as make_order


@dataclass(frozen=True)
class Question:
    """The patterns of a module and its order of generation, before the sizes are settled."""

    input: str
    output: str
    order: str | Sequence[int] | None = None
    flip: Sequence[str] = ()
    transpose: bool = False
    channels: Literal["sequential", "joint"] | None = None
    offset: int = 0
    hot: str | None = None
    last: int | None = None

    def at(self, sizes: Mapping[str, int]) -> Case:
        """The case of these sizes. InputError where patterns, sizes and order do not fit one another."""
        layout = lay_out(self.input, self.output, dict(sizes), self.channels, self.hot)
        if self.last is not None:
            last = min(self.last, layout.sizes[layout.grid[0]])
            layout = lay_out(self.input, self.output, dict(sizes), self.channels, self.hot, last)
        order = self._order(layout)
        source = _speaking(order, self.offset)
        return Case(self, layout, order, np.where(layout.silent[source] | (source < 0), -1, source))

    @property
    def free(self) -> bool:
        """Whether the order is had at any length: a list of ranks belongs to one."""
        return self.order is None or isinstance(self.order, str)

    def _order(self, layout: Layout) -> Order:
        scan = self.order if self.order is not None else "raster" if len(layout.grid) == 2 else "natural"
        channels = "joint" if layout.joint else "sequential"
        name, ranks = (scan, None) if isinstance(scan, str) else ("explicit", scan)
        return make_order(
            name,
            layout.grid_shape,
            channels,
            layout.channels,
            ranks=ranks,
            flip=self.flip,
            transpose=self.transpose,
        )


@dataclass(frozen=True)
class Case:
    """A module's question at one size. `source` [V]: the place of the output that speaks of each variable, -1 where
    none does."""

    question: Question
    layout: Layout
    order: Order
    source: NDArray[np.int64]

    @property
    def variables(self) -> int:
        """V: how many variables one example has."""
        return len(self.rank)

    @property
    def rank(self) -> NDArray[np.int64]:
        """[V]: the rank of each variable in the order of generation."""
        return self.order.rank

    @property
    def modelled(self) -> NDArray[np.bool_]:
        """[V]: False for variables that no output speaks of."""
        return self.source >= 0

    @property
    def limit(self) -> Tensor:
        """[V]: the output for a variable may read what has a rank below this one; no limit where nothing is said."""
        return torch.from_numpy(np.where(self.modelled, self.rank, np.iinfo(np.int64).max))

    @property
    def legal(self) -> NDArray[np.bool_]:
        """[V, V]: may the output for v (row) read u (column)? Rows of variables of which nothing is said are empty."""
        return (self.rank[:, None] > self.rank[None, :]) & self.modelled[:, None]

    @property
    def arrange(self) -> Callable[[Tensor], Tensor]:
        """Rows of the output [B, V, K] to the variables that they speak of; zeros where nothing is said."""
        rows, silent = torch.from_numpy(np.maximum(self.source, 0)), torch.from_numpy(self.source < 0)
        if np.array_equal(self.source, np.arange(len(self.source))):
            return lambda out: out
        return lambda out: out[:, rows].masked_fill(silent[None, :, None], 0)

    def resized(self, **sizes: int) -> Case:
        """The same question at another size."""
        return self.question.at({**self.layout.sizes, **sizes})

    def with_offset(self, offset: int) -> Case:
        """The same question with another offset."""
        return replace(self.question, offset=offset).at(self.layout.sizes)


def _speaking(order: Order, offset: int) -> NDArray[np.int64]:
    """[V]: the place of the output that speaks of each variable, -1 where none does.

    With an offset it is the place that has its rank less the offset. Where several have, as in packed documents whose
    clocks start again, it is the last one before the variable's own place, or else the first one after it."""
    places = np.arange(order.variables)
    if offset == 0:
        return places
    source = np.full(order.variables, -1)
    for v in places:
        earlier = int(order.rank[v]) - offset
        if earlier >= 0:
            candidates = order.sites_at(earlier)
            source[v] = candidates[max(0, int(np.searchsorted(candidates, v)) - 1)]
    return source
