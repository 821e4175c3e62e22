"""`attention`: every site weighs the values of the sites that its mask lets it see."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Constants, Fault, Layer, MaskText, Node, Ref, Style, Traits, Weight, Weights
from arspec.layers.block_attention import (
    keys_in_blocks,
    out_of_blocks,
    queries_in_blocks,
    run_constants,
    shown_by_runs,
    shown_in_blocks,
)
from arspec.layers.helpers import channels_first, sites_last
from arspec.layers.near import numbers_read, reading
from arspec.layers.places import places_beyond
from arspec.layers.read import check_read
from arspec.layers.relative import (
    Relative,
    bias_between,
    by_distance,
    check_relative,
    relative_constants,
    relative_weights,
)
from arspec.reads import Pointwise, Ranked, Reads, Whole
from arspec.runs import Runs
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Attention(Layer):
    """softmax(q · k / √d) over the sites that the mask allows, times their values (Vaswani et al. 2017). `from` gives
    the queries; keys and values are nodes of their own, such as 1×1 convolutions. They may lie on another grid than the
    queries: that of a condition, or a coarser one of the data. `mask: earlier` leaves out the site itself, and a site
    that sees nothing gets zeros; `mask: so_far` includes it.

    Heads may share keys and values in groups (`kv_heads`: Ainslie et al. 2023). The size d of a head is the queries'
    channels by `heads`, and keys have `kv_heads` times as many. Values may have heads of another size."""

    layer: Literal["attention"]
    example = (
        "k: {layer: conv, from: first, out: 24, mask: so_far}\n"
        "v: {layer: conv, from: first, out: 24, mask: so_far}\n"
        "seen: {layer: attention, from: first, keys: k, values: v, heads: 2, mask: so_far}"
    )
    keys: Ref = Field(description="The node that gives the keys: `kv_heads` times the size of a head, on any grid.")
    values: Ref = Field(description="The node that gives the values, on the grid of the keys.")
    mask: MaskText | None = Field(
        None, description="Which sites are seen: earlier, so_far, ... All of them without it."
    )
    heads: Annotated[int, Field(ge=1, le=1024)] = Field(1, description="Heads: each takes its share of the channels.")
    kv_heads: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None, description="Heads of keys and values, each shared by equally many queries' heads; `heads` if left out."
    )
    scale: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        None, strict=False, description="What scores are multiplied by: 1 / √d if left out."
    )
    soft_cap: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        None, strict=False, description="Scores s become cap · tanh(s / cap) (Gemma 2)."
    )
    sinks: bool = Field(
        False, description="Whether each head has a learned score of its own that takes a share, and gives nothing."
    )
    relative: Relative | None = Field(
        None, description="What is added to a score by the steps between query and key: `{kind: alibi}`, or "
        "`{kind: buckets, buckets: 32, farthest: 128, both_ways: false}`."
    )  # fmt: skip
    ports = ("keys", "values")
    quick = "attended"

    @property
    def masked_input(self) -> int:
        return 1

    @property
    def shared(self) -> int:
        """The heads of keys and values."""
        return self.kv_heads or self.heads

    def infer(self, node: Node) -> Type:
        queries, keys, values = node.ins
        check_read(node)
        if self.heads % self.shared:
            raise Fault("AR422", f"{self.heads} heads of queries can't share {self.shared} heads of keys and values",
                        "take a number of `kv_heads` that divides `heads`", "kv_heads")  # fmt: skip
        for port, kind, heads in (("from", queries, self.heads), ("values", values, self.shared)):
            if kind.channels % heads:
                raise Fault("AR403", f"{kind.channels} channels can't be shared out among {heads} heads",
                            f"take a multiple of {heads} in each channel group", port)  # fmt: skip
        if queries.channels * self.shared != keys.channels * self.heads:
            takes, wanted = "they take equal numbers of channels", queries.channels // self.heads * self.shared
            if self.shared != self.heads:
                takes = f"{self.shared} heads of keys of the queries' size have {wanted} channels in each group"
            raise Fault("AR402", f"queries give {queries}, keys {keys}: {takes}",
                        "change `out` of one of them", "keys")  # fmt: skip
        if self.relative is not None:
            check_relative(node, self.relative)
        return Type(queries.grid, queries.groups, values.channels // self.shared * self.heads, queries.frame)

    def reads_work(self, node: Node) -> int:
        assert node.first is not None
        return numbers_read(node.out, node.ins[1], node.mask, node.first)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        relation = reading(node.out, node.ins[1], node.mask, member)
        return [Pointwise(), relation, relation]

    def weights(self, node: Node) -> dict[str, Weight]:
        sinks = {"sinks": Weight((self.heads,))} if self.sinks else {}
        return {**sinks, **relative_weights(self.relative, self.heads)}

    def constants(self, node: Node, member: Member) -> Constants:
        """The mask as the computation takes it; nothing where every site sees every site.

        Where the sites are a sequence by rank: `strict`, whether a site sees lower ranks alone, or its own too. `rank`
        [S]: the sites' numbers in that order. `order` [S]: the sites by rank, where they are not sorted. No matrix is
        kept. Where they see runs of sites: what `run_constants` gives, no matrix either. Else `mask` [S_out, S_in], and
        where some see nothing `seeing` [S_out], who sees anything. Beside them what `relative` takes."""
        near: Constants = {}
        if self.relative is not None:
            near = relative_constants(self.relative, self.heads, node.out, node.ins[1])
        relation = reading(node.out, node.ins[1], node.mask, member)
        if isinstance(relation, Whole):
            return near
        if isinstance(relation, Ranked) and _is_a_sequence(relation):
            order = relation.by_rank
            found: Constants = {**near, "rank": np.argsort(order), "strict": relation.strict}
            return found if np.array_equal(order, np.arange(len(order))) else {**found, "order": order}
        if isinstance(relation, Runs):
            return {**near, **run_constants(relation)}
        mask = relation.matrix()
        seeing = np.logical_or.reduce(mask, axis=1)
        mask = {"mask": mask} if seeing.all() else {"mask": mask | ~seeing[:, None], "seeing": seeing}
        return {**near, **mask}

    def _heads(self, x: Tensor) -> Tensor:
        """Keys or values: [B, S, C] -> [B, kv_heads, S, C / kv_heads]"""
        if x.shape[1] == 1:
            return x.view(x.shape[0], self.shared, 1, -1)
        return x.view(*x.shape[:2], self.shared, -1).transpose(1, 2)

    # -- all sites -----------------------------------------------------------------------------------------------------

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        import torch

        q, k, v = (sites_last(x, own.groups) for x, own in zip(xs, node.ins, strict=True))
        more = self._scoring(w, c)
        if self._plain and "strict" in c:
            if "order" in c:
                q, k, v = (x.index_select(1, c["order"]) for x in (q, k, v))
            y = self._in_sequence(q, k, v, c["strict"])
            if "order" in c:
                y = torch.zeros_like(y).index_copy(1, c["order"], y)
            return channels_first(y, node.out)
        if "queries" in c:
            return channels_first(self._in_blocks(q, k, v, c, more), node.out)
        if "strict" in c:
            more |= _up_to(c["rank"], c["rank"] - int(c["strict"]))
        elif "start" in c:
            more |= shown_by_runs(c, k.shape[1])
        else:
            more |= {key: c[key] for key in ("mask", "seeing") if key in c}
        return channels_first(self._weighed(q, self._heads(k), self._heads(v), more), node.out)

    @property
    def _plain(self) -> bool:
        """Whether a score is nothing but the product of a query and a key."""
        return self.soft_cap is None and not self.sinks and self.relative is None

    def _scoring(self, w: Weights, c: Constants) -> Weights:
        """What scores take beside queries and keys: `sinks` [heads], and of relative positions `by_distance`."""
        found: Weights = {"sinks": w["sinks"]} if self.sinks else {}
        return found if self.relative is None else {**found, **by_distance(w, c)}

    def _in_sequence(self, q: Tensor, k: Tensor, v: Tensor, strict: bool) -> Tensor:
        """Sites sorted by rank: each sees those before it, and itself unless `strict`: [B, S, C] -> [B, S, D]."""
        import torch

        if strict:  # site i sees what site i - 1 would see if it saw itself; the first sees nothing
            return torch.nn.functional.pad(self._in_sequence(q[:, 1:], k[:, :-1], v[:, :-1], False), (0, 0, 1, 0))
        q = q.unflatten(2, (self.heads, -1)).transpose(1, 2)
        attention = torch.nn.functional.scaled_dot_product_attention
        y = attention(
            q, self._heads(k), self._heads(v), is_causal=True, scale=self.scale, enable_gqa=self.shared < self.heads
        )
        return y.transpose(1, 2).flatten(2)

    def _in_blocks(self, q: Tensor, k: Tensor, v: Tensor, c: Constants, w: Weights) -> Tensor:
        """As `_weighed` of all sites: [B, S, C] -> [B, S, D]. Each block of sites reads its own keys alone."""
        queries, keys, rows = c["queries"], c["keys"], self.heads // self.shared
        q = queries_in_blocks(q, queries, self.shared, rows)
        k, v = (keys_in_blocks(x, keys, self.shared) for x in (k, v))
        mask = shown_in_blocks(c).repeat(1, rows, 1)[:, None]  # [N, 1, R * b, L]
        bias, sinks = None, None
        if "bias" in w:
            near = bias_between(w, w["at"][queries][:, :, None], w["of"][keys][:, None], q)  # [heads, N, b, L]
            bias = near.unflatten(0, (self.shared, rows)).permute(2, 0, 1, 3, 4).flatten(2, 3)[:, None]
        if self.sinks:
            sinks = w["sinks"].view(self.shared, rows, 1).repeat_interleave(queries.shape[1], 1)
        if self._plain:  # batch and heads as one, which the kernels for four dimensions take
            y = self._seen(q.flatten(1, 2), k.flatten(1, 2), v.flatten(1, 2), mask, None, None)
            y = y.unflatten(1, (-1, self.shared))
        else:
            y = self._seen(q, k, v, mask[:, None], bias, sinks)
        y = out_of_blocks(y, c["places"], rows)
        return y if "seeing" not in c else y * c["seeing"][:, None]

    # -- some sites ----------------------------------------------------------------------------------------------------

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        import torch

        more = self._scoring(w, c)
        if len(columns[1]) and node.mask is not None:  # keys and values are gathered
            device = next(c[key] for key in ("start", "mask", "rank") if key in c).device
            return {**more, "column": torch.arange(len(columns[1]), device=device)}
        if "strict" in c:
            return {**more, "rank": c["rank"], "last": c["rank"] - int(c["strict"])}
        return {**more, **{key: c[key] for key in ("mask", "start", "stop", "seeing") if key in c}}

    def view_context(self, node: Node, port: int, x: Tensor) -> Tensor:
        return self._heads(x)

    def hoist(self, node: Node, w: Weights, port: int, x: Tensor) -> Tensor:
        """Keys or values that all sites read, [B, n, S * C] -> [B, n, kv_heads * S * C / kv_heads]."""
        heads = x.view(*x.shape[:2], -1, self.shared, node.ins[port].channels // self.shared)
        return heads.transpose(2, 3).flatten(2)

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor | None) -> Tensor:
        q, keys, values = xs
        if node.mask is not None and keys.ndim == 3:  # gathered for each site, and none where no site reads any
            assert sites is not None
            if "column" not in w:
                return q.new_zeros(*q.shape[:2], node.out.channels)
            return self._among(node, q, keys, values, w, sites)
        if node.mask is None:  # every site reads the same: the first row of what was hoisted is all of it
            keys, values = (
                x[:, 0].view(len(x), self.shared, -1, own.channels // self.shared)
                for x, own in zip(xs[1:], node.ins[1:], strict=True)
            )
        found: Weights = {"sinks": w["sinks"]} if self.sinks else {}
        if sites is None:
            y = self.quickly(w, q, keys, values, self.scale) if self._plain and q.shape[1] == 1 else None
            return self._weighed(q, keys, values, found) if y is None else y
        known = keys.shape[2]  # that are there
        if self.relative is not None:
            found |= {"bias": w["bias"], "at": w["at"].index_select(0, sites), "of": w["of"][:known]}
        if "rank" in w:  # each site sees up to the last
            found |= _up_to(w["rank"][:known], w["last"].index_select(0, sites))
        elif "start" in w:
            found |= shown_by_runs(w, known, sites)
        elif "mask" in w:
            found["mask"] = w["mask"].index_select(0, sites)[:, :known]
            if "seeing" in w:
                found["seeing"] = w["seeing"].index_select(0, sites)
        return self._weighed(q, keys, values, found)

    def _weighed(self, q: Tensor, k: Tensor, v: Tensor, w: Weights) -> Tensor:
        """q [B, n, C], k [B, kv_heads, S, d], v [B, kv_heads, S, e] -> [B, n, heads * e]. w: of the scores `mask`
        [n, S], `seeing` [n] as in `constants`, `sinks`, and what `by_distance` gives, of these sites.

        The heads that share keys stand with their sites as rows of queries of one head."""
        batch, n, rows = q.shape[0], q.shape[1], self.heads // self.shared
        if n == 1:
            q = q.view(batch, self.shared, rows, -1)
        else:
            q = q.view(batch, n, self.shared, rows, -1).permute(0, 2, 3, 1, 4).flatten(2, 3)
        mask, bias = w.get("mask"), None
        if "bias" in w:
            between = bias_between(w, w["at"][:, None], w["of"], q)  # [heads, n, S]
            bias = between.unflatten(0, (self.shared, rows)).flatten(1, 2)
        if mask is not None and rows > 1:
            mask = mask.repeat(rows, 1)
        sinks = w["sinks"].view(self.shared, rows, 1).repeat_interleave(n, 1) if self.sinks else None
        y = self._seen(q, k, v, mask, bias, sinks)
        y = y.reshape(batch, 1, -1) if n == 1 else y.unflatten(2, (rows, n)).permute(0, 3, 1, 2, 4).flatten(2)
        return y if "seeing" not in w else y * w["seeing"][:, None]

    def _among(
        self, node: Node, q: Tensor, keys: Tensor, values: Tensor, w: Weights, sites: Tensor
    ) -> Tensor:  # fmt: skip
        """Attention among M places for each site: q [B, n, C], keys [B, n, M * C], values [B, n, M * D] -> [B, n, D].

        sites [n]: how many of the places a site reads; with `relative` [n, 2 + M] as `tell_gathered` says. A site that
        sees nothing gets zeros."""
        bias = None
        count = sites
        if self.relative is not None:
            sites = sites.view(q.shape[1], -1)
            count, own, places = sites[:, 0], sites[:, 1], sites[:, 2:]
            bias = self._gathered_bias(node, w, own, places, q)
        seen = w["column"] < count[:, None]
        some, rows = seen[:, :1], self.heads // self.shared
        k, v = (x.view(*x.shape[:2], seen.shape[1], self.shared, -1).transpose(2, 3) for x in (keys, values))
        mask = (seen | ~some)[:, None, None]  # [n, 1, 1, M]
        sinks = w["sinks"].view(self.shared, rows, 1) if self.sinks else None
        found = self._seen(q.view(*q.shape[:2], self.shared, rows, -1), k, v, mask, bias, sinks)
        return found.flatten(2) * some

    def _gathered_bias(self, node: Node, w: Weights, own: Tensor, places: Tensor, like: Tensor) -> Tensor:
        """own [n], places [n, M]: numbers of sites, of a stream ever higher ones, -> [n, kv_heads, rows, M]."""
        between = bias_between(w, places_beyond(node.out, own)[:, None], places_beyond(node.ins[1], places), like)
        return between.movedim(0, 1).unflatten(1, (self.shared, -1))

    def _seen(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, bias: Tensor | None, sinks: Tensor | None
    ) -> Tensor:
        """softmax(scores) · v: q [..., r, d], k [..., S, d], v [..., S, e] -> [..., r, e]. mask: true where a key is
        seen, and bias, what is added to a score, go with [..., r, S]; sinks with [..., r, 1]."""
        import torch

        if self.soft_cap is None and sinks is None:
            if bias is not None:
                mask = bias if mask is None else bias.masked_fill(~mask, -math.inf)
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, mask, scale=self.scale)
        scores = q @ k.transpose(-1, -2) * (self.scale or 1 / math.sqrt(q.shape[-1]))
        if self.soft_cap is not None:
            scores = (scores / self.soft_cap).tanh() * self.soft_cap
        if bias is not None:
            scores = scores + bias
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        if sinks is None:
            return scores.softmax(-1) @ v
        sinks = sinks.to(scores.dtype).expand(*scores.shape[:-1], 1)
        return torch.cat([scores, sinks], -1).softmax(-1)[..., :-1] @ v

    def traits(self, node: Node) -> Traits:
        near = self.relative is not None
        hoisted = frozenset({1, 2} if node.mask is None else ())  # what every site reads whole is laid out once
        return Traits(full_context=not near, gathered_context=True, tell_gathered=near, hoisted=hoisted)

    def style(self, node: Node) -> Style:
        heads = f"{self.heads} heads" if self.shared == self.heads else f"{self.heads} heads on {self.shared}"
        return Style("attention", f"{heads}, mask {node.mask}" if node.mask else heads)


def _up_to(rank: Tensor, last: Tensor) -> Weights:
    """`mask` [n, S] and `seeing` [n] of sites that see all others up to the last that each sees; rank [S], last [n]."""
    seeing = last >= 0
    return {"mask": (rank <= last[:, None]) | ~seeing[:, None], "seeing": seeing}


def _is_a_sequence(relation: Ranked) -> bool:
    """Whether queries and keys are the same sites, no two of them have one rank, and one of them sees something."""
    same = np.array_equal(relation.out_rank, relation.in_rank)
    return (
        same and len(relation.in_rank) > relation.strict and len(np.unique(relation.in_rank)) == len(relation.in_rank)
    )
