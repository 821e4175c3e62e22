"""`position`: learned channels that tell where a position lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Channels, Constants, Layer, Node, Style, Weight, Weights
from arspec.layers.helpers import per_group, sites_last
from arspec.layers.places import At, check_at, check_one_by_one
from arspec.reads import Reads, Window
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Position(Layer):
    """Learned numbers for every position, to be added to what lies there (the position embedding of a transformer). It
    takes its grid and channel groups from its input, and reads nothing of it. `at: next` gives the numbers of the
    position that comes next in the order of generation, which a decoder in a shuffled order has to be told (sigma-GPT:
    Pannatier, Courdier, Fleuret 2024; RAR: Yu et al. 2024). Beyond the ends of the order lie zeros."""

    layer: Literal["position"]
    example = "place: {layer: position, from: first, out: 24}\nsum: {layer: add, from: [first, place]}"
    out: Channels = Field(description="Channels, over all channel groups.")
    at: At = Field(
        "own", description="Whose place: the site's own, or that of the variable that comes next, or came previously, "
        "in the order of generation."
    )  # fmt: skip

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        check_at(node, self.at)
        return Type(into.grid, into.groups, per_group(self.out, into.groups), into.frame)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        check_one_by_one(node, self.at, member)
        return [Window(node.out.groups, node.out.positions, node.ins[0].groups, node.ins[0].positions, ())]

    def weights(self, node: Node) -> dict[str, Weight]:
        return {"weight": Weight((node.out.width, *node.out.grid), deviation=0.02)}

    def along_steps(self, weight: str) -> int | None:
        return 1 if self.at == "own" else None

    def constants(self, node: Node, member: Member) -> Constants:
        """`place` [P]: the position whose numbers each takes; P beyond the ends of the order."""
        if self.at == "own":
            return {}
        rank = member.order.position_rank.ravel()
        by_rank = np.append(
            np.argsort(rank), len(rank)
        )  # what lies beyond is the last, also counted from the beginning
        return {"place": by_rank[rank + (1 if self.at == "next" else -1)]}

    def _table(self, w: Weights, c: Constants) -> Tensor:
        """[G * C, *grid]"""
        from torch.nn import functional as F

        weight = w["weight"]
        if "place" not in c:
            return weight
        return F.pad(weight.flatten(1), (0, 1)).index_select(1, c["place"]).view(weight.shape)

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        table = self._table(w, c)
        return table.expand(len(xs[0]), *table.shape)

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        return {"values": sites_last(self._table(w, c)[None], node.out.groups)[0]}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        values = w["values"].index_select(0, sites)
        return values.expand(len(xs[0]), *values.shape)

    def style(self, node: Node) -> Style:
        return Style("input", "learned" if self.at == "own" else f"learned, of the {self.at}")
