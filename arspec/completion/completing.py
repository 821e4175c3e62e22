"""Completions by the way that is planned, and what they are worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from arspec.completion.clamped import ROWS, Clamped
from arspec.completion.enumeration import by_enumeration, completions
from arspec.completion.gibbs import by_gibbs, by_metropolis
from arspec.completion.given import Given
from arspec.completion.particles import by_particles
from arspec.completion.plan import Plan, plan
from arspec.completion.rejection import by_rejection
from arspec.diagnostics import InputError
from arspec.heads.truncation import Truncation
from arspec.sampler.drive.drawing import noise_for
from arspec.sampler.drive.guidance import check_guidance
from arspec.sampler.drive.method import sample

if TYPE_CHECKING:
    from arspec.network.module import Network


@dataclass(frozen=True)
class Completion:
    """Completed examples [B, *shape], how they were drawn, under which member of the family, and what that is worth."""

    values: Tensor
    how: str
    member: int
    guarantee: str


@dataclass(frozen=True)
class Chance:
    """How the model's probabilities are changed before a draw."""

    temperature: float = 1.0
    truncation: Truncation | None = None
    guidance: float | None = None

    def __str__(self) -> str:
        told = [] if self.temperature == 1.0 else [f"temperature {self.temperature:g}"]
        told += [] if self.guidance is None else [f"guidance {self.guidance:g}"]
        return ", ".join([*told, *([] if self.truncation is None else [str(self.truncation)])])


AS_IT_IS = Chance()


def complete(
    model: Network, x: Tensor, known: Tensor, condition: dict[str, Tensor] | None = None, *, how: str | Plan = "auto",
    member: int | None = None, seed: int = 0, temperature: float = 1.0, particles: int = 64,
    sweeps: int = 20, tries: int = 1000, method: str = "auto", top_k: int | None = None, top_p: float | None = None,
    min_p: float | None = None, guidance: float | None = None,
) -> Completion:  # fmt: skip
    """x [B, *shape] with what is not `known` (booleans [*shape]) drawn anew, given what is.

    how: order (clamping; exact where the given part tells nothing after it), enumeration, rejection (exact), particles,
    gibbs, metropolis (exact in the limit). auto: what `arspec.completion.plan` chooses, which says its cost beforehand.
    A plan that it gave is taken as it is.
    member: hold to this one. particles, sweeps, tries: how many; the more the better. temperature, top_k, top_p, min_p,
    guidance (`arspec.sampler.drive.guidance`): for the order alone. InputError where the way can't be taken."""
    if guidance is not None:
        check_guidance(model, guidance, condition or {})
    condition = model.conditions(condition or {}, len(x))
    chance = Chance(temperature, model.graph.head.truncation(top_k, top_p, min_p), guidance)
    chosen = how if isinstance(how, Plan) else plan(model, known, how, member, particles, sweeps, tries)
    how, given = chosen.how, chosen.given
    if chance != AS_IT_IS and (how != "order" or given.partial.any()):
        raise InputError(
            "AR808",
            f"completion by {how} is of the model as it is, without {chance}",
            "temperature, top-k, top-p, min-p and guidance are for a given part that comes first in the order",
        )
    x = x.to(model.device)
    model.data_tensor(x)
    x = x.long()  # levels may come in any type of number; samples are written among them
    told = f"the order of member {given.member}" if model.members > 1 else "the model's order"
    if how == "order":
        values = _by_order(model, given, x, known, condition, seed, chance, method)
        changed = "" if chance == AS_IT_IS else f", at {chance}"
        return Completion(values, how, given.member,
                          f"exact conditional samples{changed}: nothing that is given looks at what is missing in "
                          f"{told}")  # fmt: skip
    with torch.no_grad(), model.held(watched=False):
        values, guarantee = _otherwise(model, given, x, condition, how, seed, particles, sweeps, tries)
    return Completion(values, how, given.member, guarantee)


def _by_order(
    model: Network, given: Given, x: Tensor, known: Tensor, condition: dict[str, Tensor], seed: int, chance: Chance,
    method: str,
) -> Tensor:  # fmt: skip
    """By clamping; a variable that is given in part is drawn channel by channel."""
    if not given.partial.any():
        return sample(
            model, len(x), condition, method=method, member=given.member, seed=seed, temperature=chance.temperature,
            truncation=chance.truncation, guidance=chance.guidance, given=x, known=known,
        )  # fmt: skip
    return Clamped(model, given, x, noise_for(model, seed, 0, len(x))).run(condition)


def _otherwise(
    model: Network, given: Given, x: Tensor, condition: dict[str, Tensor], how: str, seed: int,
    particles: int, sweeps: int, tries: int,
) -> tuple[Tensor, str]:  # fmt: skip
    if how == "enumeration":
        values = by_enumeration(model, given, x, condition, seed)
        return values, f"exact conditional samples: drawn among all {completions(model, given):,} completions"
    if how == "rejection":
        values, kept = by_rejection(model, given, x, condition, seed, tries)
        return values, f"exact conditional samples: {kept:.2%} of the proposals were kept"
    if how == "particles":
        values, lowest = by_particles(model, given, x, condition, seed, particles)
        return values, f"exact in the limit of many particles: {particles} each, effective {lowest:.1f} at the fewest"
    start, lowest = by_particles(model, given, x, condition, seed, particles)
    begun = f"from a start by {particles} particles (effective {lowest:.1f} at the fewest)"
    pieces = [np.arange(k, min(k + ROWS, len(x))) for k in range(0, len(x), ROWS)]
    done: list[Tensor] = []
    rates: list[float] = []
    for number, piece in enumerate(pieces):
        rows = torch.from_numpy(piece).to(x.device)
        own = {name: value[rows] for name, value in condition.items()}
        chain = seed + (number << 32)  # rows of different pieces must not share their chance
        if how == "gibbs":
            done.append(by_gibbs(model, given, start[rows], own, chain, sweeps))
        else:
            values, rate = by_metropolis(model, given, start[rows], own, chain, sweeps)
            done.append(values)
            rates.append(rate)
    told = f"; {np.mean(rates):.1%} of the proposals were accepted" if rates else ""
    each = "full conditionals" if how == "gibbs" else "Metropolis's rule"
    return torch.cat(done), f"exact in the limit of many sweeps: {sweeps} by {each} {begun}{told}"
