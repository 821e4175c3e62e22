"""`attention`: every site weighs the values of the sites that its mask lets it see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Constants, Fault, Layer, MaskText, Node, Ref, Style, Traits, Weights
from arspec.layers.dense import between, numbers_between
from arspec.layers.helpers import channels_first, sites_last
from arspec.layers.read import check_read
from arspec.reads import Pointwise, Ranked, Reads, Whole
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Attention(Layer):
    """softmax(q · k / √d) over the sites that the mask allows, times their values (Vaswani et al. 2017). `from` gives
    the queries; keys and values are nodes of their own, such as 1×1 convolutions. They may lie on another grid than the
    queries: that of a condition, or a coarser one of the data. `mask: earlier` leaves out the site itself, and a site
    that sees nothing gets zeros; `mask: so_far` includes it."""

    layer: Literal["attention"]
    example = (
        "k: {layer: conv, from: first, out: 24, mask: so_far}\n"
        "v: {layer: conv, from: first, out: 24, mask: so_far}\n"
        "seen: {layer: attention, from: first, keys: k, values: v, heads: 2, mask: so_far}"
    )
    keys: Ref = Field(description="The node that gives the keys: as many channels as the queries, on any grid.")
    values: Ref = Field(description="The node that gives the values, on the grid of the keys.")
    mask: MaskText | None = Field(
        None, description="Which sites are seen: earlier, so_far, ... All of them without it."
    )
    heads: Annotated[int, Field(ge=1, le=1024)] = Field(1, description="Heads: each takes its share of the channels.")
    ports = ("keys", "values")

    @property
    def masked_input(self) -> int:
        return 1

    def infer(self, node: Node) -> Type:
        queries, keys, values = node.ins
        check_read(node)
        if queries.channels != keys.channels:
            raise Fault("AR402", f"queries give {queries}, keys {keys}: they take equal numbers of channels",
                        "change `out` of one of them", "keys")  # fmt: skip
        for port, kind in (("from", queries), ("values", values)):
            if kind.channels % self.heads:
                raise Fault("AR403", f"{kind.channels} channels can't be shared out among {self.heads} heads",
                            f"take a multiple of {self.heads} in each channel group", port)  # fmt: skip
        return Type(queries.grid, queries.groups, values.channels, queries.frame)

    def reads_work(self, node: Node) -> int:
        return numbers_between(node.out, node.ins[1], node.mask)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        relation = between(node.out, node.ins[1], node.mask, member)
        return [Pointwise(), relation, relation]

    def constants(self, node: Node, member: Member) -> Constants:
        """The mask as the computation takes it; nothing where every site sees every site.

        Where the sites are a sequence by rank: `strict`, whether a site sees lower ranks alone, or its own too. `rank`
        [S]: the sites' numbers in that order. `order` [S]: the sites by rank, where they are not sorted. No matrix is
        kept. Else `mask` [S_out, S_in], and where some see nothing `seeing` [S_out], who sees anything."""
        relation = between(node.out, node.ins[1], node.mask, member)
        if isinstance(relation, Whole):
            return {}
        if isinstance(relation, Ranked) and _is_a_sequence(relation):
            order = relation.by_rank
            found: Constants = {"rank": np.argsort(order), "strict": relation.strict}
            return found if np.array_equal(order, np.arange(len(order))) else {**found, "order": order}
        mask = relation.matrix()
        seeing = np.logical_or.reduce(mask, axis=1)
        return {"mask": mask} if seeing.all() else {"mask": mask | ~seeing[:, None], "seeing": seeing}

    def _heads(self, x: Tensor) -> Tensor:
        """[B, S, C] -> [B, heads, S, C / heads]"""
        if x.shape[1] == 1:
            return x.view(x.shape[0], self.heads, 1, -1)
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        import torch

        q, k, v = (sites_last(x, own.groups) for x, own in zip(xs, node.ins, strict=True))
        if "order" in c:
            q, k, v = (x.index_select(1, c["order"]) for x in (q, k, v))
        if "strict" in c:
            y = self._in_sequence(q, k, v, c["strict"])
        else:
            y = self._masked(q, self._heads(k), self._heads(v), c)
        if "order" in c:
            y = torch.zeros_like(y).index_copy(1, c["order"], y)
        return channels_first(y, node.out)

    def _in_sequence(self, q: Tensor, k: Tensor, v: Tensor, strict: bool) -> Tensor:
        """Sites sorted by rank: each sees those before it, and itself unless `strict`: [B, S, C] -> [B, S, D]."""
        import torch

        if strict:  # site i sees what site i - 1 would see if it saw itself; the first sees nothing
            return torch.nn.functional.pad(self._in_sequence(q[:, 1:], k[:, :-1], v[:, :-1], False), (0, 0, 1, 0))
        attention = torch.nn.functional.scaled_dot_product_attention
        return self._side_by_side(attention(self._heads(q), self._heads(k), self._heads(v), is_causal=True))

    def _masked(self, q: Tensor, k: Tensor, v: Tensor, c: Constants) -> Tensor:
        """q [B, n, C], k [B, heads, S, C / heads], v [B, heads, S, D / heads] -> [B, n, D]. mask [n, S], and `seeing`
        [n] as in `constants`."""
        import torch

        mask, seeing = c.get("mask"), c.get("seeing")
        seen = self._side_by_side(torch.nn.functional.scaled_dot_product_attention(self._heads(q), k, v, mask))
        return seen if seeing is None else seen * seeing[:, None]

    def _side_by_side(self, y: Tensor) -> Tensor:
        """[B, heads, S, C / heads] -> [B, S, C]"""
        return y.reshape(y.shape[0], 1, -1) if y.shape[2] == 1 else y.transpose(1, 2).flatten(2)

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        import torch

        if len(columns[1]) and node.mask is not None:  # keys and values are gathered
            device = (c["mask"] if "mask" in c else c["rank"]).device
            return {"column": torch.arange(len(columns[1]), device=device)}
        if "strict" in c:
            return {"rank": c["rank"], "last": c["rank"] - int(c["strict"])}
        return {key: c[key] for key in ("mask", "seeing") if key in c}

    def view_context(self, node: Node, port: int, x: Tensor) -> Tensor:
        return self._heads(x)

    def hoist(self, node: Node, w: Weights, port: int, x: Tensor) -> Tensor:
        """Keys or values that all sites read, [B, n, S * C] -> [B, n, heads * S * C / heads]."""
        heads = x.view(*x.shape[:2], -1, self.heads, node.ins[port].channels // self.heads)
        return heads.transpose(2, 3).flatten(2)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor | None) -> Tensor:
        q, keys, values = xs
        if node.mask is not None and keys.ndim == 3:  # gathered for each site, and none where no site reads any
            assert sites is not None
            if "column" not in w:
                return q.new_zeros(*q.shape[:2], node.out.channels)
            return self._among(q, keys, values, w["column"] < sites[:, None])
        if node.mask is None:  # every site reads the same: the first row of what was hoisted is all of it
            keys, values = (
                x[:, 0].view(len(x), self.heads, -1, own.channels // self.heads)
                for x, own in zip(xs[1:], node.ins[1:], strict=True)
            )
        if sites is None or not w:
            return self._masked(q, keys, values, {})
        known = keys.shape[2]  # that are there
        found = {key: value.index_select(0, sites) for key, value in w.items() if key != "rank"}
        if "rank" in w:  # each site sees up to the last
            last = found.pop("last")
            seeing = last >= 0
            found = {"mask": (w["rank"][:known] <= last[:, None]) | ~seeing[:, None], "seeing": seeing}
        elif "mask" in found:
            found["mask"] = found["mask"][:, :known]
        return self._masked(q, keys, values, found)

    def _among(self, q: Tensor, keys: Tensor, values: Tensor, seen: Tensor) -> Tensor:
        """Attention among M places for each site: q [B, n, C], keys [B, n, M * C], values [B, n, M * D] -> [B, n, D].

        seen [n, M]: which of the places a site sees. A site that sees nothing gets zeros."""
        import torch

        some = seen[:, :1]
        k, v = (x.view(*x.shape[:2], seen.shape[1], self.heads, -1).transpose(2, 3) for x in (keys, values))
        mask = (seen | ~some)[:, None, None]  # [n, 1, 1, M]
        found = torch.nn.functional.scaled_dot_product_attention(q.view(*q.shape[:2], self.heads, 1, -1), k, v, mask)
        return found.flatten(2) * some

    def traits(self, node: Node) -> Traits:
        hoisted = frozenset({1, 2} if node.mask is None else ())  # what every site reads whole is laid out once
        return Traits(full_context=True, gathered_context=True, hoisted=hoisted)

    def style(self, node: Node) -> Style:
        return Style("attention", f"{self.heads} heads, mask {node.mask}" if node.mask else f"{self.heads} heads")


def _is_a_sequence(relation: Ranked) -> bool:
    """Whether queries and keys are the same sites, and no two of them have one rank."""
    same = np.array_equal(relation.out_rank, relation.in_rank)
    return same and len(np.unique(relation.in_rank)) == len(relation.in_rank)
