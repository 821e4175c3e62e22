"""`dense`: a fully connected layer whose units have degrees, so that a mask can compare them (MADE)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Channels, Constants, Fault, Layer, MaskText, Node, Style, Traits, Weight, Weights
from arspec.layers.geometry import all_pairs
from arspec.layers.helpers import factor, fan_in_uniform, repeated, shown
from arspec.layers.tiles import tiles
from arspec.layers.windowed import weight_norm
from arspec.masks import Mask, by_rank, holds, parts
from arspec.reads import Matrix, Ranked, Reads, Whole
from arspec.types import Cells, Free, Ints, Member, Type, Units, ranks

if TYPE_CHECKING:
    from torch import Tensor


MAX_PAIRS = 1 << 27  # of sites that a mask compares, where it is not by rank alone


@lru_cache(maxsize=256)
def between(this: Type, that: Type, mask: Mask | None, member: Member) -> Ranked | Matrix | Whole:
    """The relation of a layer in which every site may read every site of the input, as far as the mask allows."""
    if mask is None:
        return Whole(this.sites, that.sites)
    strict = one_comparison(this, that, mask)
    if strict is not None:
        a, b = ranks(this, member), ranks(that, member)
        return Ranked((a.first if strict else a.last).ravel(), b.last.ravel(), strict)
    allowed = holds(mask.predicate, all_pairs(this, that, member))
    return Matrix(np.broadcast_to(allowed, (this.sites, that.sites)).copy())


def one_comparison(this: Type, that: Type, mask: Mask) -> bool | None:
    """Whether a mask is one comparison of ranks, of sites that have ranks, as `by_rank`; None where it is another."""
    return None if any(isinstance(t.frame, Free) for t in (this, that)) else by_rank(mask.predicate)


def numbers_between(this: Type, that: Type, mask: Mask | None) -> int:
    """How many numbers it takes to work out `between`. Raises Fault where one layer may not have so many."""
    if mask is None:
        return 0
    if one_comparison(this, that, mask) is not None:
        return this.sites + that.sites
    if this.sites * that.sites > MAX_PAIRS:
        raise Fault("AR413",
                    f"a mask over {this.sites:,} × {that.sites:,} sites, where {MAX_PAIRS:,} pairs are the limit "
                    "(MAX_PAIRS)",
                    "`earlier` and `so_far` compare ranks, and have no limit", "mask")  # fmt: skip
    return this.sites * that.sites * (1 + parts(mask.predicate))


class Dense(Layer):
    """A fully connected layer of a vector model. With `units` it is a hidden layer: every unit has a degree, the
    highest rank that it may have seen. Degrees are drawn anew for each member of the spec's family. `mask: so_far` lets
    a unit read what has no higher degree. Without `units` it gives `out` channels for each entry of the data. `mask:
    earlier` then leaves out the entry itself. (Germain et al. 2015, equations 13 and 14.)"""

    layer: Literal["dense"]
    example = (
        "data: {kind: vector, size: 64, levels: 4}\n"
        "graph:\n"
        "  hidden: {layer: dense, from: x, units: 48, mask: so_far}\n"
        "  logits: {layer: dense, out: $head, mask: earlier}"
    )
    units: Annotated[int, Field(ge=1, le=1 << 20)] | None = Field(
        None, description="Hidden units. Left out: one position for each entry of the data.",
        json_schema_extra={"thin": True},
    )  # fmt: skip
    out: Channels = Field(1, description="Channels of each entry, where `units` is left out.")
    mask: MaskText | None = Field(
        None, description="Which units are read: earlier, so_far, ... All of them without it."
    )
    degrees: Literal["random", "cyclic"] | list[Annotated[int, Field(ge=-1, le=1 << 20)]] = Field(
        "random", description="How hidden units get their degrees. In a family of one they lie in their order. Or a "
        "list of them, a number for each unit, whose number `units` then need not say."
    )  # fmt: skip
    bias: bool = Field(True, description="Whether a bias is added.")
    weight_norm: bool = Field(False, description="Weight normalisation: a learned gain for each output.")

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        if len(into.grid) != 1 or isinstance(into.frame, Free):
            raise Fault("AR412", f"a dense layer takes a vector of the data's entries or of hidden units; '"
                        f"{node.inputs[0].name}' gives {into}",
                        "use `data: {kind: vector}`, or a convolution")  # fmt: skip
        if into.groups != 1:
            raise Fault("AR403", "a dense layer takes one channel group", "a vector model has one group")
        given = tuple(self.degrees) if isinstance(self.degrees, list) else None
        if given is not None and (not given or self.units not in (None, len(given))):
            units = f"{self.units} units" if self.units is not None else "at least one"
            raise Fault("AR110", f"`degrees` has {len(given)} numbers, where {units} are wanted",
                        "give a number for each unit", "degrees")  # fmt: skip
        units = self.units if given is None else len(given)
        if units is None:
            data = node.data
            assert data is not None
            return Type(data.grid, 1, self.out, Cells((0,), (1,)))
        if "out" in self.model_fields_set:
            raise Fault("AR110", "`units` makes a hidden layer of one channel a unit, and `out` states channels",
                        "leave one of the two out", "out")  # fmt: skip
        depth, below = 1, into.frame
        while isinstance(below, Units):
            depth, below = depth + 1, below.below
        assert not isinstance(into.frame, Free)
        how = self.degrees if isinstance(self.degrees, str) else tuple(self.degrees)
        return Type((units,), 1, 1, Units(units, depth, how, into.frame))

    def reads_work(self, node: Node) -> int:
        return numbers_between(node.out, node.ins[0], node.mask)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        return [between(node.out, node.ins[0], node.mask, member)]

    def weights(self, node: Node) -> dict[str, Weight]:
        fan_in, out = node.ins[0].positions * node.ins[0].channels, node.out.positions * node.out.channels
        found = {"weight": fan_in_uniform((out, fan_in), fan_in)}
        if self.bias:
            found["bias"] = fan_in_uniform((out,), fan_in)
        if self.weight_norm:
            found["gain"] = Weight((out,), constant=1.0)
        return found

    def constants(self, node: Node, member: Member) -> Constants:
        relation = between(node.out, node.ins[0], node.mask, member)
        if isinstance(relation, Whole):
            return {}
        mask = repeated(relation.matrix(), node.out.channels, node.ins[0].channels)
        found: Constants = {"mask": factor(mask)}
        if not self.weight_norm and (cut := tiles(mask)) is not None:
            found["tiles"] = cut
        return found

    def prepare(self, node: Node, w: Weights, c: Constants) -> Weights:
        """`weight` with its mask and norm; or `unmasked`, as it is, where the product goes by tiles."""
        from arspec.layers.products import pays

        by_tiles = "tiles" in c and pays(w["weight"])
        found = {"unmasked": w["weight"]} if by_tiles else {"weight": self._masked(w, c)}
        return {**found, "bias": w["bias"]} if "bias" in w else found

    def _masked(self, w: Weights, c: Constants) -> Tensor:
        return weight_norm({**w, "weight": shown(w["weight"], c.get("mask"))})

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        from arspec.layers.linear_product import linear

        x, thin = xs[0], node.ins[0].channels == node.out.channels == 1
        if thin and "weight" in w:
            return linear(x, w["weight"], w.get("bias"))
        flat = x.squeeze(1) if thin else x.transpose(1, 2).flatten(1)
        if "weight" in w:
            y = linear(flat, w["weight"], w.get("bias"))
        else:
            from arspec.layers.products import in_tiles

            y = in_tiles(flat, w["unmasked"], w.get("bias"), c["mask"], c["tiles"])
        return y.unsqueeze(1) if thin else y.view(len(y), node.out.positions, node.out.channels).transpose(1, 2)

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        shape = (node.out.positions, node.out.channels)
        prepared = {"weight": self._masked(w, c).view(*shape, -1)}
        if "bias" in w:
            prepared["bias"] = w["bias"].view(shape)
        return prepared

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        # without a mask every unit reads the same: the first row of what was gathered is all of it
        flat = xs[0][:, 0] if node.mask is None else xs[0].flatten(1)
        rows = w["weight"].index_select(0, sites)[..., : flat.shape[1]]
        y = flat @ rows.flatten(0, 1).T
        y = y.view(len(flat), len(sites), -1)
        return y + w["bias"].index_select(0, sites) if "bias" in w else y

    def traits(self, node: Node) -> Traits:
        return Traits(initialised_from_data=self.weight_norm and self.bias)

    def style(self, node: Node) -> Style:
        return Style("dense", f"mask {node.mask}" if node.mask else "")
