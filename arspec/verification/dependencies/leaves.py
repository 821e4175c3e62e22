"""Float leaves inside a function whose input is made of integers.

Integers have no gradient, but somewhere they become floats: in an embedding, a one-hot, a division.
Every operation that takes an integer (or boolean) tensor and gives a float one is such a boundary. Zeros
that want a gradient are added to its result, and the scalar that each entry of it stands for is read off
from a batch of coded examples: bit j of its number tells whether a scalar is changed in example j. Entries
that stand for several scalars, or for none, are left out, which the coded examples show as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from arspec.verification.dependencies.subject import Leaf, Traced

CHECKS = 16  # random examples that a decoded entry has to agree with: chance passes with 2^-16


def find_leaves(
    run: Callable[[Tensor], Tensor],
    shape: tuple[int, ...],
    variable: NDArray[np.int64],
    alphabet: Tensor,
    generator: torch.Generator,
) -> Callable[[Tensor], Traced] | None:
    """The traced form of `run` (x [B, *shape] -> parameters [B, V, K]), or None where it has no leaf.

    The input itself is a leaf where the alphabet is of floats; every boundary that can be decoded is another.
    """
    boundaries = _decode(run, shape, alphabet, generator)
    from_floats = alphabet.is_floating_point()
    if not from_floats and not any(boundary is not None for boundary in boundaries):
        return None

    def trace(x: Tensor) -> Traced:
        leaves: list[Leaf] = []
        if from_floats:
            x = x.detach().clone().requires_grad_()
            leaves.append(Leaf(x, variable))

        def add_zeros(call: int, out: Tensor) -> Tensor:
            boundary = boundaries[call] if call < len(boundaries) else None
            if boundary is None:
                return out
            zeros = torch.zeros_like(out, requires_grad=True)
            owner = np.where(boundary.scalar < 0, -1, variable[boundary.scalar])
            leaves.append(Leaf(zeros, owner, boundary.axis))
            return out + zeros

        with _AtBoundaries(add_zeros):
            return Traced(run(x), leaves)

    return trace


@dataclass(frozen=True)
class _Boundary:
    """The scalar [n] that each entry of one example stands for (-1: none), and where the batch axis is."""

    scalar: NDArray[np.int64]
    axis: int


class _AtBoundaries(TorchFunctionMode):
    """Passes the result of each operation from integers to floats through `edit(number of the call, result)`."""

    def __init__(self, edit: Callable[[int, Tensor], Tensor]) -> None:
        super().__init__()
        self.edit = edit
        self.calls = 0

    def __torch_function__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and out.is_floating_point() and _has_integers([*args, *(kwargs or {}).values()]):
            out = self.edit(self.calls, out)
            self.calls += 1
        return out


def _has_integers(values: Sequence[Any]) -> bool:
    return any(
        (isinstance(value, Tensor) and not value.is_floating_point())
        or (isinstance(value, list | tuple) and _has_integers(value))  # pyright: ignore[reportUnknownArgumentType]
        for value in values
    )


def _decode(
    run: Callable[[Tensor], Tensor], shape: tuple[int, ...], alphabet: Tensor, generator: torch.Generator
) -> list[_Boundary | None]:
    """One run on coded examples: for each boundary in the order of the calls, what its entries stand for."""
    scalars = int(np.prod(shape))
    bits = scalars.bit_length()
    numbers = torch.arange(1, scalars + 1)  # 0 is the code of "no scalar"
    coded = torch.stack([(numbers >> bit) & 1 for bit in range(bits)]).bool()
    checks = torch.rand((CHECKS, scalars), generator=generator) < 0.5
    while 1 + bits + len(checks) in shape:  # so that no other axis is taken for the batch
        checks = torch.cat([checks, checks[:1]])
    changed = torch.cat([torch.zeros((1, scalars), dtype=torch.bool), coded, checks])
    batch = len(changed)
    x = torch.where(changed, alphabet[-1], alphabet[0]).reshape(batch, *shape)
    results: list[Tensor] = []

    def record(call: int, out: Tensor) -> Tensor:
        results.append(out.detach().clone())  # a later operation may write into it
        return out

    with torch.no_grad(), _AtBoundaries(record):
        run(x)

    boundaries: list[_Boundary | None] = []
    for out in results:
        axis = next((axis for axis, size in enumerate(out.shape) if size == batch), 0)
        if out.dim() == 0 or out.shape[axis] % batch:
            boundaries.append(None)
            continue
        entries = out.movedim(axis, 0).reshape(batch, -1)
        moved = entries != entries[:1]
        weights = 2 ** torch.arange(bits)
        number = (moved[1 : 1 + bits].long() * weights[:, None]).sum(0)
        valid = (number >= 1) & (number <= scalars)
        scalar = torch.where(valid, number - 1, 0)
        valid &= (moved == changed[:, scalar]).all(0)
        boundaries.append(_Boundary(torch.where(valid, scalar, -1).numpy(), axis) if bool(valid.any()) else None)
    return boundaries
