"""The schedule of the sampler: which sites of which node become known at which step. numpy only.

Before the variables of rank t are drawn, everything that they need is computed, and what else is quicker computed with
it (`arspec.sampler.plan.timing`). Over all steps, every site that some head site depends on is computed once, and no
other. For each (node, group) there is one array of sites in the order in which they are computed, and one table of what
they read; a step is a slice of both. The passes that make a schedule are those of `arspec.sampler.plan.passes` up to
`connect`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from arspec.language.graph import Graph
from arspec.layers.base import Node
from arspec.runs import Listed
from arspec.types import Ints, Member

Waves = dict[Node, dict[int, list[tuple[int, int, int]]]]  # scan -> step -> (group, from, to), in order


class Leaks(ValueError):
    """Something is drawn before all that it depends on is known."""


@dataclass(eq=False)
class ChannelShare:
    """What a linear layer makes of some of the channels that it reads; one of its shares has its bias."""

    channels: Ints
    bias: bool


@dataclass(eq=False)
class Lowered:
    """A graph whose nodes are the spec's, or stand for them. origin: the node of the spec whose weights and constants
    one of them takes, where it is not its own; computes: the nodes of the spec of which it computes the sites,
    likewise; unwritten: those that give what none of the spec's gives by itself, inputs before their readers."""

    graph: Graph
    origin: dict[Node, Node] = field(default_factory=dict)
    shares: dict[Node, ChannelShare] = field(default_factory=dict)
    computes: dict[Node, list[Node]] = field(default_factory=dict)
    unwritten: list[Node] = field(default_factory=list)

    def computed(self, node: Node) -> list[Node]:
        """The nodes of the spec that are computed with a node."""
        return self.computes.get(node, [self.origin.get(node, node)])


@dataclass(eq=False)
class Term:
    """A linear layer, and the columns of its window's table that are taken."""

    node: Node
    columns: Ints


@dataclass(eq=False)
class Input:
    """How a part reads one input: what the same step has just computed of a group (`direct`), site by site; the whole
    cache, by a `relation` that is a matrix; or by the table [n, M], in which site S stands for zero."""

    source: Node
    table: Ints | None
    columns: Ints
    relation: Listed | None = None
    direct: int | None = None

    @property
    def whole(self) -> bool:
        """Whether the part reads the whole cache, by its relation."""
        return self.relation is not None


@dataclass(eq=False)
class Part:
    """The sites of one group of one node, in the order in which they are computed. Step t computes those from
    `bounds[t]` to `bounds[t + 1]`, a scan in the slices of `waves[t]`, which lead from wave to wave.

    A sum (`arspec.sampler.plan.sums`) reads the windows of its terms that have any columns, then what is added to them.
    It may be in two parts: one that sums up `ahead`, as a node of its own, and one that adds the rest."""

    node: Node
    group: int
    sites: Ints
    bounds: Ints
    inputs: list[Input] = field(default_factory=list)
    cached: bool = False  # whether anything but the same step's same sites reads it
    terms: list[Term] = field(default_factory=list)  # the linear layers that it computes with; else its node's layer
    addends: list[Node] = field(default_factory=list)
    ahead: Part | None = None  # what has summed up the others
    is_ahead: bool = False
    stands_for: list[Node] = field(default_factory=list)  # nodes that are computed with it
    # of what is gathered by a matrix, what its layer is told of each site: how many places of its table it reads, [n];
    # of a layer that is told what is gathered [n, 2 + M], also its own number and those of the places
    counts: Ints | None = None

    @property
    def steps(self) -> Ints:
        """[n]: the step in which each of its sites is computed."""
        return np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))

    @property
    def times(self) -> int:
        """In how many steps any of its sites is computed."""
        return int(np.count_nonzero(np.diff(self.bounds)))

    @property
    def linear(self) -> bool:
        """Whether the part is a product of windows and weights."""
        return bool(self.terms)

    @property
    def windows(self) -> list[Term]:
        """The terms that have inputs; one of them, where nothing is read at all."""
        return [term for term in self.terms if len(term.columns)] or self.terms[:1]


@dataclass(eq=False)
class Schedule:
    """Parts in the order in which a step goes through them."""

    graph: Graph
    member: Member
    steps: int
    parts: list[Part]
    waves: Waves
    free: list[Node]  # nodes that no variable influences: computed once, all sites at once
    head_sites: Ints  # those that are drawn from, by rank
    head_bounds: Ints  # [steps + 1]
    lowered: Lowered  # what the graph stands for
    given: Ints  # the variables that are there before the first step

    @property
    def calls(self) -> int:
        """How often a layer is called in all: each part once for every step in which any of its sites is computed."""
        return sum(part.times for part in self.parts)
