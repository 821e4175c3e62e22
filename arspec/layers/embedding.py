"""`embedding`: a learned vector for every level of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from arspec.layers.alphabet import levels_of
from arspec.layers.base import Channels, Fault, Layer, Node, Style, Traits, Weight, Weights
from arspec.layers.helpers import per_group
from arspec.types import Ints, Type

if TYPE_CHECKING:
    from torch import Tensor


class Embedding(Layer):
    """A learned vector for every level; each channel group has its own table."""

    layer: Literal["embedding"]
    example = "vectors: {layer: embedding, from: x, out: 24}"
    out: Channels = Field(description="Channels, over all channel groups.")
    deviation: Annotated[float, Field(gt=0, le=100)] = Field(
        1.0, description="Standard deviation of the vectors at the start; 0.02 where a head shares them, as in GPT-2."
    )

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        levels_of(node)
        if into.channels != 1:
            raise Fault("AR405", "`embedding` takes one integer a site, and joint channels give several",
                        "use one_hot, or generate the channels one after another")  # fmt: skip
        return Type(into.grid, into.groups, per_group(self.out, into.groups), into.frame)

    def weights(self, node: Node) -> dict[str, Weight]:
        return {"weight": Weight((node.out.groups, levels_of(node), node.out.channels), deviation=self.deviation)}

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        from arspec.layers.shared_table import rows_of

        x, tables = xs[0].long(), w["weight"]
        if node.out.groups > 1:
            import torch

            first = torch.arange(0, tables.shape[:2].numel(), tables.shape[1], device=x.device)
            x = x + first.view(-1, *[1] * len(node.out.grid))
        return rows_of(tables, x).movedim(-1, 2).flatten(1, 2)  # channels last in memory where there is one group

    def prepare_sites(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        return {"weight": w["weight"][group]}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        from torch.nn import functional as F

        return F.embedding(xs[0].long().squeeze(-1), w["weight"])

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False, float_leaf=True, takes_rows=True)

    def style(self, node: Node) -> Style:
        return Style("input", f"{levels_of(node)} levels")
