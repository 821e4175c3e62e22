"""The sampler: every site once. It goes through the program's steps, and draws what comes next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from arspec.diagnostics import InputError
from arspec.runtime.machine import Cut, Machine, Trace
from arspec.runtime.noise import uniforms
from arspec.runtime.program import program, rows_of
from arspec.runtime.schedule import schedule

if TYPE_CHECKING:
    from arspec.runtime.module import Model

# Called with the variables [v] that come next and their parameters [B, v, K]: gives their values [B, v, C].
Draw = Callable[[Tensor, Tensor], Tensor]


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
        self.program = program(self.schedule)
        self._folded: tuple[Any, ...] | None = None

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
        return model.scalars(drawn).round().long()

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
        self.prepare()
        machine, state = self._machine, self._machine.begin(n, condition, trace)
        drawn: list[Tensor] = []
        for step in _progress(self.schedule.steps, progress):
            row, cut = self._row(step)
            values = draw(self._sites[step], machine.step(row, cut, state, step, trace))
            machine.write(row, cut, state, values.to(self.model.dtype))
            drawn.append(values)
        return torch.cat(drawn, 1).index_select(1, self._back)

    def _row(self, step: int) -> tuple[Tensor, Cut]:
        return self._flat[self._begins[step] : self._begins[step + 1]], self._cuts[step]

    def prepare(self) -> None:
        """Makes the rows of index numbers and folds the weights, if these have changed or moved since the last time."""
        from arspec.runtime.module import versions

        model = self.model
        now = (model.device, model.dtype, *versions(model))
        if self._folded == now:
            return
        plan, device = self.schedule, model.device
        self._machine = Machine(model, self.program, self.member)
        rows = rows_of(self.program)
        self._flat = torch.from_numpy(rows.entries.rows()).to(device)
        self._begins = rows.begins.tolist()
        self._cuts = [self._machine.cut(step, rows.sizes[step]) for step in range(plan.steps)]
        self._sites = torch.from_numpy(plan.head_sites).to(device).split(np.diff(plan.head_bounds).tolist())
        self._back = torch.from_numpy(np.argsort(plan.head_sites)).to(device)
        self._folded = now


def _progress(steps: int, shown: bool) -> Any:
    if not shown:
        return range(steps)
    from rich.progress import track

    return track(range(steps), description="sampling", transient=True)
