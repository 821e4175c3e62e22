"""Sweeps over the missing part: one scalar or variable after another is drawn anew, given all the rest.

Gibbs draws a scalar from its full conditional, p(scalar = a | rest) ∝ p(x with a), over all levels a. Metropolis
proposes a variable from the model's own conditional q, which looks at what comes before it alone, and accepts with
probability min(1, p(x') q(old) / p(x) q(new)) (Hastings 1970): only what comes after it weighs. Both leave the exact
conditional distribution as it is, and tend to it over the sweeps from any start,
for every head gives every level a probability.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from arspec.completion.clamped import ROWS
from arspec.completion.given import Given
from arspec.network.ranks import scalar_ranks
from arspec.progress import track

if TYPE_CHECKING:
    from arspec.network.module import Network

Conditions = dict[str, Tensor]


@torch.no_grad()
def by_gibbs(model: Network, given: Given, x: Tensor, condition: Conditions, seed: int, sweeps: int) -> Tensor:
    """x [B, *shape] after so many sweeps, in the order of generation and by all levels."""
    random = _random(seed)
    places = _in_order(model, given, given.places)
    levels = dict(zip(given.places.tolist(), given.levels(model).tolist(), strict=True))
    flat = x.flatten(1).clone()
    for place in track(places * sweeps, "sweeping", "scalars"):
        flat[:, place] = _full_conditional(model, given, flat, place, levels[place], condition, random)
    return flat.view_as(x)


def _full_conditional(
    model: Network, given: Given, flat: Tensor, place: int, levels: int, condition: Conditions,
    random: np.random.Generator,
) -> Tensor:  # fmt: skip
    """[B]: one scalar of so many levels drawn anew."""
    chance = torch.from_numpy(random.random((len(flat), 1))).to(flat.device)
    drawn: list[Tensor] = []
    for start in range(0, len(flat), max(1, ROWS // levels)):
        part = slice(start, start + max(1, ROWS // levels))
        rows = flat[part].repeat_interleave(levels, 0)
        rows[:, place] = torch.arange(levels, device=flat.device).repeat(len(rows) // levels)
        given_to = {name: value[part].repeat_interleave(levels, 0) for name, value in condition.items()}
        nats = model.log_prob(rows.view(len(rows), *model.spec.data.shape), given.member, **given_to)
        cumulative = nats.double().view(-1, levels).softmax(1).cumsum(1)
        drawn.append((cumulative <= chance[part] * cumulative[:, -1:]).sum(1).clamp(max=levels - 1))
    return torch.cat(drawn)


@torch.no_grad()
def by_metropolis(
    model: Network, given: Given, x: Tensor, condition: Conditions, seed: int, sweeps: int
) -> tuple[Tensor, float]:
    """x [B, *shape] after so many sweeps, and the share of proposals that was accepted. A variable that is given in
    part is swept by all levels."""
    head, support = model.graph.head, model.graph.support
    random, device = _random(seed), x.device
    whole = np.flatnonzero(given.missing.any(1) & ~given.partial)
    whole = whole[np.argsort(model.graph.rank(model.graph.members[given.member])[whole], kind="stable")]
    split = _in_order(model, given, given.scalars[given.missing & given.partial[:, None]])
    flat = x.flatten(1).clone()
    levels = dict(zip(given.places.tolist(), given.levels(model).tolist(), strict=True))
    accepted = proposed = 0
    parameters, nats = _weighed(model, given, flat, condition)
    for _ in track(range(sweeps), "sweeping", "sweeps"):
        for variable in whole.tolist():
            own = given.scalars[variable]
            noise = torch.from_numpy(random.random((len(flat), head.uniforms(support)))).to(device)
            value = head.draw(support, parameters[:, variable], noise, 1.0)
            changed = flat.clone()
            changed[:, torch.from_numpy(own[own >= 0]).to(device)] = value[:, : int((own >= 0).sum())].to(flat.dtype)
            new_parameters, new_nats = _weighed(model, given, changed, condition)
            ratio = new_nats.sum(1) - new_nats[:, variable] - nats.sum(1) + nats[:, variable]
            chance = torch.from_numpy(np.maximum(random.random(len(flat)), 1e-300)).to(device)
            taken = chance.log() < ratio
            flat = torch.where(taken[:, None], changed, flat)
            nats = torch.where(taken[:, None], new_nats, nats)
            parameters = torch.where(taken[:, None, None], new_parameters, parameters)
            accepted, proposed = accepted + int(taken.sum()), proposed + len(flat)
        for place in split:
            flat[:, place] = _full_conditional(model, given, flat, place, levels[place], condition, random)
        if split:
            parameters, nats = _weighed(model, given, flat, condition)
    return flat.view_as(x), accepted / max(proposed, 1)


def _weighed(model: Network, given: Given, flat: Tensor, condition: Conditions) -> tuple[Tensor, Tensor]:
    """The head's parameters [B, V, K] and the nats [B, V] of every variable, in float64."""
    rows = flat.view(len(flat), *model.spec.data.shape)
    parameters = model(rows, given.member, **condition)
    return parameters, model.graph.head.log_prob(
        model.graph.support, parameters.double(), model.by_variable(rows.to(model.device))
    )


def _in_order(model: Network, given: Given, places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[int]:
    """Places of scalars by their rank."""
    return places[np.argsort(scalar_ranks(model, given.member)[places], kind="stable")].tolist()


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, 9])
