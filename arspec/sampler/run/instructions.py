"""Instructions: what a step of the executor consists of. Each takes from registers and puts into one, or writes to a
cache.

Nothing is decided while they run: which registers, how many sites and how they are laid out is fixed when a class of
steps is generated (`arspec.sampler.run.codegen`), so that between two calls of torch there is next to nothing.

A class of steps that runs again and again is less than that (`arspec.sampler.run.replay`): of an instruction that only
calls functions in machine code, these calls. Its `moves` tell them what differs from step to step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, split_with_sizes

from arspec.layers.base import Node
from arspec.sampler.run.kernel_calls import KernelCall

# Sections of the row, caches, weights and products, what was hoisted, the step's number, and what the instructions
# make.
Registers = list[Any]
Move = Callable[[Registers], None]  # what tells kept calls of the row that is in the registers


class Same:
    """An instruction that does the same at each step."""

    __slots__ = ()

    def moves(self, r: Registers, calls: list[KernelCall]) -> list[Move] | None:
        """What tells its calls, which it has just made, of another row. None where they are not all that it does."""
        return [] if calls else None

    def may_be_calls(self, r: Registers) -> bool:
        """Whether calls of machine code may be all that it does."""
        return True

    def made(self) -> list[int]:
        """The registers that it fills for others."""
        out = getattr(self, "out", None)
        return [] if out is None else [out]

    def reads(self) -> list[int]:
        """The registers of what other instructions have made, which it takes."""
        found = [getattr(self, name) for name in ("x", "plus") if getattr(self, name, None) is not None]
        return [*found, *getattr(self, "xs", ())]


class View(Same):
    """An instruction that computes nothing: what it fills is a part of what it reads."""

    __slots__ = ()

    def moves(self, r: Registers, calls: list[KernelCall]) -> list[Move] | None:
        return []


class OfProduct(Same):
    """An instruction that multiplies with a weight."""

    __slots__ = ()
    product: int

    def may_be_calls(self, r: Registers) -> bool:
        return r[self.product].is_call


class OfLayer(Same):
    """An instruction that a layer computes."""

    __slots__ = ()
    node: Node
    weights: int

    def may_be_calls(self, r: Registers) -> bool:
        return self.node.layer.quick in r[self.weights]


class Other(Same):
    """An instruction that runs as it is at each step."""

    __slots__ = ()

    def may_be_calls(self, r: Registers) -> bool:
        return False

    def moves(self, r: Registers, calls: list[KernelCall]) -> list[Move] | None:
        return None


@dataclass(slots=True, eq=False)
class Share(View):
    """A wave's part of a section."""

    out: int
    section: int
    first: int
    count: int

    def __call__(self, r: Registers) -> None:
        r[self.out] = r[self.section].narrow(0, self.first, self.count)


@dataclass(slots=True, eq=False)
class Gather(Other):
    """The rows of a cache, one for each of n sites: [B, n, C]."""

    out: int
    cache: int
    rows: int

    def __call__(self, r: Registers) -> None:
        r[self.out] = r[self.cache].index_select(1, r[self.rows])


@dataclass(slots=True, eq=False)
class GatherWindow(Other):
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
class Block(Other):
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
class Compute(OfLayer):
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
class Advance(OfLayer):
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

    def moves(self, r: Registers, calls: list[KernelCall]) -> list[Move] | None:
        if len(calls) != 1:
            return None
        row, (_, arguments) = _address(r[self.cache]), calls[0]
        rows = row(r[self.read]), row(r[self.written])
        at = [k for k, own in enumerate(arguments) if own in rows]
        if [arguments[k] for k in at] != [*rows]:  # they come one after the other
            return None

        def move(r: Registers) -> None:
            for k, section in zip(at, (self.read, self.written), strict=True):
                arguments[k] = row(r[section])

        return [move]


@dataclass(slots=True, eq=False)
class Linear(OfProduct):
    """One or several layers that are linear in the same reads: [B, n, ΣC]."""

    out: int
    product: int
    x: int

    def __call__(self, r: Registers) -> None:
        r[self.out] = r[self.product](r[self.x])


@dataclass(slots=True, eq=False)
class LinearInto(OfProduct):
    """Layers that are linear in the same reads, of one site: some of them write it into a row of their caches, and the
    register has nothing of theirs."""

    out: int
    product: int
    x: int
    puts: list[tuple[int, int] | None]  # of each layer its cache and the row

    def __call__(self, r: Registers) -> None:
        rows = [None if put is None else r[put[0]].narrow(1, r[put[1]], 1) for put in self.puts]
        r[self.out] = r[self.product].into(r[self.x], rows)

    def moves(self, r: Registers, calls: list[KernelCall]) -> list[Move] | None:
        if len(calls) != 1:
            return None
        into = calls[0][1][-1]  # of each layer an address, and how far examples are apart
        puts = [(2 * k, _address(r[put[0]]), put[1]) for k, put in enumerate(self.puts) if put is not None]

        def move(r: Registers) -> None:
            for k, address, section in puts:
                into[k] = address(r[section])

        return [move]


@dataclass(slots=True, eq=False)
class LinearPlus(OfProduct):
    """A linear layer, and what is added to it, such as what was summed up ahead of what it reads: [B, n, C]."""

    out: int
    product: int
    x: int
    plus: int

    def __call__(self, r: Registers) -> None:
        r[self.out] = r[self.product](r[self.x], r[self.plus])


@dataclass(slots=True, eq=False)
class LinearSum(Other):
    """The sum of several linear layers, and of what is added to it: [B, n, C]."""

    out: int
    product: int
    xs: list[int]
    plus: int | None

    def __call__(self, r: Registers) -> None:
        plus = None if self.plus is None else r[self.plus]
        r[self.out] = r[self.product].over([r[x] for x in self.xs], plus)


@dataclass(slots=True, eq=False)
class ComputeOver(Same):
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

    def may_be_calls(self, r: Registers) -> bool:
        return self.compute.may_be_calls(r)

    def moves(self, r: Registers, calls: list[KernelCall]) -> list[Move] | None:
        if r[self.step] is None:
            return [] if calls else None
        own: Any = getattr(calls[0][1][0], "_obj", None) if len(calls) == 1 else None
        if not hasattr(own, "known") or not all(self.open):
            return None

        def move(r: Registers) -> None:
            own.known = self.filled[r[self.step]]

        return [move]

    def reads(self) -> list[int]:
        whole = {out for out, _ in self.whole}
        return [x for x in self.compute.xs if x not in whole]

    def made(self) -> list[int]:
        return [self.compute.out]


@dataclass(slots=True, eq=False)
class Hoist(Other):
    """What a layer makes of one of its inputs before it takes it."""

    out: int
    node: Node
    weights: int
    port: int
    x: int

    def __call__(self, r: Registers) -> None:
        r[self.out] = self.node.layer.hoist(self.node, r[self.weights], self.port, r[self.x])


@dataclass(slots=True, eq=False)
class Split(View):
    """What belongs to each of several layers that were computed as one."""

    first: int  # of their registers, which come one after another
    x: int
    widths: list[int]

    def __call__(self, r: Registers) -> None:
        r[self.first : self.first + len(self.widths)] = split_with_sizes(r[self.x], self.widths, 2)

    def made(self) -> list[int]:
        return [*range(self.first, self.first + len(self.widths))]


@dataclass(slots=True, eq=False)
class First(View):
    """The first channels of what a scan has made: its output, without its inner state."""

    out: int
    x: int
    channels: int

    def __call__(self, r: Registers) -> None:
        r[self.out] = r[self.x].narrow(2, 0, self.channels)


@dataclass(slots=True, eq=False)
class Put(Other):
    """Writes rows of a cache."""

    cache: int
    rows: int
    x: int

    def __call__(self, r: Registers) -> None:
        r[self.cache].index_copy_(1, r[self.rows], r[self.x])


@dataclass(slots=True, eq=False)
class PutBlock(Same):
    """Writes rows of a cache that follow one another."""

    cache: int
    first: int
    x: int
    sites: int
    quick: int

    def __call__(self, r: Registers) -> None:
        rows, quick = r[self.cache].narrow(1, r[self.first], self.sites), r[self.quick]
        if quick is None or not quick.put(r[self.x], rows):
            rows.copy_(r[self.x])

    def may_be_calls(self, r: Registers) -> bool:
        return r[self.quick] is not None

    def moves(self, r: Registers, calls: list[KernelCall]) -> list[Move] | None:
        if len(calls) != 1:
            return None
        address, (_, arguments) = _address(r[self.cache]), calls[0]

        def move(r: Registers) -> None:
            arguments[-1] = address(r[self.first])

        return [move]


def _address(cache: Tensor) -> Callable[[int], int]:
    """Where each row of a cache begins in memory."""
    first, apart = cache.data_ptr(), cache.stride(1) * cache.itemsize
    return lambda row: first + row * apart


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
