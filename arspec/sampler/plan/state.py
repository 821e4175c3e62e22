"""What a plan is made in: a state, over which passes go one after another. numpy only.

A pass reads some fields of the state and sets others, which it names. `arspec.sampler.plan.passes` lists all of them in
order. Each has a check, which says what must hold once it has run, and figures of what it has done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from arspec.analysis.known_at import Relations
from arspec.language.graph import Graph
from arspec.layers.base import Node
from arspec.reads import Reads
from arspec.sampler.plan.program import Blocks, Kept, Numbers, Orders, Program, Rows
from arspec.sampler.plan.schedule import Lowered, Part, Schedule, Waves
from arspec.types import Bools, Ints, Member

Figures = dict[str, int]


class Unsound(AssertionError):
    """What must hold after a pass does not hold."""


@dataclass(eq=False)
class State:
    """A plan in the making. The first fields say what is asked for. Each of the others is set by a pass, and a field
    that no pass has set yet raises AttributeError.

    Shapes: V variables, S sites of a node, T steps.
    """

    spec_graph: Graph  # as the spec says it
    member: Member
    time: Ints  # [V]: the step at which each variable is drawn, by its rank or its depth; -1 of what is given
    sums: bool  # whether the graph is lowered, and what is added up is computed as one
    worth: int  # the numbers of a weight that a sum of its own must spare
    endless: bool  # for more steps than there are: nothing is read whole, or kept for every site
    in_blocks: bool  # whether rows that follow one another are read as they lie

    done: int = field(default=0, init=False)  # how many passes it has been through
    graph: Graph = field(init=False)  # as the sampler computes it
    relations: Relations = field(init=False)
    known: dict[Node, Ints] = field(init=False)  # [S]: the step after which each site can be computed, -1 before all
    lowered: Lowered = field(init=False)
    needed: dict[Node, Bools] = field(init=False)  # [S]: whether a head site depends on it
    free: list[Node] = field(init=False)  # nodes that no variable influences
    when: dict[Node, Ints] = field(init=False)  # [S] of what is computed step by step: the step of each site
    groups: dict[Node, list[Part]] = field(init=False)  # the part of each channel group
    waves: Waves = field(init=False)  # of scans
    parts: list[Part] = field(init=False)  # all, in the order in which a step goes through them
    schedule: Schedule = field(init=False)
    orders: Orders = field(init=False)
    whole: set[Node] = field(init=False)  # nodes that are read whole
    numbers: dict[Node, Numbers] = field(init=False)
    caches: dict[Node, Kept] = field(init=False)
    program: Program = field(init=False)
    blocks: Blocks | None = field(init=False)
    rows: Rows = field(init=False)

    @property
    def steps(self) -> int:
        """T: how many steps a sample takes."""
        return int(self.time.max()) + 1


@dataclass(frozen=True, eq=False)
class Pass:
    """One pass over a state. reads, sets: the names of the fields that it reads and sets, beside what is asked for.

    run: does the work. check: raises Unsound where that does not hold which must hold after it, for which it may read
    any field. figures: what it has done, in numbers, by what they count.
    """

    name: str
    about: str  # what it does, in a sentence
    reads: tuple[str, ...]
    sets: tuple[str, ...]
    run: Callable[[State], None]
    check: Callable[[State], None]
    figures: Callable[[State], Figures]


def hold(holds: bool | np.bool_, otherwise: str) -> None:
    """Raises Unsound with the text where something does not hold."""
    if not holds:
        raise Unsound(otherwise)


def inputs_of(relations: Relations, node: Node) -> list[tuple[Node, Reads]]:
    """What a node reads: each input and the relation with it; last, of a scan, itself and that with its own sites."""
    found = list(zip(node.inputs, relations.reads(node), strict=True))
    scan = relations.scan(node)
    return found if scan is None else [*found, (node, scan.own)]
