"""`top_k`: of each site's channels the largest; the others become nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from arspec.layers.base import Fault, Layer, Node, Style, Traits, Weights
from arspec.reads import Pointwise, Reads, Whole
from arspec.types import Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class TopK(Layer):
    """Keeps the `take` largest channels of each site, in each channel group by itself. The others become zero, or −∞.
    Of equal ones the first is kept. What it is taken over decides what a site reads:

    - `channels`: the channels of the own group, at the own position. Always safe.
    - `space`: for each channel the largest of all positions. Leaks, wherever it carries data: a later position pushes
      out an earlier one. This is the choice that experts make (Zhou et al. 2022, "Mixture-of-Experts with Expert Choice
      Routing").

    `balance` adds a loss to training that is least where all channels are kept equally often: balance · C · Σ_c f_c ·
    p_c. Here f_c is the share of sites that keep channel c, and p_c the mean of that channel over all sites of the
    batch (Fedus et al. 2021, "Switch Transformers", equations 4 to 6). It is no part of the likelihood."""

    layer: Literal["top_k"]
    example = "shares: {layer: softmax, from: first}\ntaken: {layer: top_k, take: 2, normalise: true}"
    take: Annotated[int, Field(ge=1, le=1 << 20)] = Field(description="How many are kept.")
    rest: Literal["zero", "-inf"] = Field("zero", description="What the others become.")
    normalise: bool = Field(False, description="Whether the kept ones, from 0 on, are divided by the site's sum.")
    over: Literal["channels", "space"] = Field("channels", description="What the largest are looked for among.")
    balance: Annotated[float, Field(ge=0, le=1000)] = Field(
        0.0, description="Weight of the loss that balances how often each channel is kept."
    )

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        among = into.channels if self.over == "channels" else into.positions
        if self.take > among:
            what = "channels a group" if self.over == "channels" else "positions"
            raise Fault("AR443", f"`take` is {self.take}, and '{node.inputs[0].name}' has {among} {what}",
                        f"take at most {among}", "take", str(among))  # fmt: skip
        if self.normalise and self.rest != "zero":
            raise Fault("AR110", "`normalise` divides by a sum, which has no value where the rest is −∞",
                        "leave it out: a softmax behind it normalises", "normalise")  # fmt: skip
        return Type(into.grid, into.groups, into.channels, into.frame)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        if self.over == "channels":
            return [Pointwise()]
        return [Whole(node.out.sites, node.ins[0].sites, node.out.groups)]

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        x = xs[0].unflatten(1, (node.out.groups, -1))
        if self.over == "channels":
            return self._normal(_kept(x, self.take, 2, self._rest), 2).flatten(1, 2)
        flat = _kept(x.flatten(3), self.take, 3, self._rest)
        return self._normal(flat, 2).reshape(xs[0].shape)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        if self.over == "channels":
            return self._normal(_kept(xs[0], self.take, -1, self._rest), -1)
        import torch

        all_of = xs[0].unflatten(-1, (-1, node.out.channels))  # [B, n, P, C]
        own = sites % node.out.positions
        kept = _kept(all_of, self.take, 2, self._rest)[:, torch.arange(len(own), device=own.device), own]
        return self._normal(kept, -1)

    @property
    def _rest(self) -> float:
        return 0.0 if self.rest == "zero" else -math.inf

    def _normal(self, y: Tensor, dim: int) -> Tensor:
        if not self.normalise:
            return y
        total = y.sum(dim, keepdim=True)
        return y / total.masked_fill(total == 0, 1)

    def auxiliary(self, node: Node, xs: list[Tensor], y: Tensor) -> Tensor:
        dims = [0, *range(2, y.ndim)]
        often = (y != self._rest).to(y.dtype).mean(dims)
        return self.balance * node.out.channels * (often.detach() * xs[0].mean(dims)).sum() / node.out.groups

    def reason(self, node: Node, this: str, that: str) -> str | None:
        if self.over == "channels":
            return None
        return (
            f"of each channel the {self.take} largest of all {node.out.positions} positions are kept: a larger value "
            f"at ({that}) pushes out ({this}); taken by sites, over channels, nothing later pushes out an earlier one"
        )

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=self.over == "space", auxiliary=self.balance > 0)

    def style(self, node: Node) -> Style:
        words = [str(self.take)] + ([] if self.over == "channels" else ["over space"])
        return Style("route", ", ".join(words + (["normalised"] if self.normalise else [])))


def _kept(x: Tensor, take: int, dim: int, rest: float) -> Tensor:
    """x with `rest` in place of all but the largest along an axis; of equal ones the first are kept."""
    import torch

    largest = torch.sort(x.detach(), dim=dim, descending=True, stable=True).indices.narrow(dim, 0, take)
    kept = torch.zeros_like(x, dtype=torch.bool).scatter(dim, largest, True)
    return x.masked_fill(~kept, rest)
