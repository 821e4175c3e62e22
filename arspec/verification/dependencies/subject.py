"""What the dependency tests are made on: a function from data to the parameters of every variable.

Shape letters: B batch, N scalars of one example, V variables, K parameters of a variable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Leaf:
    """A float tensor of one run whose entries each stand for a single variable.

    `variable` [n] names the variable of each of the n entries of one example (-1: of none), in the
    order that the tensor has with its batch axis moved to the front.
    """

    tensor: Tensor
    variable: NDArray[np.int64]
    axis: int = 0

    def per_example(self, values: Tensor, batch: int) -> Tensor:
        """Values shaped as the leaf -> [B, n]."""
        return values.movedim(self.axis, 0).reshape(batch, -1)


@dataclass(frozen=True)
class Traced:
    """Parameters [B, V, K] of a run, with the leaves that they can be differentiated by."""

    parameters: Tensor
    leaves: list[Leaf]


@dataclass(frozen=True)
class Subject:
    """A function from data to parameters, and what its order allows it to read.

    run         x [B, *shape] -> parameters [B, V, K]; row v belongs to the distribution of variable v
    shape       of one example, without the batch
    rank        [V] in the order of generation; v may read u only where rank[u] < rank[v]
    variable    [N] the variable that each scalar of an example belongs to (a pixel of joint channels
                is one variable of several scalars)
    alphabet    [L] the values that a scalar can take, ascending, in the function's own range and dtype
    trace       x -> the same parameters with their leaves; None where no gradient can be had
    redraw      sets the weights of draw 0, 1, 2 ...; None where they stay as they are
    modelled    [V] False for variables that the function says nothing about
    rounding    by how much of its size a number may differ that is computed of the same: above 0 where rows are grouped
                by their values, since a sum is rounded otherwise where others stand beside it
    limit       [V] in place of `rank` where v may read u: only where rank[u] < limit[v]. None: `rank` itself
    """

    run: Callable[[Tensor], Tensor]
    shape: tuple[int, ...]
    rank: NDArray[np.int64]
    variable: NDArray[np.int64]
    alphabet: Tensor
    trace: Callable[[Tensor], Traced] | None = None
    redraw: Callable[[int], None] | None = None
    modelled: NDArray[np.bool_] | None = None
    rounding: float = 0.0
    limit: NDArray[np.int64] | None = None

    @property
    def limits(self) -> NDArray[np.int64]:
        """[V]: the rank from which on v may read nothing."""
        return self.rank if self.limit is None else self.limit

    @property
    def variables(self) -> int:
        """V: how many variables one example has."""
        return len(self.rank)

    @property
    def legal(self) -> NDArray[np.bool_]:
        """[V, V]: may v (row) read u (column)? Rows of variables that are not modelled are empty."""
        legal = self.limits[:, None] > self.rank[None, :]
        return legal if self.modelled is None else legal & self.modelled[:, None]

    def random(self, count: int, generator: torch.Generator) -> Tensor:
        """[count, N] scalars drawn evenly from the alphabet."""
        picks = torch.randint(len(self.alphabet), (count, len(self.variable)), generator=generator)
        return self.alphabet[picks]

    def parameters(self, x: Tensor) -> Tensor:
        """Flat examples [B, N] -> parameters [B, V, K], without gradients."""
        with torch.no_grad():
            return self.run(x.reshape(-1, *self.shape))


def differs(left: Tensor, right: Tensor, rounding: float = 0.0) -> Tensor:
    """Where two tensors are not the same number, up to so much of its size, or of one; two NaNs are the same."""
    found = (left != right) & ~(left.isnan() & right.isnan())
    if not rounding:
        return found
    return found & ~((left - right).abs() <= rounding * left.abs().clamp(min=1))


def mixes_examples(subject: Subject, generator: torch.Generator | None = None, batch: int = 3) -> bool:
    """Whether an example of a batch is read by the others, as under the batch statistics of training."""
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    x = subject.random(batch, generator)
    changed = torch.cat([subject.random(1, generator), x[1:]])
    return bool(differs(subject.parameters(x)[1:], subject.parameters(changed)[1:], subject.rounding).any())
