"""The sampler: every site once. It goes through the schedule, from caches [B, S + 1, C] whose last site is zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from arspec.diagnostics import InputError
from arspec.layers.base import Node, channels_first, sites_last
from arspec.runtime.noise import uniforms
from arspec.runtime.schedule import Part, schedule
from arspec.types import Ints

if TYPE_CHECKING:
    from arspec.runtime.module import Model

# Called with the node and the sites [n] that are being computed: tests count them.
Trace = Callable[[Node, Tensor], None]
# Called with the variables [v] that come next and their parameters [B, v, K]: gives their values [B, v, C].
Draw = Callable[[Tensor, Tensor], Tensor]


@dataclass(eq=False)
class _Read:
    """How a part reads one input: the sites that `made` computed in this step, or the cache of `source`, whole or by the
    table, which is kept flat so that a step's share of it is one view."""

    source: Node
    channels: int  # of the source that are read; behind them a scan keeps its inner state
    made: _Work | None
    table: Tensor | None
    columns: int


@dataclass(eq=False)
class _Work:
    """A part of the schedule as the sampler runs it: index tensors, folded weights, and what it computed last."""

    part: Part
    sites: Tensor
    bounds: list[int]
    scan: bool
    weights: dict[str, Tensor]
    reads: list[_Read] = field(default_factory=list)
    latest: Tensor | None = None


class Sampler:
    """Samples, completions and replays of a model under one member of its family."""

    def __init__(self, model: Model, member: int) -> None:
        self.model, self.member = model, member
        graph = model.graph
        chosen = graph.members[member]
        try:
            self.schedule = schedule(graph, chosen)
        except ValueError:
            raise InputError("AR701", f"the spec leaks under the order '{chosen.order.name}', so it can't be sampled",
                             "arspec verify shows the leak") from None  # fmt: skip
        self._folded: tuple[Any, ...] | None = None
        self._work: list[_Work] = []

    # -- what users call, through the model --------------------------------------------------------------------------

    @torch.no_grad()
    def run(
        self, n: int, condition: dict[str, Tensor], *, seed: int = 0, temperature: float = 1.0, progress: bool = False,
        given: Tensor | None = None, known: Tensor | None = None, first: int = 0, trace: Trace | None = None,
    ) -> Tensor:  # fmt: skip
        """n examples as integers [n, *shape]; where `known` holds, those `given`. temperature 0 takes the likeliest."""
        if not temperature >= 0:
            raise InputError("AR808", f"a temperature is 0 or above; it was {temperature}")
        model, head, support = self.model, self.model.graph.head, self.model.graph.support
        kind = model.graph.data.out
        noise = torch.from_numpy(uniforms(seed, first, n, kind.sites, head.uniforms(support))).to(model.device)
        fixed = clamped = None
        if given is not None and known is not None:
            model.data_tensor(given)
            fixed = model.by_variable(given.to(model.device))
            clamped = model.by_variable(known.unsqueeze(0).to(model.device))[0].bool()

        def draw(sites: Tensor, parameters: Tensor) -> Tensor:
            new = head.draw(support, parameters, noise.index_select(1, sites), temperature)
            if fixed is None or clamped is None:
                return new
            return torch.where(clamped.index_select(0, sites), fixed.index_select(1, sites), new)

        drawn = self.drive(n, condition, draw, progress, trace)
        return channels_first(drawn, kind).reshape(n, *model.spec.data.shape).round().long()

    @torch.no_grad()
    def replay(self, x: Tensor, condition: dict[str, Tensor], trace: Trace | None = None) -> Tensor:
        """The head's parameters [B, V, K] for given data, computed as in sampling: equal to model(x) up to rounding."""
        model = self.model
        model.data_tensor(x)
        fixed = model.by_variable(x.to(model.device))
        out = model.graph.head_node.out
        rows = torch.empty(len(x), out.sites, out.channels, dtype=model.dtype, device=model.device)

        def draw(sites: Tensor, parameters: Tensor) -> Tensor:
            rows.index_copy_(1, sites, parameters)
            return fixed.index_select(1, sites)

        self.drive(len(x), condition, draw, trace=trace)
        return rows

    # -- the loop ----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def drive(
        self, n: int, condition: dict[str, Tensor], draw: Draw, progress: bool = False, trace: Trace | None = None
    ) -> Tensor:
        """Goes through the order once. draw(sites [v], parameters [B, v, K]) gives the values [B, v, C] of the variables
        that come next; what it may be is up to the caller: chance, a teacher, a decoder. Returns all, [B, V, C]."""
        model, plan = self.model, self.schedule
        graph, device, dtype = model.graph, model.device, model.dtype
        self.prepare()
        caches: dict[Node, Tensor] = self._free(condition, n, trace)
        data = torch.zeros(n, graph.data.out.sites + 1, graph.data.out.channels, dtype=dtype, device=device)
        caches[graph.data] = data
        whole = {i.source for work in self._work for i in work.part.inputs if i.whole}
        for work in self._work:
            node = work.part.node
            if work.part.cached and node not in caches:
                caches[node] = self._cache(node, n, node in whole)
        for source in {i.source for work in self._work for i in work.part.inputs if not i.direct} - caches.keys():
            caches[source] = data.new_zeros(n, source.out.sites + 1, source.out.channels)  # no site of it is ever read
        head = caches[graph.head_node]
        head_sites = torch.from_numpy(plan.head_sites).to(device)
        bounds = plan.head_bounds.tolist()
        for step in _progress(plan.steps, progress):
            self._step(step, caches, trace)
            sites = head_sites[bounds[step] : bounds[step + 1]]
            data.index_copy_(1, sites, draw(sites, head.index_select(1, sites)).to(dtype))
        return data[:, :-1]

    def _step(self, step: int, caches: dict[Node, Tensor], trace: Trace | None) -> None:
        done: Node | None = None
        for work in self._work:
            if work.scan:
                node = work.part.node
                if node is not done:
                    done = node
                    for group, lo, hi in self.schedule.waves[node].get(step, ()):
                        self._compute(self._of[node, group], lo, hi, caches, trace)
                continue
            lo, hi = work.bounds[step], work.bounds[step + 1]
            if lo < hi:
                self._compute(work, lo, hi, caches, trace)

    def _compute(self, work: _Work, lo: int, hi: int, caches: dict[Node, Tensor], trace: Trace | None) -> None:
        node, n = work.part.node, hi - lo
        sites = work.sites.narrow(0, lo, n)
        xs: list[Tensor] = []
        for read in work.reads:
            if read.made is not None:
                x = read.made.latest
                assert x is not None
                xs.append(_narrowed(x, read.channels).unsqueeze(2))
                continue
            cache = _narrowed(caches[read.source], read.channels)
            if read.table is None:
                xs.append(cache.narrow(1, 0, read.source.out.sites))
                continue
            columns = read.columns
            gathered = cache.index_select(1, read.table.narrow(0, lo * columns, n * columns))
            xs.append(gathered.view(cache.shape[0], n, columns, read.channels))
        value = node.layer.few(node, work.weights, xs, sites)
        work.latest = value
        if work.part.cached:
            caches[node].index_copy_(1, sites, value)
        if trace is not None:
            trace(node, sites)

    # -- what is prepared --------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Makes index tensors and folds the weights, if these have changed or moved since the last time. `run` calls it."""
        from arspec.runtime.module import versions

        model = self.model
        now = (model.device, model.dtype, *versions(model))
        if self._folded == now:
            return
        device = model.device
        shared: dict[bytes, Tensor] = {}

        def index(array: Ints) -> Tensor:
            key = np.array(array.shape).tobytes() + array.tobytes()
            if key not in shared:
                shared[key] = torch.from_numpy(np.ascontiguousarray(array)).to(device)
            return shared[key]

        self._work = []
        for part in self.schedule.parts:
            node = part.node
            constants = model.constants.of(node, self.member)
            with torch.no_grad():
                folded = node.layer.fold(
                    node, model.nodes.of(node), constants, part.group, [i.columns for i in part.inputs]
                )
            scan = node in self.schedule.waves
            self._work.append(_Work(part, index(part.sites), part.bounds.tolist(), scan, folded))
        self._of = {(w.part.node, w.part.group): w for w in self._work}
        for work in self._work:
            node, group = work.part.node, work.part.group
            for given in work.part.inputs:
                made = self._of[given.source, group] if given.direct else None
                table = None if given.table is None else index(given.table.ravel())
                channels = node.layer.cached(node) if given.source is node else given.source.out.channels
                columns = 0 if given.table is None else given.table.shape[1]
                work.reads.append(_Read(given.source, channels, made, table, columns))
        self._folded = now

    def _cache(self, node: Node, n: int, whole: bool) -> Tensor:
        """[B, S + k, C]: behind the sites stands what is read outside the grid. No site is read before it is written,
        except by those who read the `whole` cache and hide the rest, which must then be finite."""
        model = self.model
        like = torch.zeros(0, dtype=model.dtype, device=model.device)
        outside = node.layer.outside(node, model.nodes.of(node), like)
        cache = outside.new_empty(n, node.out.sites + len(outside), outside.shape[1])
        if whole:
            cache.zero_()
        cache[:, node.out.sites :] = outside
        return cache

    def _free(self, condition: dict[str, Tensor], n: int, trace: Trace | None) -> dict[Node, Tensor]:
        """The conditions, and all nodes that no variable influences, computed at once in the parallel form."""
        model = self.model
        values = model.condition_tensors(condition, n)
        for node in self.schedule.free:
            constants = model.constants.of(node, self.member)
            inputs = [values[source] for source in node.inputs]
            values[node] = node.layer.forward(node, model.nodes.of(node), constants, inputs, False)
            if trace is not None:
                trace(node, torch.arange(node.out.sites))
        return {
            node: torch.nn.functional.pad(sites_last(value, node.out.groups), (0, 0, 0, 1))
            for node, value in values.items()
        }


def _narrowed(x: Tensor, channels: int) -> Tensor:
    return x if x.shape[-1] == channels else x[..., :channels]


def _progress(steps: int, shown: bool) -> Any:
    if not shown:
        return range(steps)
    from rich.progress import track

    return track(range(steps), description="sampling", transient=True)
