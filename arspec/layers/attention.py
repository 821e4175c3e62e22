"""`attention`: every site weighs the values of the sites that its mask lets it see."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from arspec.layers.base import (
    Constants,
    Fault,
    Layer,
    MaskText,
    Node,
    Ref,
    Style,
    Weights,
    channels_first,
    same_grid,
    sites_last,
)  # fmt: skip
from arspec.layers.dense import between
from arspec.reads import Pointwise, Reads, Whole
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Attention(Layer):
    """softmax(q · k / √d) over the sites that the mask allows, times their values (Vaswani et al. 2017). `from` gives
    the queries; keys and values are nodes of their own, such as 1×1 convolutions. `mask: earlier` leaves out the site
    itself, and a site that sees nothing gets zeros; `mask: so_far` includes it."""

    layer: Literal["attention"]
    placed = True
    keys: Ref = Field(description="The node that gives the keys: as many channels as the queries.")
    values: Ref = Field(description="The node that gives the values.")
    mask: MaskText | None = Field(
        None, description="Which sites are seen: earlier, so_far, ... All of them without it."
    )
    heads: Annotated[int, Field(ge=1, le=1024)] = Field(1, description="Heads: each takes its share of the channels.")
    ports = ("keys", "values")

    def infer(self, node: Node) -> Type:
        queries, keys, values = node.ins
        same_grid(node, node.ins, "queries, keys and values")
        if queries.channels != keys.channels:
            raise Fault("AR402", f"queries give {queries}, keys {keys}: they take equal numbers of channels",
                        "change `out` of one of them", "keys")  # fmt: skip
        for port, kind in (("from", queries), ("values", values)):
            if kind.channels % self.heads:
                raise Fault("AR403", f"{kind.channels} channels can't be shared out among {self.heads} heads",
                            f"take a multiple of {self.heads} in each channel group", port)  # fmt: skip
        return Type(queries.grid, queries.groups, values.channels, queries.frame)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        relation = between(node.out, node.ins[1], node.mask, member)
        return [Pointwise(), relation, relation]

    def constants(self, node: Node, member: Member) -> Constants:
        relation = between(node.out, node.ins[1], node.mask, member)
        return {} if isinstance(relation, Whole) else {"mask": relation.matrix()}

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """q [B, n, C], k [B, S, C], v [B, S, D], mask [n, S] -> [B, n, D]."""
        heads = self.heads
        q, k, v = (t.unflatten(2, (heads, -1)).transpose(1, 2) for t in (q, k, v))
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
            nothing = ~mask.any(1, keepdim=True)
            scores = scores.masked_fill(nothing, 0.0)  # a softmax over nothing would be 0 / 0, in the gradient too
            shares = scores.softmax(-1).masked_fill(nothing, 0.0)
        else:
            shares = scores.softmax(-1)
        return (shares @ v).transpose(1, 2).flatten(2)

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        q, k, v = (sites_last(x, node.out.groups) for x in xs)
        return channels_first(self._attend(q, k, v, c.get("mask")), node.out)

    def fold(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        return {"mask": c["mask"]} if "mask" in c else {}

    def few(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        mask = w["mask"].index_select(0, sites)[:, : xs[1].shape[1]] if "mask" in w else None
        # Without a mask every site reads the same: the first row of what was gathered is all of it.
        keys, values = (x if x.ndim == 3 else x[:, 0] for x in xs[1:])
        return self._attend(xs[0].squeeze(2), keys, values, mask)

    def style(self, node: Node) -> Style:
        return Style("attention", f"{self.heads} heads, mask {node.mask}" if node.mask else f"{self.heads} heads")
