"""The sampler: every site once. It goes through the program's steps, and draws what comes next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from arspec.choices import Storage
from arspec.network.fingerprint import Fingerprint, fingerprint_of
from arspec.progress import track
from arspec.sampler.drive.drawing import Draws
from arspec.sampler.drive.guidance import both, guided_draw, twice
from arspec.sampler.drive.priming import can_prime, prime, put_given
from arspec.sampler.plan.depth import no_order
from arspec.sampler.plan.plans import depths_of, plan_of
from arspec.sampler.plan.schedule import Leaks
from arspec.sampler.run.executor import Executor, State, Trace
from arspec.sampler.run.without_onednn import WITHOUT_ONEDNN
from arspec.types import Ints

if TYPE_CHECKING:
    from arspec.heads.truncation import Truncation
    from arspec.network.module import Network

MOST = 1 << 19  # sections of rows that are kept: most of them are one number
WORTH = 4  # steps that a parallel pass is worth

# Called with the variables [v] that come next and their parameters [B, v, K], which stand until it returns: gives their
# values [B, v, C].
Draw = Callable[[Tensor, Tensor], Tensor]
# Called after each step: [B], the example that goes on in the place of each, under the same conditions, or None where
# each goes on in its own (particles are resampled so).
Ancestors = Callable[[], Tensor | None]


class Sampler:
    """Samples, completions and replays of a model under one member of its family. `time` [V]: the step at which each
    variable is drawn, where it is not its rank. storage: in how many bits linear layers have their weights."""

    def __init__(self, model: Network, member: int, time: Ints | None = None, storage: Storage = "exact") -> None:
        self.model, self.member = model, member
        self.storage: Storage = storage
        graph = model.graph
        chosen = graph.members[member]
        try:
            self._plan = plan_of(graph, member, model.worth, time)
        except Leaks:
            raise no_order(chosen) from None
        self.schedule, self.program = self._plan.schedule, self._plan.program
        self._folded: Fingerprint | None = None

    # -- what users call, through the model --------------------------------------------------------------------------

    def run(
        self, n: int, condition: dict[str, Tensor], *, seed: int = 0, temperature: float = 1.0,
        given: Tensor | None = None, known: Tensor | None = None, first: int = 0, trace: Trace | None = None,
        truncation: Truncation | None = None, seen: Fingerprint | None = None, guidance: float | None = None,
    ) -> Tensor:  # fmt: skip
        """n examples as integers [n, *shape]; where `known` holds, those `given`: what of them comes first in the order
        is taken in by one parallel pass, where that can be. temperature 0 takes the likeliest; `truncation` leaves
        levels out. seen: as in `prepare`. guidance: as of `check_guidance`, which has seen it."""
        draws = Draws(
            self.model,
            n,
            seed=seed,
            temperature=temperature,
            first=first,
            given=given,
            known=known,
            truncation=truncation,
        )
        ahead = None
        if trace is None and draws.known is not None and (steps := self._steps_given(draws.known)) >= WORTH:
            ahead = steps, draws.integers(draws.there)
        if guidance is None:
            return draws.integers(
                self.drive(
                    n, condition, draws, trace, ahead=ahead, seen=seen, start=draws.start, keeps=draws.highest
                )
            )  # fmt: skip
        under, draw = both(self.model, condition, n), guided_draw(self.model, draws, guidance)
        ahead = None if ahead is None else (ahead[0], torch.cat([ahead[1], ahead[1]]))
        found = self.drive(2 * n, under, draw, trace, ahead=ahead, seen=seen, start=twice(draws.start))
        return draws.integers(found[:n])

    def _steps_given(self, known: Tensor) -> int:
        """The steps before the first that draws anything that is not known [V, C]."""
        by_rank = known.all(-1).cpu().numpy()[self.schedule.head_sites]
        first = len(by_rank) if by_rank.all() else int(np.argmin(by_rank))
        return int(np.searchsorted(self.schedule.head_bounds, first, "right")) - 1

    @torch.no_grad()
    def replay(self, x: Tensor, condition: dict[str, Tensor], trace: Trace | None = None) -> Tensor:
        """The head's parameters [B, V, K] for given data, computed as in sampling: equal to model(x) up to rounding.
        Zeros of what is given, not modelled."""
        model = self.model
        model.data_tensor(x)
        fixed = model.by_variable(x.to(model.device))
        out = model.graph.head_node.out
        rows = torch.zeros(len(x), out.sites, out.channels, dtype=model.dtype, device=model.device)

        def draw(sites: Tensor, parameters: Tensor) -> Tensor:
            rows.index_copy_(1, sites, parameters)
            return fixed.index_select(1, sites)

        given = torch.from_numpy(self.schedule.given).to(model.device)
        self.drive(len(x), condition, draw, trace=trace, start=fixed.index_select(1, given))
        return rows

    # -- the loop ----------------------------------------------------------------------------------------------------

    def drive(
        self, n: int, condition: dict[str, Tensor], draw: Draw, trace: Trace | None = None,
        ancestors: Ancestors | None = None, ahead: tuple[int, Tensor] | None = None,
        seen: Fingerprint | None = None, start: Tensor | None = None, keeps: int | None = None,
    ) -> Tensor:  # fmt: skip
        """Goes through the order once. draw(sites [v], parameters [B, v, K]) gives the values [B, v, C] of the
        variables that come next; what it may be is up to the caller: chance, a teacher, a decoder. `ancestors` is asked
        after each step.
        ahead: a number of steps, and data [B, *shape] that hold what would be drawn in them, so that one parallel pass
        stands for them. seen: as in `prepare`. start [B, g, C]: the variables that are given, where there are any.
        keeps: how many of the highest parameters `draw` takes, None for all; the others may be -infinity.
        Returns all, [B, V, C]. Both are called in torch's inference mode, which
        makes small operations a third faster."""
        self.prepare(seen)
        with torch.inference_mode():
            executor, state = self._executor, self._executor.begin(n, condition, trace)
            executor.screen(state, keeps, self.schedule.steps)
            dtype, drawn = self.model.dtype, list[Tensor]()
            if start is not None and start.shape[1]:
                put_given(executor, state, start.to(dtype))
                drawn.append(start)
            begin, made = (0, None) if ahead is None else self._prime(state, condition, *ahead, drawn)
            with WITHOUT_ONEDNN:
                for step in track(range(begin, self.schedule.steps), "sampling"):
                    row, cut = self._row(step), self._cuts[step]
                    values = draw(self._sites[step], executor.step(row, cut, state, step, trace, made))
                    made = None
                    executor.write(cut, state, values.to(dtype))
                    drawn.append(values)
                    if ancestors is not None and (rows := ancestors()) is not None:
                        state.follow(rows)
                        drawn = [torch.cat(drawn, 1).index_select(0, rows)]
            found = torch.cat(drawn, 1).index_select(1, self._back)
        return found.clone()  # a tensor like any other

    def _prime(
        self, state: State, condition: dict[str, Tensor], steps: int, x: Tensor, drawn: list[Tensor]
    ) -> tuple[int, Tensor | None]:
        """Takes in what is given of the first steps; the step to go on with, and the parameters that it draws from
        where the pass has given them, too."""
        if not can_prime(self._executor):
            return 0, None
        parameters: Tensor | None = None
        if steps < self.schedule.steps:  # or nothing is left to be drawn
            parameters = prime(self._executor, state, x, condition, steps + 1, drawn=self._sites[steps])
        sites = torch.cat(self._sites[:steps])
        drawn.append(self.model.by_variable(x.to(self.model.device)).index_select(1, sites))
        return steps, parameters

    def _row(self, step: int) -> list[Tensor | int]:
        """The row of a step, cut into its sections: once for all, where there are few."""
        row = self._rows.get(step)
        if row is None:
            row, cut = self._blocks[step].tolist(), self._cuts[step]
            pieces = self._flat[self._begins[step] : self._begins[step + 1]].split([cut.sizes[q] for q in cut.kept])
            for q, piece in zip(cut.kept, pieces, strict=True):
                row[q] = piece
            if len(row) * self.schedule.steps <= MOST:
                self._rows[step] = row
        return row

    @property
    def executor(self) -> Executor:
        """The executor with the weights folded as they are now."""
        self.prepare()
        return self._executor

    def prepare(self, seen: Fingerprint | None = None) -> None:
        """Makes the rows of index numbers and folds the weights, if these have changed or moved since the last time.
        seen: the fingerprint of the model's weights, where the caller has just taken it."""
        model = self.model
        now = seen or fingerprint_of(model)
        if self._folded == now:
            return
        plan, device = self.schedule, model.device
        self._executor = Executor(model, self.program, self.member, self.storage)
        self._blocks, rows = self._plan.blocks, self._plan.rows
        self._flat = torch.from_numpy(rows.entries.rows()).to(device)
        self._begins = rows.begins.tolist()
        self._rows: dict[int, list[Tensor | int]] = {}
        self._cuts = [self._executor.cut(step, rows.sizes[step], self._blocks[step]) for step in range(plan.steps)]
        self._sites = torch.from_numpy(plan.head_sites).to(device).split(np.diff(plan.head_bounds).tolist())
        self._back = torch.from_numpy(np.argsort(np.concatenate([plan.given, plan.head_sites]))).to(device)
        self._folded = now


def sampler_of(model: Network, member: int = 0, by_depth: bool = False, storage: Storage = "exact") -> Sampler:
    """The sampler of one member of the family, going by ranks or by depth (made once, and one for both where they are
    the same; its weights are folded anew when they have changed). InputError where there is no such member, and where
    the spec leaks."""
    model.check_member(member)
    time = depths_of(model.graph, member) if by_depth else None
    if time is not None and np.array_equal(time, model.graph.members[member].order.time):
        time = None
    key = (Sampler, member, time is not None, storage)
    return model.keep(key, lambda: Sampler(model, member, time, storage))
