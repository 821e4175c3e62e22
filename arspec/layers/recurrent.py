"""What recurrent layers have in common: the earlier states that each one reads,
and the waves in which they are computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from arspec.layers.base import Constants, Fault, Layer, Node, Style, Traits, Weight, Weights
from arspec.layers.helpers import channels_first, fan_in_uniform, sites_last
from arspec.reads import Scan, Tap, Window, waves_of
from arspec.types import Bools, Ints, Member, Type

if TYPE_CHECKING:
    from torch import Tensor

MAX_SCAN = 1 << 16  # sites of a recurrent layer, each of which may have to wait for all others
WAITING = 1000  # numbers that could be worked out while one site waits for another
Steps = Annotated[int, Field(ge=-(1 << 20), le=1 << 20)]
Offset = Annotated[list[Steps], Field(min_length=1, max_length=2)]


@lru_cache(maxsize=128)
def _scan_of(kind: Type, offsets: tuple[tuple[int, ...], ...]) -> Scan | None:
    """The own reads of a recurrent layer, all channel groups of each earlier state; None where they form a circle."""
    taps: list[Tap] = []
    for offset in offsets:
        at, inside = _neighbours(kind, offset)
        flat = np.ravel_multi_index([np.clip(a, 0, n - 1) for a, n in zip(at, kind.grid, strict=True)], kind.grid)
        source = np.where(np.logical_and.reduce(inside), flat, -1).ravel()
        taps.append(Tap(source, np.ones((kind.groups, kind.groups), bool)))
    own = Window(kind.groups, kind.positions, kind.groups, kind.positions, tuple(taps))
    waves = waves_of(own)
    return None if waves is None else Scan(own, waves)


def _neighbours(kind: Type, offset: tuple[int, ...]) -> tuple[list[Ints], list[Bools]]:
    """The coordinates of every position's neighbour at an offset, and along which axes it lies inside the grid."""
    at = [i + o for i, o in zip(np.indices(kind.grid), offset, strict=True)]
    return at, [(a >= 0) & (a < n) for a, n in zip(at, kind.grid, strict=True)]


def _table(kind: Type, offsets: tuple[tuple[int, ...], ...], carry: int, learned: bool) -> Ints:
    """[S, taps * G]: the own sites that each site reads. Off the grid stands site S, which is zero.

    Where the state lies off along the direction of the carried one alone, it is the start:
    site S + 1 + g for group g."""
    scan = _scan_of(kind, offsets)
    assert scan is not None
    table = scan.own.table(np.arange(kind.sites)).reshape(kind.groups, kind.positions, -1, kind.groups)
    for tap, offset in enumerate(offsets):
        _, inside = _neighbours(kind, offset)
        across = [i for i, c in zip(inside, offsets[carry], strict=True) if not c]
        started = ~np.logical_and.reduce(inside) & np.logical_and.reduce([np.ones(kind.grid, bool), *across])
        begin = kind.sites + 1 + np.arange(kind.groups) if learned else kind.sites
        table[:, :, tap] = np.where(started.reshape(1, -1, 1), begin, table[:, :, tap])
    return np.where(table < 0, kind.sites, table).reshape(kind.sites, -1)


@dataclass(frozen=True, eq=False)
class _Plan:
    """How the parallel form goes through the waves. A run is the sites of one channel group in one wave.

    `sources` names the runs that a run reads. `gather` (cut by `gathers`) has the places of what it reads in these, put
    side by side behind what stands outside the grid."""

    table: Ints
    order: Ints
    sizes: list[int]
    groups: list[int]
    sources: list[list[int]]
    gather: Ints
    gathers: list[int]


@lru_cache(maxsize=128)
def _plan(kind: Type, offsets: tuple[tuple[int, ...], ...], carry: int, learned: bool) -> _Plan:
    scan, table = _scan_of(kind, offsets), _table(kind, offsets, carry, learned)
    assert scan is not None
    outside = 1 + kind.groups if learned else 1
    run_of, place_of = np.full(kind.sites, -1), np.zeros(kind.sites, np.int64)
    runs: list[Ints] = []
    groups: list[int] = []
    sources: list[list[int]] = []
    gathers: list[Ints] = []
    for wave in scan.waves:
        for g in np.unique(wave // kind.positions):
            sites = wave[wave // kind.positions == g]
            reads = table[sites].ravel()
            own = reads < kind.sites
            needed = np.unique(run_of[reads[own]])
            begins = np.zeros(len(runs) + 1, np.int64)
            begins[needed] = outside + np.concatenate([[0], np.cumsum([len(runs[k]) for k in needed])])[: len(needed)]
            inner = np.where(own, reads, 0)
            gathers.append(np.where(own, begins[run_of[inner]] + place_of[inner], reads - kind.sites))
            sources.append(needed.tolist())
            groups.append(int(g))
            runs.append(sites)
        for k in range(len(runs) - len(np.unique(wave // kind.positions)), len(runs)):
            run_of[runs[k]], place_of[runs[k]] = k, np.arange(len(runs[k]))
    return _Plan(
        table, np.concatenate(runs), [len(r) for r in runs], groups, sources,
        np.concatenate(gathers), [len(g) for g in gathers],
    )  # fmt: skip


class Recurrent(Layer):
    """A recurrent layer over a grid. A kind adds its cell.

    `from` gives the input's part of the gates: in each channel group `gates` times the state's channels, as a rule by a
    masked convolution. `state` lists which earlier states each one reads, as offsets [rows, columns] or [steps]."""

    gates: ClassVar[int]  # what the input gives for each channel of the state
    kept: ClassVar[int] = 1  # vectors that a state consists of, the output first

    state: list[Offset] = Field(min_length=1, max_length=64, description="Offsets of the states that each one reads.")
    carry: Annotated[int, Field(ge=0)] = Field(
        0, description="Which of the offsets, counted from 0, is the state that is carried on."
    )
    start: Literal["learned", "zero"] = Field(
        "learned", description="What stands outside the grid where the carried state would be."
    )

    def cell(self, w: Weights, gates: Tensor, states: Tensor, carried: Tensor) -> list[Tensor]:
        """The vectors of the new state, each [B, n, C].

        gates: [B, n, gates * C]; states: the outputs of all earlier states, [B, n, taps * G * C]; carried: the carried
        state, [B, n, kept * C]."""
        raise NotImplementedError

    def _offsets(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(o) for o in self.state)

    def infer(self, node: Node) -> Type:
        into = node.ins[0]
        if any(len(o) != len(into.grid) for o in self.state):
            raise Fault("AR407", f"every offset of `state` needs {len(into.grid)} numbers on this grid",
                        "[rows, columns] on an image, [steps] on a sequence", "state")  # fmt: skip
        if into.channels % self.gates:
            raise Fault("AR403", f"`{self.layer}` takes {self.gates} × its state's channels in each group, and "
                        f"'{node.inputs[0].name}' gives {into}",
                        f"give the layer before it a multiple of {self.gates}")  # fmt: skip
        if self.carry >= len(self.state):
            raise Fault("AR407", f"`carry` is {self.carry}, and `state` has {len(self.state)} offsets", None, "carry")
        return Type(into.grid, into.groups, into.channels // self.gates, into.frame)

    def reads_work(self, node: Node) -> int:
        if node.out.sites > MAX_SCAN:
            raise Fault("AR413",
                        f"a recurrent layer over {node.out.sites:,} sites, each of which may have to wait for all "
                        f"others, where {MAX_SCAN:,} are the limit (MAX_SCAN)", "make its grid smaller")  # fmt: skip
        return WAITING * node.out.sites * len(self.state) * node.out.groups

    def settle(self, node: Node) -> None:
        if _scan_of(node.out, self._offsets()) is None:
            raise Fault("AR205", "a state would depend on itself: the offsets of `state` form a circle",
                        "all of them must lie to one side", "state")  # fmt: skip
        node.plan = _plan(node.out, self._offsets(), self.carry, self.start == "learned")

    def scan(self, node: Node, member: Member) -> Scan | None:
        return _scan_of(node.out, self._offsets())

    def weights(self, node: Node) -> dict[str, Weight]:
        out, taps = node.out, len(self.state)
        fan_in = out.width * taps
        found = {"weight": fan_in_uniform((self.gates * out.width, out.width, taps), fan_in)}
        if self.start == "learned":
            found["start"] = Weight((self.kept, out.width))
        return found

    def constants(self, node: Node, member: Member) -> Constants:
        """table [S, taps * G]: the own sites that each site reads, as in `_table`. order, inverse [S]: the sites in the
        order of the runs, and back. gather: what the sites of each run read of the runs that the plan names."""
        plan = _plan(node.out, self._offsets(), self.carry, self.start == "learned")
        return {"table": plan.table, "order": plan.order, "inverse": np.argsort(plan.order), "gather": plan.gather}

    def outside_grid(self, node: Node, w: Weights, like: Tensor) -> Tensor:
        """[1 + G, kept * C]: the states that stand outside the grid: zero, then the start of each channel group."""
        import torch

        zero = like.new_zeros(1, self.cached_channels(node))
        if "start" not in w:
            return zero
        start = w["start"].view(self.kept, node.out.groups, -1).transpose(0, 1).flatten(1)
        return torch.cat([zero, start])

    def forward(self, node: Node, w: Weights, c: Weights, xs: list[Tensor], training: bool) -> Tensor:
        import torch

        out, batch, channels = node.out, len(xs[0]), self.cached_channels(node)
        plan: _Plan = node.plan
        gates = sites_last(xs[0], out.groups).index_select(1, c["order"]).split(plan.sizes, 1)
        prepared = [self.prepare_sites(node, w, c, g, []) for g in range(out.groups)]
        outside = self.outside_grid(node, w, xs[0]).expand(batch, -1, -1)
        found: list[Tensor] = []  # one a run; each is made once and never written to, as autograd wants it
        for run, index in enumerate(c["gather"].split(plan.gathers)):
            below = torch.cat([outside, *(found[k] for k in plan.sources[run])], 1)
            earlier = below.index_select(1, index).view(batch, plan.sizes[run], -1, channels)
            found.append(self._cell(prepared[plan.groups[run]], gates[run], earlier))
        everything = torch.cat(found, 1)[..., : out.channels]
        return channels_first(everything.index_select(1, c["inverse"]), out)

    def _cell(self, w: Weights, gates: Tensor, earlier: Tensor) -> Tensor:
        """gates [B, n, gates * C], earlier [B, n, taps * G, kept * C] -> [B, n, kept * C]."""
        import torch

        outputs = earlier[..., : earlier.shape[-1] // self.kept].flatten(2)
        carried = earlier.index_select(2, w["carry"]).squeeze(2)
        return torch.cat(self.cell(w, gates, outputs, carried), -1)

    def prepare_sites(self, node: Node, w: Weights, c: Weights, group: int, columns: list[Ints]) -> Weights:
        import torch

        out, taps = node.out, len(self.state)
        rows = self.gates * out.channels
        mine = w["weight"][group * rows : (group + 1) * rows]
        weight = mine.view(rows, out.groups, out.channels, taps).permute(3, 1, 2, 0)
        carry = torch.tensor([self.carry * out.groups + group], device=mine.device)
        prepared = {"weight": weight.reshape(-1, rows).contiguous(), "carry": carry}
        if "bias" in w:
            prepared["bias"] = w["bias"][group * out.channels : (group + 1) * out.channels]
        return prepared

    def forward_sites(self, node: Node, w: Weights, xs: list[Tensor], sites: Tensor) -> Tensor:
        return self._cell(w, xs[0], xs[1].unflatten(-1, (-1, self.cached_channels(node))))

    def cached_channels(self, node: Node) -> int:
        return self.kept * node.out.channels

    def traits(self, node: Node) -> Traits:
        return Traits(needs_sites=False)

    def style(self, node: Node) -> Style:
        return Style("recurrent", "states at " + " ".join(str(o[0] if len(o) == 1 else tuple(o)) for o in self.state))
