"""`gru`: a gated recurrent unit over a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from arspec.layers.base import Node, Weight, Weights
from arspec.layers.recurrent import Recurrent

if TYPE_CHECKING:
    from torch import Tensor


class Gru(Recurrent):
    """A gated recurrent unit over a grid. Its input gives 3 × its channels in each group, in the order r, z, n.
    r, z = σ of the input's part plus the states' part. n = tanh(input's part + r ⊙ (states' part + b)).
    h = (1 − z) ⊙ n + z ⊙ h' with h' the carried state. (Cho et al. 2014, in the form of torch's GRU.)"""

    layer: Literal["gru"]
    example = "gates: {layer: conv, from: first, out: 72, mask: so_far}\nstate: {layer: gru, state: [[0, -1], [-1, 0]]}"
    gates = 3

    def weights(self, node: Node) -> dict[str, Weight]:
        return {**super().weights(node), "bias": Weight((node.out.width,))}

    def cell(self, w: Weights, gates: Tensor, states: Tensor, carried: Tensor) -> list[Tensor]:
        r, z, n = gates.chunk(3, -1)
        states_r, states_z, states_n = (states @ w["weight"]).chunk(3, -1)
        update = (z + states_z).sigmoid()
        new = (n + (r + states_r).sigmoid() * (states_n + w["bias"])).tanh()
        return [(1 - update) * new + update * carried]
