"""Plans: what sampling needs of a graph alone, and not of any weights. All models of a graph share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from arspec.analysis.known_at import Relations
from arspec.language.graph import Graph
from arspec.sampler.plan.levels import levels
from arspec.sampler.plan.operations import PROGRAM
from arspec.sampler.plan.passes import asked, through
from arspec.sampler.plan.program import Blocks, Program, Rows
from arspec.sampler.plan.rows import ROWS
from arspec.sampler.plan.schedule import Schedule
from arspec.sampler.plan.state import State
from arspec.sampler.plan.timing import WORTH
from arspec.types import Ints

T = TypeVar("T")
SHARE = 0.9  # levels are taken where they need fewer than this share of the steps, and of the calls of layers
METHODS = ("auto", "once", "levels", "fixed-point")  # of sampling, of which the fixed point needs no plan
MOST = 16  # plans, and levels, of one graph that are kept


@dataclass(eq=False)
class Plan:
    """What the passes have made: a schedule with its program, and the rows of all steps, written out when they are
    asked
    for."""

    state: State

    @property
    def schedule(self) -> Schedule:
        """Which sites are computed at which step."""
        return self.state.schedule

    @property
    def program(self) -> Program:
        """The operations of all steps, on rows of caches."""
        return self.state.program

    @property
    def blocks(self) -> Blocks:
        """[T, Q]: the first row of each section whose rows at a step follow one another, else -1."""
        found = through(self.state, ROWS).blocks
        assert found is not None
        return found

    @property
    def rows(self) -> Rows:
        """The rows of all steps, of blocks none."""
        return through(self.state, ROWS).rows


def plan_of(graph: Graph, member: int, worth: int | None, time: Ints | None = None) -> Plan:
    """The plan of one member of the family, made once. `worth`, `time`: as of `asked`; no worth stands for
    WORTH. Raises Leaks."""
    worth = WORTH if worth is None else worth
    key = (member, worth, None if time is None else time.tobytes())
    found: Plan | None = graph.plans.get(key)
    if found is None:
        state = asked(graph, graph.members[member], time, worth=worth)
        found = _kept(graph, key, Plan(through(state, PROGRAM)))
    return found


def levels_pay(graph: Graph, member: int, worth: int | None = None) -> bool:
    """Whether levels save steps and calls of layers, a tenth of each at the least. Fewer steps may not be enough: in
    each of
    them fewer sites may be computed together. Raises InputError where the spec leaks."""
    level = levels_of(graph, member)
    if int(level.max()) + 1 >= SHARE * graph.members[member].order.steps:
        return False
    by_level, by_rank = (plan_of(graph, member, worth, time).schedule.calls for time in (level, None))
    return by_level < SHARE * by_rank


def levels_of(graph: Graph, member: int) -> Ints:
    """[V]: how early each variable of one member can be drawn; those of one level do not see each other. Found once.
    Raises InputError where the spec leaks."""
    key = ("levels", member)
    found: Ints | None = graph.plans.get(key)
    return _kept(graph, key, levels(Relations(graph, graph.members[member]))) if found is None else found


def _kept(graph: Graph, key: object, value: T) -> T:
    """The value, that stands in the place of the oldest where there are many."""
    while len(graph.plans) >= MOST:
        graph.plans.pop(next(iter(graph.plans)), None)
    graph.plans[key] = value
    return value
