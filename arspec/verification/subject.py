"""A compiled spec as a subject of the dependency tests: from integers of the alphabet to parameters of every
variable."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from arspec.language.further import Further
from arspec.layers.base import Node
from arspec.network.module import Network
from arspec.types import Cells, Ints, channels_of_groups
from arspec.verification.dependencies.subject import Leaf, Subject, Traced

ROUNDED = 0.6  # of the digits of a number are the same when its sums are rounded otherwise: 4e-10 in float64
SCALE = 1.5  # of redrawn weights, so that derivatives stay well above rounding through many layers


def subject_of(model: Network, member: int = 0, seed: int = 0, head: Further | None = None) -> Subject:
    """The subject of a model in float64, under one member of its family, with conditions drawn at random. head: the
    further one whose parameters are meant; None: the first.

    Its leaf is the data as floats, and the output of every layer through which no gradient passes to the data."""
    graph = model.graph.headed(head)
    kind, order = graph.data.out, graph.members[member].order
    spoken, limit = order.modelled, order.rank
    if head is not None:
        sites = head.sites(graph.members[member])
        spoken, limit = np.zeros(order.variables, bool), limit.copy()
        spoken[sites], limit[sites] = True, head.limits(graph.members[member])
    modelled = torch.from_numpy(spoken)
    given = random_conditions(model, seed)
    levels = torch.arange(min(model.spec.data.channel_levels))  # that every channel can take

    def expanded(batch: int) -> dict[str, Tensor]:
        return {name: value.expand(batch, *value.shape[1:]) for name, value in given.items()}

    def run(x: Tensor) -> Tensor:
        with torch.no_grad():
            return of_modelled(model.rows(model.last(x, member, expanded(len(x)), head=head)))

    def of_modelled(rows: Tensor) -> Tensor:
        """What is given has no distribution, whatever the head's node makes of it; nor has what a further head predicts
        nothing at."""
        return rows if bool(modelled.all()) else torch.where(modelled[:, None], rows, 0)

    def trace(x: Tensor) -> Traced:
        leaves: list[Leaf] = []

        def tap(node: Node, value: Tensor) -> Tensor:
            if node is graph.data or (node.traits.float_leaf and isinstance(node.out.frame, Cells)):
                value = value.detach().requires_grad_(True)
                leaves.append(Leaf(value, variables_of(node)))
            return value

        last = model.last(x, member, expanded(len(x)), tap, head)
        return Traced(of_modelled(model.rows(last)), leaves)

    def redraw(draw: int) -> None:
        generator = torch.Generator().manual_seed(1000 * seed + draw)
        with torch.no_grad():
            for weight in model.parameters():
                fan_in = max(weight[0].numel(), 1) if weight.ndim > 1 else 4
                weight.copy_(torch.randn(weight.shape, generator=generator, dtype=weight.dtype) * (SCALE / fan_in**0.5))

    variable = np.repeat(np.arange(kind.sites).reshape(kind.groups, -1), channels_of_groups(kind), axis=0)
    grouped = any(node.traits.regroups for node in graph.live)
    rounding = torch.finfo(model.dtype).eps ** ROUNDED if grouped else 0.0
    return Subject(
        run, model.spec.data.shape, order.rank, variable.ravel(), levels, trace, redraw, spoken, rounding, limit
    )  # fmt: skip


def variables_of(node: Node) -> Ints:
    """[G * C * P]: the variable that each entry of a node at the data's sites stands for."""
    out = node.out
    first = out.frame.part[0] * out.positions if isinstance(out.frame, Cells) and out.frame.part else 0
    return np.broadcast_to(
        first + np.arange(out.sites).reshape(out.groups, 1, -1), (out.groups, out.channels, out.positions)
    ).ravel()


def random_data(model: Network, batch: int, seed: int = 0) -> Tensor:
    """[batch, *shape] random integers of the spec's alphabet."""
    data = model.spec.data
    drawn = torch.randint(1 << 20, (batch, *data.shape), generator=torch.Generator().manual_seed(seed))
    levels = torch.tensor(data.channel_levels)
    return drawn % (levels.view(-1, 1, 1) if data.kind == "image" else levels)


def random_conditions(model: Network, seed: int, batch: int = 1) -> dict[str, Any]:
    """Random values [batch, ...] for every condition of a spec."""
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, Any] = {}
    for name, section in model.spec.condition.items():
        if section.whole is not None:
            found[name] = torch.randint(section.whole, (batch, *section.shape), generator=generator)
        else:
            found[name] = torch.randn(batch, *section.shape, generator=generator, dtype=torch.float64)
    return found
