"""`gate`: tanh of one half of the channels times sigmoid of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from arspec.layers.base import Fault, Layer, Node, Ref, Style, Traits, Weight, Weights
from arspec.layers.condition import (
    condition_reads,
    condition_weight,
    conditioned,
    conditioned_sites,
    hoist_condition,
    prepare_condition_sites,
)  # fmt: skip
from arspec.reads import Reads
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Gate(Layer):
    """y = f(a + V_a h) ⊙ σ(b + V_b h). Here a and b are the two halves of the channels of each group, and h is the
    condition, if there is one. f is tanh, or the identity as in PixelCNN++. (van den Oord et al. 2016b, equations 2 to
    4; 2016c, equations 2 and 3.)"""

    layer: Literal["gate"]
    example = (
        "condition: {label: {kind: class, classes: 10}}\n"
        "graph:\n"
        "  both: {layer: conv, from: first, out: 48, mask: so_far}\n"
        "  gated: {layer: gate, condition: label}"
    )
    condition: Ref | None = Field(
        None, description="A condition, or a node computed from one: adds V h to both halves."
    )
    function: Literal["tanh", "identity"] = Field("tanh", description="What the first half goes through.")
    ports = ("condition",)

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        if into.channels % 2:
            raise Fault("AR403", f"a gate halves the channels of each group, and '{node.inputs[0].name}' gives {into}",
                        "give the layer before it an even number of channels a group")  # fmt: skip
        condition_weight(node)
        return Type(into.grid, into.groups, into.channels // 2, into.frame)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        return condition_reads(node, member)

    def weights(self, node: Node) -> dict[str, Weight]:
        return condition_weight(node)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        x = conditioned(xs[0], xs[1] if len(xs) > 1 else None, w)
        if node.out.groups == 1:  # four dimensions keep the layout of the memory
            return self._gated(*x.chunk(2, 1))
        return self._gated(*x.view(len(x), node.out.groups, 2, -1, *x.shape[2:]).unbind(2)).flatten(1, 2)

    def _gated(self, a: Tensor, b: Tensor) -> Tensor:
        return (a.tanh() if self.function == "tanh" else a) * b.sigmoid()

    def prepare_sites(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        return prepare_condition_sites(node, w, group)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        x = conditioned_sites(xs, w)
        return self._gated(*x.chunk(2, -1)) if self.function == "tanh" else torch.nn.functional.glu(x)

    def hoist(self, node: Node, w: Weights, port: int, x: Tensor) -> Tensor:
        return hoist_condition(w, x)

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False, hoisted=frozenset({1}))

    def style(self, node: Node) -> Style:
        return Style("gate", f"{'tanh' if self.function == 'tanh' else 'x'} ⊙ σ")
