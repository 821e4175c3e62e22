"""Sampling by fixed-point iteration (Song et al. 2021; Wiggers & Hoogeboom 2020): with the noise fixed beforehand a
sample is the one fixed point of x = draw(model(x)), and the parallel module alone finds it.

All variables are guessed, and drawn anew from the parameters that the module gives for the guess, again and again.
After k rounds all variables up to the depth k are right whatever the guess was, so that there are never more rounds
than depths;
there are fewer where a draw does not hang on the last values before it. What is right is known: the least depth that a
round has changed was drawn from depths that had not changed any more, and is final with all before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from arspec.layers.base import Node
from arspec.layers.helpers import channels_first
from arspec.network.evaluating import evaluating
from arspec.progress import Progress
from arspec.sampler.drive.drawing import Draws
from arspec.sampler.drive.guidance import without
from arspec.sampler.plan.plans import depths_of

if TYPE_CHECKING:
    from arspec.heads.truncation import Truncation
    from arspec.network.module import Network, Tap


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """The samples [n, *shape], and after how many rounds each was known to be right, [n]."""

    x: Tensor
    rounds: Tensor

    @property
    def iterations(self) -> int:
        """How often the module was run."""
        return int(self.rounds.max()) if len(self.rounds) else 0


def fixed_point(
    model: Network, n: int, condition: dict[str, Tensor], *, member: int = 0, seed: int = 0, temperature: float = 1.0,
    given: Tensor | None = None, known: Tensor | None = None, first: int = 0,
    truncation: Truncation | None = None, guidance: float | None = None,
) -> FixedPoint:  # fmt: skip
    """n examples by fixed-point iteration: the integers that the sampler gives. Where `known` holds, those `given`."""
    draws = Draws(
        model, n, seed=seed, temperature=temperature, first=first, given=given, known=known, truncation=truncation
    )
    search = Search(model, draws, condition, member, guidance)
    with model.held(watched=False), Progress("sampling", search.depths, "depths") as progress:
        while not search.done:
            search.round()
            progress.done = search.right
    return FixedPoint(draws.integers(search.x), search.rounds)


class Search:
    """The state of an iteration: values `x` [B, V, C], and for each example the least depth that is not known to be
    right, `frontier` [B], and the `rounds` [B] that it took part in.
    Examples that are right are not computed any more."""

    def __init__(
        self, model: Network, draws: Draws, condition: dict[str, Tensor], member: int, guidance: float | None = None
    ) -> None:
        self.model, self.draws, self.member = model, draws, member
        kind, depth = model.graph.data.out, depths_of(model.graph, member)
        self.depths = int(depth.max()) + 1
        by_depth = depth.argsort(kind="stable")
        self._starts = depth[by_depth].searchsorted(range(self.depths + 1)).tolist()
        self._depth, self._by_depth = (torch.tensor(array, device=model.device) for array in (depth, by_depth))
        n = len(draws.noise)
        self._guidance, self._conditions = guidance, model.condition_tensors(condition, n)
        self._free = None if guidance is None else model.condition_tensors(without(model, condition, n), n)
        self.x = torch.zeros(n, kind.sites, kind.channels, dtype=model.dtype, device=model.device)
        self.frontier = torch.zeros(n, dtype=torch.long, device=model.device)
        if draws.given is not None and draws.known is not None:
            self.x = torch.where(draws.known, draws.given.to(model.dtype), self.x)
            self.frontier += self._depth.masked_fill(draws.known.all(-1), self.depths).min()
        self.rounds = torch.zeros_like(self.frontier)

    @property
    def iterations(self) -> int:
        """How often the module was run."""
        return int(self.rounds.max()) if len(self.rounds) else 0

    @property
    def right(self) -> int:
        """How many depths, from the least on, are right in all examples."""
        return int(self.frontier.min()) if len(self.frontier) else self.depths

    @property
    def done(self) -> bool:
        """Whether every example is final."""
        return self.right == self.depths

    @torch.no_grad()
    def round(self, tap: Tap | None = None) -> None:
        """Runs the module on the examples that are not known to be right, and draws what is open in them."""
        active = (self.frontier < self.depths).nonzero()[:, 0]
        sites = self._by_depth[self._starts[self.right] :]
        depth, frontier = self._depth[sites], self.frontier[active]
        x = self.x if len(active) == len(self.x) else self.x[active]
        parameters = self._parameters(x, _of(self._conditions, active), tap)
        if self._guidance is not None and self._free is not None:
            free = self._parameters(x, _of(self._free, active), tap)
            parameters = self.model.graph.head.guided(parameters, free, self._guidance)
        rows = parameters.index_select(1, sites)
        old = x[:, sites]
        still = depth >= frontier[:, None]
        new = torch.where(still[..., None], self.draws(sites, rows, active).to(x.dtype), old)
        changed = (new != old).any(-1)
        self.x[active[:, None], sites] = new
        self.frontier[active] = (torch.where(changed, depth, self.depths).amin(1) + 1).clamp(max=self.depths)
        self.rounds[active] += 1

    def _parameters(self, x: Tensor, conditions: dict[Node, Tensor], tap: Tap | None) -> Tensor:
        """The head's parameters [B, V, K], without dropout and with running statistics, as a sample is drawn."""
        model, data = self.model, self.model.graph.data
        with evaluating(model):
            return model.rows(model.run({data: channels_first(x, data.out), **conditions}, self.member, tap))


def _of(conditions: dict[Node, Tensor], rows: Tensor) -> dict[Node, Tensor]:
    """The conditions of these examples."""
    return {node: value if len(rows) == len(value) else value[rows] for node, value in conditions.items()}
