"""Operations: what each operator of a forward pass computes, where it is called, and which variables it depends on."""

# Operators and storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from arspec.shadow.algebra import CONSTANT
from arspec.shadow.call import Call
from arspec.shadow.memory import plain
from arspec.shadow.places import Place, here
from arspec.shadow.tracer import EMPTY

MOST = 4096  # operations that are told
MAX_SITES = 1 << 14  # of one operation, whose contexts are told


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
        if call.depth or call.signature.name in EMPTY:
            return
        given = [t for t in call.inputs if plain(t)]
        made = [t for t in call.targets if plain(t) and t.numel()]
        self.alive += made
        read = {t.untyped_storage()._cdata for t in given}
        if not made or (not call.mutated and all(t.untyped_storage()._cdata in read for t in made)):
            return
        out = made[0]
        labels = call.memory.labels(out)
        if not bool((labels != CONSTANT).any()):
            return
        if len(self.found) >= MOST:
            self.more += 1
            return
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


def _alike(labels: Tensor, axis: int) -> bool:
    return bool((labels == labels.narrow(axis, 0, 1)).all())


def _members(algebra: Any, labels: Tensor) -> NDArray[np.bool_]:
    return algebra.members(labels)
