"""The sampler: every site once. It goes through the schedule, from caches [B, S + 1, C] whose last site is zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(eq=False)
class _Work:
    """A part of the schedule as the sampler runs it: index tensors, folded weights, the cache it writes."""

    part: Part
    sites: Tensor
    tables: list[Tensor | None]
    bounds: list[int]
    weights: dict[str, Tensor]
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

        drawn = self._through(n, condition, draw, progress, trace)
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

        self._through(len(x), condition, draw, False, trace)
        return rows

    # -- the loop ----------------------------------------------------------------------------------------------------

    def _through(
        self, n: int, condition: dict[str, Tensor], draw: Callable[[Tensor, Tensor], Tensor], progress: bool,
        trace: Trace | None,
    ) -> Tensor:  # fmt: skip
        model, plan = self.model, self.schedule
        graph, device, dtype = model.graph, model.device, model.dtype
        self._fold()
        caches: dict[Node, Tensor] = self._free(condition, n, trace)
        data = torch.zeros(n, graph.data.out.sites + 1, graph.data.out.channels, dtype=dtype, device=device)
        caches[graph.data] = data
        for work in self._work:
            node = work.part.node
            if work.part.cached and node not in caches:
                caches[node] = self._cache(node, work, n)
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
        waves = self.schedule.waves
        done: Node | None = None
        for work in self._work:
            part = work.part
            if part.node in waves:
                if part.node is not done:
                    done = part.node
                    for group, lo, hi in waves[part.node].get(step, ()):
                        self._compute(self._of[part.node, group], lo, hi, caches, trace)
                continue
            lo, hi = work.bounds[step], work.bounds[step + 1]
            if lo < hi:
                self._compute(work, lo, hi, caches, trace)

    def _compute(self, work: _Work, lo: int, hi: int, caches: dict[Node, Tensor], trace: Trace | None) -> None:
        part, sites = work.part, work.sites[lo:hi]
        xs: list[Tensor] = []
        for given, table in zip(part.inputs, work.tables, strict=True):
            if given.direct:
                latest = self._of[given.source, part.group].latest
                assert latest is not None
                xs.append(latest[:, :, : given.source.out.channels].unsqueeze(2))
                continue
            cache = caches[given.source]
            if given.source is not part.node:
                cache = cache[..., : given.source.out.channels]
            if given.whole:
                xs.append(cache[:, : given.source.out.sites])
                continue
            assert table is not None
            index = table[lo:hi]
            gathered = cache.index_select(1, index.reshape(-1))
            xs.append(gathered.view(len(cache), hi - lo, index.shape[1], cache.shape[2]))
        value = part.node.layer.few(part.node, work.weights, xs, sites)
        work.latest = value
        if part.cached:
            caches[part.node].index_copy_(1, sites, value)
        if trace is not None:
            trace(part.node, sites)

    # -- what is prepared --------------------------------------------------------------------------------------------

    def _fold(self) -> None:
        """Folds the weights, if they have changed since the last time or have moved to another device or dtype."""
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
            tables = [None if i.table is None else index(i.table) for i in part.inputs]
            self._work.append(_Work(part, index(part.sites), tables, part.bounds.tolist(), folded))
        self._of = {(w.part.node, w.part.group): w for w in self._work}
        self._folded = now

    def _cache(self, node: Node, work: _Work, n: int) -> Tensor:
        """[B, S + k, C]: zeros; behind the sites stands what is read outside the grid."""
        model = self.model
        like = torch.zeros(0, dtype=model.dtype, device=model.device)
        outside = node.layer.outside(node, model.nodes.of(node), like)
        sites = torch.zeros(n, node.out.sites, outside.shape[1], dtype=model.dtype, device=model.device)
        return torch.cat([sites, outside.expand(n, -1, -1)], 1)

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


def _progress(steps: int, shown: bool) -> Any:
    if not shown:
        return range(steps)
    from rich.progress import track

    return track(range(steps), description="sampling", transient=True)
