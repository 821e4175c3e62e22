"""Instructions: what a step of the executor consists of. Each takes from registers and puts into one, or writes to a
cache.

Nothing is decided while they run: which registers, how many sites and how they are laid out is fixed when a class of
steps is generated (`arspec.sampler.run.codegen`), so that between two calls of torch there is next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, split_with_sizes

from arspec.layers.base import Node

# Sections of the row, caches, weights and products, what was hoisted, the step's number, and what the instructions
# make.
Registers = list[Any]


@dataclass(slots=True, eq=False)
class Share:
    """A wave's part of a section."""

    out: int
    section: int
    first: int
    count: int

    def __call__(self, r: Registers) -> None:
        r[self.out] = r[self.section].narrow(0, self.first, self.count)


@dataclass(slots=True, eq=False)
class Gather:
    """The rows of a cache, one for each of n sites: [B, n, C]."""

    out: int
    cache: int
    rows: int

    def __call__(self, r: Registers) -> None:
        r[self.out] = r[self.cache].index_select(1, r[self.rows])


@dataclass(slots=True, eq=False)
class GatherWindow:
    """The rows of a cache, M for each of n sites, the first `channels` of each side by side: [B, n, M * C]."""

    out: int
    cache: int
    rows: int
    sites: int
    columns: int
    channels: int

    def __call__(self, r: Registers) -> None:
        x = r[self.cache].index_select(1, r[self.rows])
        r[self.out] = _windows(x, self.sites, self.columns, self.channels)


@dataclass(slots=True, eq=False)
class Block:
    """Rows of a cache that follow one another, as they lie: M for each of n sites, the first `channels` of each side by
    side: [B, n, M * C]. They stay what they are for as long as the step reads them."""

    out: int
    cache: int
    first: int
    sites: int
    columns: int
    channels: int

    def __call__(self, r: Registers) -> None:
        x = r[self.cache].narrow(1, r[self.first], self.sites * self.columns)
        r[self.out] = _windows(x, self.sites, self.columns, self.channels)


@dataclass(slots=True, eq=False)
class Compute:
    """A layer, on a few sites of one group: [B, n, C]."""

    out: int
    forward_sites: Callable[..., Tensor]
    node: Node
    weights: int
    xs: list[int]
    places: int

    def __call__(self, r: Registers) -> None:
        r[self.out] = self.forward_sites(self.node, r[self.weights], [r[x] for x in self.xs], r[self.places])


@dataclass(slots=True, eq=False)
class Advance:
    """A scan, on one site, whose state goes from row to row of its cache, or stays in the same one: [B, 1, C]."""

    out: int
    advance: Callable[..., Tensor]
    node: Node
    weights: int
    xs: list[int]
    cache: int
    read: int
    written: int

    def __call__(self, r: Registers) -> None:
        cache = r[self.cache]
        before, after = cache.select(1, r[self.read]), cache.select(1, r[self.written])
        r[self.out] = self.advance(self.node, r[self.weights], [r[x] for x in self.xs], before, after)


@dataclass(slots=True, eq=False)
class Linear:
    """One or several layers that are linear in the same reads: [B, n, ΣC]."""

    out: int
    product: int
    x: int

    def __call__(self, r: Registers) -> None:
        r[self.out] = r[self.product](r[self.x])


@dataclass(slots=True, eq=False)
class LinearInto:
    """Layers that are linear in the same reads, of one site: some of them write it into a row of their caches, and the
    register has nothing of theirs."""

    out: int
    product: int
    x: int
    puts: list[tuple[int, int] | None]  # of each layer its cache and the row

    def __call__(self, r: Registers) -> None:
        rows = [None if put is None else r[put[0]].narrow(1, r[put[1]], 1) for put in self.puts]
        r[self.out] = r[self.product].into(r[self.x], rows)


@dataclass(slots=True, eq=False)
class LinearPlus:
    """A linear layer, and what is added to it, such as what was summed up ahead of what it reads: [B, n, C]."""

    out: int
    product: int
    x: int
    plus: int

    def __call__(self, r: Registers) -> None:
        r[self.out] = r[self.product](r[self.x], r[self.plus])


@dataclass(slots=True, eq=False)
class LinearSum:
    """The sum of several linear layers, and of what is added to it: [B, n, C]."""

    out: int
    product: int
    xs: list[int]
    plus: int | None

    def __call__(self, r: Registers) -> None:
        plus = None if self.plus is None else r[self.plus]
        r[self.out] = r[self.product].over([r[x] for x in self.xs], plus)


@dataclass(slots=True, eq=False)
class ComputeOver:
    """A layer that reads all that is known of inputs: the first sites of their caches, so many at each step. Where all
    of them are read by each of its sites, a layer that takes a full context is not told its places."""

    compute: Compute
    whole: list[tuple[int, int]]  # the register that is filled, and that of all rows
    step: int
    filled: list[int]
    open: list[bool]

    def __call__(self, r: Registers) -> None:
        step, compute = r[self.step], self.compute
        for out, rows in self.whole:
            r[out] = r[rows] if step is None else r[rows].narrow(-2, 0, self.filled[step])
        places = r[compute.places] if step is None or not self.open[step] else None
        r[compute.out] = compute.forward_sites(compute.node, r[compute.weights], [r[x] for x in compute.xs], places)


@dataclass(slots=True, eq=False)
class Hoist:
    """What a layer makes of one of its inputs before it takes it."""

    out: int
    node: Node
    weights: int
    port: int
    x: int

    def __call__(self, r: Registers) -> None:
        r[self.out] = self.node.layer.hoist(self.node, r[self.weights], self.port, r[self.x])


@dataclass(slots=True, eq=False)
class Split:
    """What belongs to each of several layers that were computed as one."""

    first: int  # of their registers, which come one after another
    x: int
    widths: list[int]

    def __call__(self, r: Registers) -> None:
        r[self.first : self.first + len(self.widths)] = split_with_sizes(r[self.x], self.widths, 2)


@dataclass(slots=True, eq=False)
class First:
    """The first channels of what a scan has made: its output, without its inner state."""

    out: int
    x: int
    channels: int

    def __call__(self, r: Registers) -> None:
        r[self.out] = r[self.x].narrow(2, 0, self.channels)


@dataclass(slots=True, eq=False)
class Put:
    """Writes rows of a cache."""

    cache: int
    rows: int
    x: int

    def __call__(self, r: Registers) -> None:
        r[self.cache].index_copy_(1, r[self.rows], r[self.x])


@dataclass(slots=True, eq=False)
class PutBlock:
    """Writes rows of a cache that follow one another."""

    cache: int
    first: int
    x: int
    sites: int

    def __call__(self, r: Registers) -> None:
        r[self.cache].narrow(1, r[self.first], self.sites).copy_(r[self.x])


def _windows(x: Tensor, sites: int, columns: int, channels: int) -> Tensor:
    """The first `channels` of rows [B, n * M, C], those of a site side by side."""
    if x.shape[2] != channels:
        x = x.narrow(2, 0, channels)
    return x if columns == 1 else x.reshape(x.shape[0], sites, columns * channels)


Instruction = (
    Share
    | Gather
    | GatherWindow
    | Block
    | Compute
    | Advance
    | Linear
    | LinearInto
    | LinearPlus
    | LinearSum
    | ComputeOver
    | Hoist
    | Split
    | First
    | Put
    | PutBlock
)
