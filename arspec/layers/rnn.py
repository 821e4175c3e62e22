"""`rnn`: a plain recurrent layer over a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from arspec.layers.base import Weights
from arspec.layers.recurrent import Recurrent

if TYPE_CHECKING:
    from torch import Tensor


class Rnn(Recurrent):
    """A plain recurrent layer over a grid: h = tanh(input's part + states' part) (Elman 1990)."""

    layer: Literal["rnn"]
    example = "state: {layer: rnn, from: first, state: [[0, -1]]}"
    gates = 1

    def cell(self, w: Weights, gates: Tensor, states: Tensor, carried: Tensor) -> list[Tensor]:
        return [(gates + states @ w["weight"]).tanh()]
