"""Which way a completion takes, and what it costs: known before anything is drawn, and the same on every machine.

The cost is counted in passes of one example through the network, for each completion. The sampler computes every site
once, so that one of its samples counts as one pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from arspec.completion.enumeration import completions, few_enough
from arspec.completion.given import Given, best_given, not_first
from arspec.diagnostics import InputError, did_you_mean

if TYPE_CHECKING:
    from arspec.network.module import Network

HOW = ("auto", "order", "enumeration", "rejection", "particles", "gibbs", "metropolis")
FEW = 1 << 12  # passes for a completion that auto spends on a way: on large models more would take minutes
MANY_LEVELS = 32  # beyond, a full conditional over all levels costs more than it gains


@dataclass(frozen=True, eq=False)
class Plan:
    """how: the way, other than auto. given: under which member of the family. passes: the most for each completion.
    steps: what is done, in words. instead: the way that auto left for its cost, with its passes."""

    how: str
    given: Given
    passes: int
    steps: str
    instead: tuple[str, int] | None = None

    def __str__(self) -> str:
        count = f"{self.passes:,} pass{'es' * (self.passes != 1)} of the network"
        told = f"by {self.how}: {self.steps}; as much work as {count} for each completion"
        if self.instead is not None:
            told += f" (--how {self.instead[0]} takes {self.instead[1]:,})"
        return told


def plan(
    model: Network, known: Tensor, how: str = "auto", member: int | None = None, particles: int = 64, sweeps: int = 20,
    tries: int = 1000,
) -> Plan:  # fmt: skip
    """The way in which what is not `known` (booleans [*shape]) will be drawn.

    auto takes the order where it is exact, and every completion where there are few. Else it sweeps: by all levels, or
    by Metropolis's rule where the levels are many. Where sweeps cost more than FEW passes, it takes particles alone.
    InputError for a way that there is not, or that can't be taken.
    """
    _check(how, particles, sweeps, tries)
    given = best_given(model, known, member)
    if how == "order" and not given.exact:
        raise not_first(model, given)
    wanted = _chosen(model, given) if how == "auto" else how
    passes, steps = _cost(model, given, wanted, particles, sweeps, tries)
    if how == "auto" and wanted in ("gibbs", "metropolis") and passes > FEW:
        return Plan("particles", given, *_cost(model, given, "particles", particles, sweeps, tries), (wanted, passes))
    return Plan(wanted, given, passes, steps)


def _check(how: str, particles: int, sweeps: int, tries: int) -> None:
    if how not in HOW:
        raise InputError("AR808", f"there is no way to complete that is named '{how}'", did_you_mean(how, HOW, "ways"))
    for name, value in {"particles": particles, "sweeps": sweeps, "tries": tries}.items():
        if value < 1:
            raise InputError("AR808", f"{name} is at least 1; {value} came")


def _chosen(model: Network, given: Given) -> str:
    if given.exact:
        return "order"
    if completions(model, given) <= FEW:
        return "enumeration"
    return "gibbs" if model.spec.data.levels <= MANY_LEVELS else "metropolis"


def _cost(model: Network, given: Given, how: str, particles: int, sweeps: int, tries: int) -> tuple[int, str]:
    """Passes for each completion, and what is done."""
    if how == "order":
        return 1, "one sample that keeps what is given"
    if how == "enumeration":
        count = few_enough(completions(model, given))
        return count, f"all {count:,} completions are weighed"
    if how == "rejection":
        return tries, f"up to {tries:,} samples, until one is kept"
    if how == "particles":
        return particles, f"{particles:,} samples that are weighed and resampled together"
    levels = dict(zip(given.places.tolist(), given.levels(model).tolist(), strict=True))
    if how == "gibbs":
        start, each, over = 0, sum(levels.values()), f"{len(levels):,} scalars, each by all its levels"
    else:
        partly = given.scalars[given.missing & given.partial[:, None]].tolist()
        whole = int((given.missing.any(1) & ~given.partial).sum())
        split = sum(levels[place] for place in partly)
        start, each = 1, whole + split + (split > 0)  # what is weighed at first, and anew after scalars
        over = f"{whole + len(partly):,} variables"
    return particles + start + sweeps * each, f"a start by {particles:,} particles, then {sweeps:,} sweeps over {over}"
