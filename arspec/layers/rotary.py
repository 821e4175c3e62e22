"""`rotary`: channels turned by an angle that grows with the place, so that products of two depend on their distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Constants, Fault, Layer, Node, Style, Traits, Weights
from arspec.layers.frequencies import AnyScaling, Floats, plain
from arspec.layers.places import AXES, At, check_at, check_one_by_one, places, places_beyond
from arspec.reads import Pointwise, Reads
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor


class Rotary(Layer):
    """Turns pairs of channels by the place of the site times a frequency of each pair, so that the product of a query
    and a key depends on how far they lie from each other (RoPE: Su et al. 2021). It goes between a projection and the
    attention. On images the channels are shared out among the axes, rows first. Places are the coordinates of a site,
    whatever the order of generation."""

    layer: Literal["rotary"]
    example = (
        "q: {layer: conv, from: first, out: 24, mask: so_far}\n"
        "turned: {layer: rotary, heads: 2}\n"
        "seen: {layer: attention, keys: turned, values: q, heads: 2, mask: so_far}"
    )
    heads: Annotated[int, Field(ge=1, le=1 << 16)] = Field(1, description="Heads: each is turned by the same angles.")
    base: Annotated[float, Field(gt=1, le=1e12)] = Field(
        10000.0, strict=False, description="The lowest frequency is about one turn in 2π · base steps."
    )
    share: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, strict=False, description="The share of each head's channels that is turned; the others stay."
    )
    form: Literal["halves", "interleaved"] = Field(
        "halves", description="Which channels are a pair: one of each half, or two neighbours."
    )
    scaling: AnyScaling | None = Field(
        None, description="A scaled form for longer sequences: `{kind: linear, factor: 8}`, or of kind ntk, "
        "dynamic, yarn, llama3, longrope."
    )  # fmt: skip
    axes: list[Literal["row", "column", "step"]] | None = Field(
        None, min_length=1, max_length=2, description="The axes that places are counted along; all of the grid."
    )
    offset: Annotated[int, Field(ge=-(1 << 40), le=1 << 40)] = Field(0, description="What places are counted from.")
    at: At = Field(
        "own", description="Whose place: the site's own, or that of the variable that comes next, or came previously, "
        "in the order of generation."
    )  # fmt: skip
    quick = "turned"

    # -- what it is ----------------------------------------------------------------------------------------------------

    def _axes(self, kind: Type) -> list[int]:
        names = AXES.get(len(kind.grid), ())
        return [names.index(axis) for axis in self.axes or names]

    def _turned(self, kind: Type) -> int:
        """The channels of a head that are turned."""
        return round(kind.channels // self.heads * self.share)

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        names = AXES.get(len(into.grid))
        if names is None:
            raise Fault("AR421", f"'{node.inputs[0].name}' has no places: {into}", "turn what lies on a grid")
        if strange := sorted(set(self.axes or ()) - set(names)):
            raise Fault("AR407", f"a grid of {len(names)} dimensions has no {strange[0]}",
                        "images have row and column, sequences step", "axes")  # fmt: skip
        if into.channels % self.heads:
            raise Fault("AR403", f"{into.channels} channels can't be shared out among {self.heads} heads",
                        f"take a multiple of {self.heads} in each channel group", "heads")  # fmt: skip
        size, turned, axes = into.channels // self.heads, self._turned(into), len(self._axes(into))
        if not turned or turned % (2 * axes):
            raise self._no_pairs(into.channels, size, turned, 2 * axes)
        if self.scaling is not None:
            self.scaling.check(turned // (2 * axes), max(into.grid))
        check_at(node, self.at)
        return Type(into.grid, into.groups, into.channels, into.frame)

    def _no_pairs(self, channels: int, size: int, turned: int, least: int) -> Fault:
        """The fault of heads of `size` channels, of which `turned` turn: not a multiple of `least`, two for an axis."""
        said = f"a head has {size} channel{'s' * (size != 1)}, of which {turned} turn{'s' * (turned == 1)}"
        pairs = "channels turn in pairs" if least == 2 else "channels turn in pairs, as many along each axis"
        fits = [n for n in range(1, self.heads) if channels % n == 0 and (turns := round(channels // n * self.share))
                and turns % least == 0]  # fmt: skip
        help = f"let a multiple of {least} turn, by `out`, `heads` or `share`"
        if fits:
            help += f"; with `heads: {fits[-1]}`, here and in the attention, a head has {channels // fits[-1]} channels"
        return Fault("AR420", f"{said}: {pairs}", help, "share" if self.share < 1 else "heads")

    def reads_work(self, node: Node) -> int:
        return 2 * node.out.positions * self._turned(node.out)

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        check_one_by_one(node, self.at, member)
        return [Pointwise()]

    def _frequencies(self, kind: Type) -> Floats:
        """[h], in radians a place: of h pairs of channels for each axis."""
        count, length = self._turned(kind) // (2 * len(self._axes(kind))), max(kind.grid)
        return plain(self.base, count) if self.scaling is None else self.scaling.frequencies(self.base, count, length)

    def of_length(self, node: Node) -> object:
        return None if self.scaling is None else self.scaling.of_length(max(node.out.grid))

    def _signs(self) -> Floats:
        """[2, 1] or [1, 2]: what the sine of each channel of a pair is multiplied by."""
        return np.array([[-1.0], [1.0]] if self.form == "halves" else [[-1.0, 1.0]])

    @property
    def _amplitude(self) -> float:
        return 1.0 if self.scaling is None else self.scaling.amplitude

    def constants(self, node: Node, member: Member) -> Constants:
        """`turn` [P, 2, A, 2, h], or [P, 2, A, h, 2] where pairs are neighbours: of each position, and for each channel
        that turns, the cosine, and the sine with which the other of its pair enters."""
        where = places(node.out, member, self.at)[:, self._axes(node.out)] + self.offset
        angle = where[..., None] * self._frequencies(node.out)  # [P, A, h]
        angle = angle[:, :, None] if self.form == "halves" else angle[..., None]
        turn = np.stack(np.broadcast_arrays(np.cos(angle), np.sin(angle) * self._signs()), 1)
        return {"turn": self._amplitude * turn}

    # -- its computation -----------------------------------------------------------------------------------------------

    def _turn(self, x: Tensor, cos: Tensor, sin: Tensor, dim: int) -> Tensor:
        """x: the channels of heads in dimension `dim`. cos, sin: as in `constants`, with their three dimensions there,
        broadcast in the others."""
        import torch

        pairs, size = cos.shape[dim : dim + 3], x.shape[dim]
        turned = pairs.numel()
        y = (x if turned == size else x.narrow(dim, 0, turned)).unflatten(dim, pairs)
        other = y.flip(dim + (1 if self.form == "halves" else 2))
        y = torch.addcmul(y * cos, other, sin).flatten(dim, dim + 2)
        return y if turned == size else torch.cat([y, x.narrow(dim, turned, size - turned)], dim)

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        x = xs[0]
        heads = x.reshape(len(x), node.out.groups * self.heads, -1, node.out.positions)
        turn = c["turn"].to(x.dtype).movedim(0, -1)
        turn = turn if x.stride(1) == 1 else turn.contiguous()  # as the channels and positions of x lie
        cos, sin = turn[:, None, None]  # [1, 1, A, 2, h, P] each
        return self._turn(heads, cos, sin, 2).reshape(x.shape)

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        return {"turn": c["turn"]}

    def prepare_endless(self, node: Node, w: Weights, c: Constants, group: int) -> Weights:
        """The frequency of each channel that turns, and the sign of its sine: float64, as places grow without end."""
        import torch

        each, signs = self._frequencies(node.out), self._signs()
        each = each[:, None] if self.form == "interleaved" else each
        frequencies, signs = (a.copy() for a in np.broadcast_arrays(each, signs))
        made = {"frequencies": frequencies, "signs": signs}
        return {name: torch.from_numpy(value).to(c["turn"].device) for name, value in made.items()}

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        if "turn" in w and self.quick in w:
            turned = self._turned(node.out)
            pair = 1 if self.form == "interleaved" else turned // (2 * len(self._axes(node.out)))
            y = self.quickly(w, xs[0], w["turn"], self.heads, turned, pair, sites, node.out.positions)
            if y is not None:
                return y
        x = xs[0].unflatten(2, (self.heads, -1))
        if "turn" in w:
            turn = w["turn"].index_select(0, sites % node.out.positions if node.out.groups > 1 else sites)
            cos, sin = turn.to(x.dtype)[:, :, None].unbind(1)  # [n, 1, A, ...] each
        else:
            where = places_beyond(node.out, sites, self.at) + self.offset
            angle = where[:, None, None, None, None] * w["frequencies"]
            cos, sin = (self._amplitude * t for t in (angle.cos(), angle.sin() * w["signs"]))
            cos, sin = cos.to(x.dtype), sin.to(x.dtype)
        return self._turn(x, cos[None], sin[None], 3).flatten(2)

    def traits(self, node: Node) -> Traits:
        return Traits(beyond_grid=True)

    def style(self, node: Node) -> Style:
        return Style("function", f"{self.heads} heads" if self.scaling is None else self.scaling.kind)
