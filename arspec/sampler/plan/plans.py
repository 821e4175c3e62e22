"""Plans: what sampling needs of a graph alone, and not of any weights. All models of a graph share them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from arspec.analysis.known_at import Relations
from arspec.language.graph import Graph
from arspec.sampler.plan.levels import levels
from arspec.sampler.plan.program import Blocks, Program, Rows, blocks_of, program, rows_of
from arspec.sampler.plan.schedule import Schedule, schedule
from arspec.types import Ints

T = TypeVar("T")
MOST = 16  # plans, and levels, of one graph that are kept


@dataclass(eq=False)
class Plan:
    """A schedule with its program, and the rows of all steps."""

    schedule: Schedule
    program: Program

    @cached_property
    def blocks(self) -> Blocks:
        return blocks_of(self.program)

    @cached_property
    def rows(self) -> Rows:
        return rows_of(self.program, self.blocks)


def plan_of(graph: Graph, member: int, worth: int, time: Ints | None = None) -> Plan:
    """The plan of one member of the family, made once. `worth`, `time`: as of `schedule`. Raises Leaks."""
    key = (member, worth, None if time is None else time.tobytes())
    found: Plan | None = graph.plans.get(key)
    if found is None:
        plan = schedule(graph, graph.members[member], time, sums=True, worth=worth)
        found = _kept(graph, key, Plan(plan, program(plan)))
    return found


def levels_of(graph: Graph, member: int) -> Ints:
    """[V]: how early each variable of one member can be drawn, found once. Raises InputError where the spec leaks."""
    key = ("levels", member)
    found: Ints | None = graph.plans.get(key)
    return _kept(graph, key, levels(Relations(graph, graph.members[member]))) if found is None else found


def _kept(graph: Graph, key: object, value: T) -> T:
    """The value, that stands in the place of the oldest where there are many."""
    while len(graph.plans) >= MOST:
        graph.plans.pop(next(iter(graph.plans)), None)
    graph.plans[key] = value
    return value
