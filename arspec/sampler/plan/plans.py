"""Plans: what sampling needs of a graph alone, and not of any weights. All models of a graph share them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from arspec.analysis.known_at import Relations
from arspec.choices import METHODS
from arspec.diagnostics import InputError, did_you_mean
from arspec.language.graph import Graph
from arspec.sampler.plan.depth import depths
from arspec.sampler.plan.operations import PROGRAM
from arspec.sampler.plan.passes import asked, through
from arspec.sampler.plan.program import Blocks, Entries, Program, Rows
from arspec.sampler.plan.rows import ROWS
from arspec.sampler.plan.schedule import Schedule
from arspec.sampler.plan.state import State
from arspec.sampler.plan.timing import WORTH
from arspec.types import Ints

T = TypeVar("T")
SHARE = 0.9  # depths are taken for ranks where they need fewer than this share of the steps, and of the calls of layers
MOST = 16  # plans, and depths, of one graph that are kept


@dataclass(eq=False)
class Plan:
    """What the passes have made: a schedule with its program, and the rows of all steps, written out when they are
    asked for."""

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

    @cached_property
    def rows(self) -> Rows:
        """The rows of all steps, of blocks none. Of each entry no more is kept than the row."""
        rows = through(self.state, ROWS).rows
        rows.entries = Entries.of_rows(rows.entries.rows())
        return rows


def plan_of(graph: Graph, member: int, worth: int | None, time: Ints | None = None) -> Plan:
    """The plan of one member of the family, made once. `worth`, `time`: as of `asked`; no worth stands for
    WORTH, and a time that is the rank of every variable for none. Raises Leaks."""
    worth = WORTH if worth is None else worth
    if time is not None and np.array_equal(time, graph.members[member].order.time):
        time = None
    key = (member, worth, None if time is None else time.tobytes())
    found: Plan | None = graph.plans.get(key)
    if found is None:
        state = asked(graph, graph.members[member], time, worth=worth)
        found = _kept(graph, key, Plan(through(state, PROGRAM)))
    return found


def method_named(name: str) -> str:
    """The method of a name; `levels`, which it was called before, is `depth`. InputError for a name that no method
    has."""
    if name not in (*METHODS, "levels"):
        raise InputError("AR819", f"there is no method '{name}'", did_you_mean(name, METHODS, "methods"))
    return "depth" if name == "levels" else name


def depth_pays(graph: Graph, member: int, worth: int | None = None) -> bool:
    """Whether going by depth saves steps and calls of layers, a tenth of each at the least. Fewer steps may not be
    enough: in each of them fewer sites may be computed together. Raises InputError where the spec leaks."""
    depth = depths_of(graph, member)
    if int(depth.max()) + 1 >= SHARE * graph.members[member].order.drawn:
        return False
    by_depth, by_rank = (plan_of(graph, member, worth, time).schedule.calls for time in (depth, None))
    return by_depth < SHARE * by_rank


def depths_of(graph: Graph, member: int) -> Ints:
    """[V]: how early each variable of one member can be drawn; those of one depth do not see each other. Found once.
    Raises InputError where the spec leaks."""
    key = ("depth", member)
    found: Ints | None = graph.plans.get(key)
    return _kept(graph, key, depths(Relations(graph, graph.members[member]))) if found is None else found


def _kept(graph: Graph, key: object, value: T) -> T:
    """The value, that stands in the place of the oldest where there are many."""
    while len(graph.plans) >= MOST:
        graph.plans.pop(next(iter(graph.plans)), None)
    graph.plans[key] = value
    return value
