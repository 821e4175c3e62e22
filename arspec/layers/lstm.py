"""`lstm`: a long short-term memory over a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from arspec.layers.base import Weights
from arspec.layers.recurrent import Recurrent

if TYPE_CHECKING:
    from torch import Tensor


class Lstm(Recurrent):
    """A long short-term memory over a grid. Its input gives 4 × its channels in each group, in the order o, f, i, g.
    `state: [[-1, -1], [-1, 0], [-1, 1]]` with `carry: 1` is a Row LSTM of kernel 3. [[0, -1], [-1, 0]] is a Diagonal
    LSTM from the left, and [[-1]] is one over time. o, f, i, g = σ, σ, σ, tanh of the input's part plus the states'
    part. c = f ⊙ c' + i ⊙ g with c' the carried cell. h = o ⊙ tanh c. (van den Oord et al. 2016a, equation 3.)"""

    layer: Literal["lstm"]
    example = (
        "gates: {layer: conv, from: first, out: 96, mask: so_far}\n"
        "state: {layer: lstm, state: [[-1, -1], [-1, 0], [-1, 1]], carry: 1}"
    )
    gates = 4
    kept = 2

    def cell(self, w: Weights, gates: Tensor, states: Tensor, carried: Tensor) -> list[Tensor]:
        o, f, i, g = (gates + states @ w["weight"]).chunk(4, -1)
        cell = f.sigmoid() * carried[..., o.shape[-1] :] + i.sigmoid() * g.tanh()
        return [o.sigmoid() * cell.tanh(), cell]
