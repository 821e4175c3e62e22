"""Lifetimes: from which step to which the sampler has each site of each of the spec's own nodes. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arspec.language.graph import Graph
from arspec.layers.base import Node
from arspec.sampler.plan.caches import CACHES
from arspec.sampler.plan.passes import asked, through
from arspec.sampler.plan.state import Figures
from arspec.types import Ints, Member


@dataclass(frozen=True, eq=False)
class Lifetimes:
    """When each site is there. first, last: [S] of the data and of each node that is computed step by step.

    A site is computed in step `first`, -1 before the first step, `steps` never. It can be read up to step `last`, which
    is `steps` where it is never written over, and `first` where nothing but its own step reads it. The data are drawn
    at the end of step `first`."""

    steps: int
    first: dict[Node, Ints]
    last: dict[Node, Ints]
    free: list[Node]  # nodes that no variable influences: computed before the first step, and kept
    calls: int  # how often a layer is called in all
    rows: Figures  # of the caches, as the pass of that name tells
    data: Node

    @property
    def computed(self) -> int:
        """The work of a sample: how many sites its steps compute, each once. The data are drawn, not computed."""
        return sum(int((begin < self.steps).sum()) for node, begin in self.first.items() if node is not self.data)

    def computed_at(self, step: int) -> int:
        """How many of these a step computes."""
        return sum(int((begin == step).sum()) for node, begin in self.first.items() if node is not self.data)


def lifetimes(graph: Graph, member: Member) -> Lifetimes:
    """The lifetimes under one member of the family, each node computed by itself.

    Raises `arspec.sampler.plan.schedule.Leaks` where something is drawn before what it depends on is known."""
    state = through(asked(graph, member, sums=False), CACHES, keep=True)
    steps, data = state.steps, graph.data
    first: dict[Node, Ints] = {}
    last: dict[Node, Ints] = {}
    for node, groups in state.orders.items():
        begin, end = np.full(node.out.sites, steps), np.full(node.out.sites, -1)
        kept = state.caches.get(node)
        for number, (sites, written) in enumerate(groups):
            # of the data `written[t]` counts what was drawn before step t
            own = state.time[sites] if node is data else np.searchsorted(written[1:], np.arange(len(sites)), "right")
            begin[sites] = own
            if kept is None:
                end[sites] = own
            elif node in state.whole:
                end[sites] = steps
            else:  # until what is written in its place: in that step, or of the data at the end of it
                over = np.minimum(np.arange(len(sites)) + kept.rings[number], len(sites))
                end[sites] = np.append(own, steps)[over] if node is data else np.append(own, steps + 1)[over] - 1
        first[node], last[node] = begin, end
    return Lifetimes(steps, first, last, state.free, state.schedule.calls, CACHES.figures(state), data)
