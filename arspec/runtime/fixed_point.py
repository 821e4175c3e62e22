"""Sampling by fixed-point iteration (Song et al. 2021; Wiggers & Hoogeboom 2020): with the noise fixed beforehand a
sample is the one fixed point of x = draw(model(x)), and the parallel module alone finds it.

All variables are guessed, and drawn anew from the parameters that the module gives for the guess, again and again. After
k rounds the first k levels are right whatever the guess was, so that there are never more rounds than levels; there are
fewer where a draw does not hang on the last values before it. What is right is known: the first level that a round has
changed was drawn from levels that had not changed any more, and is final with all before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from arspec.layers.base import Node, channels_first
from arspec.runtime.drawing import Draws

if TYPE_CHECKING:
    from arspec.runtime.module import Model


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """The samples [n, *shape], and after how many rounds each was known to be right, [n]."""

    x: Tensor
    rounds: Tensor

    @property
    def iterations(self) -> int:
        """How often the module was run."""
        return int(self.rounds.max()) if len(self.rounds) else 0


@torch.no_grad()
def fixed_point(
    model: Model, n: int, condition: dict[str, Tensor], *, member: int = 0, seed: int = 0, temperature: float = 1.0,
    given: Tensor | None = None, known: Tensor | None = None, first: int = 0, progress: bool = False,
) -> FixedPoint:  # fmt: skip
    """n examples by fixed-point iteration: the integers that the sampler gives. Where `known` holds, those `given`."""
    draws = Draws(model, n, seed=seed, temperature=temperature, first=first, given=given, known=known)
    kind, level = model.graph.data.out, torch.from_numpy(model.levels(member)).to(model.device)
    by_level, depth = level.argsort(stable=True), int(level.max()) + 1
    starts = torch.searchsorted(level[by_level], torch.arange(depth + 1, device=level.device)).tolist()
    conditions = model.condition_tensors(condition, n)
    x = torch.zeros(n, kind.sites, kind.channels, dtype=model.dtype, device=model.device)
    frontier = torch.zeros(n, dtype=torch.long, device=model.device)  # the first level that is not known to be right
    if draws.given is not None and draws.known is not None:
        x = torch.where(draws.known, draws.given.to(model.dtype), x)
        frontier += level.masked_fill(draws.known.all(-1), depth).min()
    rounds = torch.zeros_like(frontier)
    active = (frontier < depth).nonzero()[:, 0]
    with _evaluating(model), _shown(depth, progress) as show:
        while len(active):
            rounds[active] += 1
            lowest = int(frontier[active].min())
            sites = by_level[starts[lowest] :]
            rows = _parameters(model, x[active], conditions, active, member).index_select(1, sites)
            old = x[active][:, sites]
            open_ = level[sites] >= frontier[active, None]
            new = torch.where(open_[..., None], draws(sites, rows, active).to(x.dtype), old)
            changed = (new != old).any(-1)
            x[active[:, None], sites] = new
            frontier[active] = torch.where(changed, level[sites], depth).min(1).values + 1
            active = active[frontier[active] < depth]
            show(int(frontier.min()))
    return FixedPoint(draws.integers(x), rounds)


def _parameters(model: Model, x: Tensor, conditions: dict[Node, Tensor], rows: Tensor, member: int) -> Tensor:
    """The head's parameters [B, V, K] for values [B, V, C] of the examples `rows` [B]."""
    values = {node: value.index_select(0, rows) for node, value in conditions.items()}
    data = model.graph.data
    return model.rows(model.run({data: channels_first(x, data.out), **values}, member))


@contextmanager
def _evaluating(model: Model) -> Iterator[None]:
    """Without dropout and with running statistics, as a sample is drawn."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


@contextmanager
def _shown(depth: int, progress: bool) -> Iterator[Any]:
    """A function that shows how many levels are right."""
    if not progress:
        yield lambda right: None  # type: ignore[reportUnknownLambdaType]
        return
    from rich.progress import Progress

    with Progress(transient=True) as bar:
        task = bar.add_task("sampling", total=depth)
        yield lambda right: bar.update(task, completed=right)  # type: ignore[reportUnknownLambdaType]
