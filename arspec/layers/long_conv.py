"""`long_conv`: a depthwise convolution over all that came before, with a kernel as long as the sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from arspec.layers.along import OnLines, all_before, check_own, from_lines, in_lines, leaves_out_own, places_on
from arspec.layers.base import Constants, Fault, MaskText, Node, Style, Traits, Weight, Weights
from arspec.layers.causal import causal
from arspec.layers.helpers import fan_in_uniform, unseen
from arspec.layers.implicit import Implicit, Kernel
from arspec.reads import Reads
from arspec.types import Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor

MAX_READ = 1 << 24  # sites that are read, over all sites of a channel group, where these are not one sequence
PIECE = 128  # sites that are summed at a time: what is made of them stays in a CPU's cache


class LongConv(OnLines):
    """y_t = Σ w_lag x_(t - lag), channel by channel, over all that came before on the line. Each channel has a weight
    for each lag, or a small network gives it (`kernel`: the filter of Hyena, Poli et al. 2023). With `mask: so_far`
    the own site counts, with `mask: earlier` it does not."""

    layer: Literal["long_conv"]
    example = "seen: {layer: long_conv, from: first, along: order, kernel: {kind: implicit, width: 64}}"
    mask: MaskText | None = Field(
        None, description="Whether the own site counts: so_far, as without it, or earlier, where it does not."
    )
    kernel: Kernel | None = Field(
        None, description="What gives the weights: `{kind: explicit}`, each lag its own, as without it, or `{kind: "
        "implicit, width: 64, depth: 4, waves: 16, frequency: 14, window: [0.3, 1.5]}`, a network.",
    )  # fmt: skip
    skip: bool = Field(False, description="Whether D x is added, with a learned D for each channel.")

    # -- what it is ----------------------------------------------------------------------------------------------------

    def infer(self, node: Node) -> Type:
        self.check_lines(node)
        check_own(node)
        if self.skip and leaves_out_own(node):
            raise Fault("AR110", f"`skip` adds the own site, and the mask `{node.mask}` leaves it out",
                        "leave one of the two out", "skip")  # fmt: skip
        into = node.ins[0]
        return Type(into.grid, into.groups, into.channels, into.frame)

    @property
    def _network(self) -> Implicit | None:
        return self.kernel if isinstance(self.kernel, Implicit) else None

    def _sites_of_a_line(self, node: Node) -> int:
        grid = node.out.grid
        return node.out.positions if self.along == "order" else grid[0 if self.along == "columns" else -1]

    def reads_work(self, node: Node) -> int:
        line, kind = self._sites_of_a_line(node), node.out
        if kind.groups == 1 and line == kind.positions:
            return 2 * line
        if kind.positions * line > MAX_READ:
            raise Fault("AR413", f"{kind.positions:,} positions read up to {line:,} on their line, where {MAX_READ:,} "
                        "are the limit (MAX_READ)", "take smaller data, or lines along rows")  # fmt: skip
        return 2 * kind.sites * line

    def reads(self, node: Node, member: Member, training: bool = False) -> list[Reads]:
        return [all_before(self.chains(node, member), leaves_out_own(node))]

    def weights(self, node: Node) -> dict[str, Weight]:
        width, lags = node.out.width, self._sites_of_a_line(node)
        if self._network is None:
            found = {"weight": fan_in_uniform((width, lags), lags)}
        else:
            found = self._network.weights(width, lags)
        return {**found, "D": Weight((width,), deviation=1.0)} if self.skip else found

    def along_steps(self, weight: str) -> int | None:
        return 1 if weight == "weight" and self._network is None else None

    def of_length(self, node: Node) -> object:
        return None if self._network is None else self._network.length or self._sites_of_a_line(node)

    def constants(self, node: Node, member: Member) -> Constants:
        """`place` [P]: that of each position on its line; what `line_constants` gives, and what an implicit kernel
        takes."""
        scan = self.chains(node, member)
        found = {"place": places_on(scan), **self.line_constants(scan)}
        if self._network is None:
            return found
        line = scan.lines.shape[1]
        return {**found, **self._network.constants(node.out.width, line, int(leaves_out_own(node)), line)}

    # -- its computation -----------------------------------------------------------------------------------------------

    def prepare(self, node: Node, w: Weights, c: Constants) -> Weights:
        """kernel [G * C, L]: of each channel the weight of each lag, from the first that is read on."""
        import torch

        kernel = w["weight"] if self._network is None else self._network.kernel(w, c)
        if self.skip:
            kernel = torch.cat([kernel[:, :1] + w["D"][:, None], kernel[:, 1:]], 1)
        return {"kernel": kernel}

    def forward(self, node: Node, w: Weights, c: Constants, xs: list[Tensor], training: bool) -> Tensor:
        import torch

        x = in_lines(xs[0], node.out.groups, c).permute(0, 1, 3, 4, 2)  # [B, K, G, C, L]
        if leaves_out_own(node):
            x = torch.cat([torch.zeros_like(x[..., :1]), x[..., :-1]], -1)
        y = causal(x.flatten(2, 3).flatten(0, 1), w["kernel"], training)
        y = y.view(x.shape).permute(0, 1, 4, 2, 3)
        return from_lines(y, node.out, c)

    def prepare_sites(self, node: Node, w: Weights, c: Constants, group: int, columns: list[Ints]) -> Weights:
        """kernel [L + 1, C]: the weights of one group, lag by lag, and zeros for what is not read. place: as in
        `constants`."""
        from torch.nn.functional import pad

        own = slice(group * node.out.channels, (group + 1) * node.out.channels)
        return {"kernel": pad(self.prepare(node, w, c)["kernel"][own].T, (0, 0, 0, 1)), "place": c["place"]}

    def view_context(self, node: Node, port: int, x: Tensor) -> Tensor:
        return x[:, None]

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        import torch

        x, place = xs[0], w["place"]
        if x.ndim == 4:  # a sequence as far as it is there: [B, 1, S, C]
            lag = place.index_select(0, sites)[:, None] - place[: x.shape[2]]
            return self._summed(x, lag, node, w)
        if not x.shape[-1]:  # no site reads any
            return x.new_zeros(*x.shape[:2], node.out.channels)
        told, positions = sites.view(x.shape[1], -1), node.out.positions  # [n, 2 + M], as `tell_gathered` says
        count, own, read = told[:, :1], told[:, 1:2], told[:, 2:]
        lag = place[own % positions] - place[read % positions]
        lag = lag.masked_fill(torch.arange(read.shape[1], device=place.device) >= count, -1)
        return self._summed(x.unflatten(2, (read.shape[1], -1)), lag, node, w)

    def _summed(self, x: Tensor, lag: Tensor, node: Node, w: Weights) -> Tensor:
        """x [B, n or 1, M, C], lag [n, M]: of what each site finds, below zero where it reads none -> [B, n, C]."""
        number = lag - int(leaves_out_own(node))
        number = number.masked_fill(number < 0, len(w["kernel"]) - 1)
        if unseen(x):
            return _products(x, number, w["kernel"])
        first, *more = zip(x.split(PIECE, 2), number.split(PIECE, 1), strict=True)
        y = _products(*first, w["kernel"])
        for piece, own in more:
            y += _products(piece, own, w["kernel"])
        return y

    def traits(self, node: Node) -> Traits:
        return Traits(gathered_context=True, tell_gathered=True)

    def style(self, node: Node) -> Style:
        network = "" if self._network is None else f", network {self._network.depth}×{self._network.width}"
        return Style("convolution", f"all {self._sites_of_a_line(node)}, {self.said()}{network}")


def _products(x: Tensor, number: Tensor, kernel: Tensor) -> Tensor:
    """The sum over M of x [B, n or 1, M, C] times the rows of the kernel that `number` [n, M] names -> [B, n, C]."""
    rows = kernel.index_select(0, number.flatten()).unflatten(0, number.shape)
    return (x * rows).sum(2)
