"""Operations: what each operator of a forward pass computes, where it is called, and which variables it depends on."""

# Operators and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arspec.shadow.algebra import CONSTANT, DTYPE, LOOSE
from arspec.shadow.call import Call
from arspec.shadow.memory import plain
from arspec.shadow.named import EMPTY
from arspec.shadow.places import Place, here

MOST = 4096  # operations that are told
MAX_SITES = 1 << 14  # of one operation, whose contexts are told

Sites = dict[int, NDArray[np.bool_]]  # by number of an operation: which of its sites are read, [S, S of that]


@dataclass(frozen=True, eq=False)
class Operation:
    """One operator call. Views are no operations: who reads one reads what it looks at.

    inputs      numbers of the operations that it reads, -1 for the data
    shape       of what it gives
    kept        the axes of that along which elements differ in what they depend on; its sites are their places
    reads       [S, V] which variables each site depends on; None for many sites
    weights     names and shapes of the parameters that it reads
    """

    name: str
    place: Place
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    kept: tuple[int, ...]
    reads: NDArray[np.bool_] | None
    weights: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def grid(self) -> tuple[int, ...]:
        """The sizes of the axes that are kept."""
        return tuple(self.shape[axis] for axis in self.kept)


@dataclass(eq=False)
class Watch:
    """Writes down the operators of a pass, as a watcher of `trace` with sets as labels. Tensors stay alive, so that no
    storage is used twice. `source`: the storage of the data."""

    names: dict[int, tuple[str, tuple[int, ...]]]  # of parameters, by storage
    source: int
    found: list[Operation] = field(default_factory=list[Operation])
    makers: dict[int, int] = field(default_factory=dict[int, int])  # storage -> the operation that wrote it last
    alive: list[Tensor] = field(default_factory=list[Tensor])
    more: int = 0

    def __call__(self, call: Call) -> None:
        given, made = _parts(call)
        self.alive += made
        if not _is_operation(call, given, made):
            return
        if len(self.found) >= MOST:
            self.more += 1
            return
        out = made[0]
        labels = call.memory.labels(out)
        sources = dict.fromkeys(
            -1 if key == self.source and key not in self.makers else self.makers[key]
            for t in given
            if (key := t.untyped_storage()._cdata) == self.source or key in self.makers
        )
        weights = dict.fromkeys(self.names[key] for t in given if (key := t.untyped_storage()._cdata) in self.names)
        kept = tuple(axis for axis in range(labels.dim()) if not _alike(labels, axis))
        few = labels[tuple(slice(None) if axis in kept else 0 for axis in range(labels.dim()))].reshape(-1)
        reads = _members(call.memory.algebra, few) if len(few) <= MAX_SITES else None
        number = len(self.found)
        name = call.signature.name.strip("_")
        self.found.append(
            Operation(name, here(call.module), tuple(sources), tuple(out.shape), kept, reads, tuple(weights))
        )
        for target in made:
            self.makers[target.untyped_storage()._cdata] = number


@dataclass(eq=False)
class Links:
    """Writes down which sites of others each operator reads, as a watcher of a second pass that is as the one of
    `Watch`, with sets of `count` labels. What an operator gives is labelled anew by its own sites, so that who reads it
    has these labels.

    told      the operations of the first pass
    variables of the data: the first labels
    links     of each operation so far the sites that it reads of each other one, [S, S of that], -1 for the data
    """

    told: Sequence[Operation]
    variables: int
    links: list[Sites] = field(default_factory=list[Sites])
    alive: list[Tensor] = field(default_factory=list[Tensor])
    same: bool = True  # whether the passes were the same so far
    over: bool = False  # what comes is no operation of the module

    def __post_init__(self) -> None:
        sizes = [self.variables, *(len(one.reads) if one.reads is not None else 0 for one in self.told)]
        self.starts = np.cumsum([0, *sizes])

    @property
    def count(self) -> int:
        """How many labels there are."""
        return int(self.starts[-1])

    def __call__(self, call: Call) -> None:
        given, made = _parts(call)
        self.alive += made
        if self.over or not self.same or not _is_operation(call, given, made):
            return
        number, out = len(self.links), made[0]
        if number == len(self.told) or not _matches(self.told[number], call, out):
            self.same = False
            return
        one = self.told[number]
        labels = call.memory.labels(out)
        sites = _sites(one)
        self.links.append(self.sources(_union(call.memory.algebra, labels, sites, int(np.prod(one.grid)))))
        own = call.memory.algebra.of(sites + int(self.starts[number + 1])).expand(out.shape)
        call.memory.write(out, torch.where(labels <= LOOSE, labels, own), call.memory.masked(out))

    def sources(self, read: NDArray[np.bool_]) -> Sites:
        """Labels that are read, [S, count], by the operations whose sites they are."""
        bounds = itertools.pairwise(self.starts.tolist())
        return {k - 1: part for k, (a, b) in enumerate(bounds) if (part := read[:, a:b]).any()}


def _parts(call: Call) -> tuple[list[Tensor], list[Tensor]]:
    """What a call reads, and what it wrote."""
    return [t for t in call.inputs if plain(t)], [t for t in call.targets if plain(t) and t.numel()]


def _is_operation(call: Call, given: list[Tensor], made: list[Tensor]) -> bool:
    """Whether a call computes something that depends on data; views do not."""
    if call.depth or call.signature.name in EMPTY:
        return False
    read = {t.untyped_storage()._cdata for t in given}
    if not made or (not call.mutated and all(t.untyped_storage()._cdata in read for t in made)):
        return False
    return bool((call.memory.labels(made[0]) != CONSTANT).any())


def _matches(one: Operation, call: Call, out: Tensor) -> bool:
    return (one.name, one.shape) == (call.signature.name.strip("_"), tuple(out.shape)) and one.reads is not None


def _sites(one: Operation) -> Tensor:
    """The site of each element, with axes of size 1 where elements do not differ."""
    sizes = [size if axis in one.kept else 1 for axis, size in enumerate(one.shape)]
    return torch.arange(int(np.prod(one.grid)), dtype=DTYPE).reshape(sizes)


def _union(algebra: Any, labels: Tensor, sites: Tensor, count: int) -> NDArray[np.bool_]:
    """[count, labels]: what the elements of each site have."""
    gone = [axis for axis, size in enumerate(sites.shape) if size < labels.shape[axis]]
    return algebra.members(algebra.reduce(labels, gone).reshape(count))


def _alike(labels: Tensor, axis: int) -> bool:
    return bool((labels == labels.narrow(axis, 0, 1)).all())


def _members(algebra: Any, labels: Tensor) -> NDArray[np.bool_]:
    return algebra.members(labels)
