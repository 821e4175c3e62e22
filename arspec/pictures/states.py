"""What one variable's head site sees: each variable's state, from the relations and from the deepened spec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from numbers import Integral
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from arspec.analysis.contexts import Seen, seen
from arspec.analysis.depth import deepened
from arspec.analysis.known_at import Relations
from arspec.analysis.witness import site_name
from arspec.diagnostics import InputError, visible
from arspec.diagnostics.arguments import wrong_type
from arspec.language.load import Spec
from arspec.language.titles import apart
from arspec.reads import Reads
from arspec.types import Bools, Ints

Floats = npt.NDArray[np.float64]
MANY = 1e300  # paths, as floats go
CHUNK = 256  # sites whose reads are listed at once
NAMES = {"sequence": "step", "vector": "entry"}  # what a number of one axis counts


class State(IntEnum):
    """A variable as another one's head site has it, by how much attention it asks for."""

    LATER = 0
    SEEN = 1
    UNSEEN = 2
    OUT_OF_REACH = 3
    BLIND = 4
    LEAK = 5


COLOURS: dict[State, str] = {
    State.LATER: "#f2f2f0", State.SEEN: "#2b6c99", State.UNSEEN: "#f0d58c",
    State.OUT_OF_REACH: "#a9cfe6", State.BLIND: "#e69f00", State.LEAK: "#c8102e",
}  # fmt: skip
MEANINGS: dict[State, str] = {
    State.LATER: "not generated before it", State.SEEN: "seen", State.UNSEEN: "unseen",
    State.OUT_OF_REACH: "out of reach at this depth", State.BLIND: "blind at any depth", State.LEAK: "leak",
}  # fmt: skip


@dataclass(eq=False)
class Field:
    """The field of one variable under one member of the family. Arrays are [V]."""

    spec: Spec
    member: int
    variable: int
    title: str = ""  # among others; else it is the spec's name

    @property
    def called(self) -> str:
        """What a picture calls the spec."""
        return visible(self.title or self.spec.name)

    @cached_property
    def relations(self) -> Relations:
        """The relations of the spec under the member."""
        return Relations(self.spec.graph(), self.spec.members[self.member])

    @property
    def rank(self) -> Ints:
        """The rank of each variable."""
        return self.spec.members[self.member].order.rank

    @property
    def name(self) -> str:
        """'row 3, column 4, r', 'step 5' or 'entry 6'."""
        name = site_name(self.spec.graph().data.out, self.variable)
        return name.replace("step", "entry") if self.spec.data.kind == "vector" else name

    @property
    def position(self) -> int:
        """The position of the variable on the data's grid."""
        return self.variable % self.spec.members[self.member].order.positions

    @property
    def group(self) -> int:
        """The channel of the variable."""
        return self.variable // self.spec.members[self.member].order.positions

    @cached_property
    def seen(self) -> Bools:
        """Whether the variable's distribution sees each variable."""
        return self._shallow.matrix()[0]

    @cached_property
    def _shallow(self) -> Seen:
        return seen(self.relations, np.array([self.variable]))

    @cached_property
    def legal(self) -> Bools:
        """Whether each variable comes before this one."""
        return self.rank < self.rank[self.variable]

    @cached_property
    def state(self) -> Ints:
        """[V] of State. What is unseen stays so where depth does not tell blind from out of reach."""
        state = np.full(len(self.rank), int(State.LATER))
        state[self.legal] = State.UNSEEN
        if (self.legal & ~self.seen).any():
            deep = deepened(self.spec, self.member, self._shallow)
            if deep is not None:
                reached = deep.matrix()[0]
                state[self.legal & reached] = State.OUT_OF_REACH
                state[self.legal & ~reached] = State.BLIND
        state[self.legal & self.seen] = State.SEEN
        state[self.seen & ~self.legal] = State.LEAK
        return state

    @cached_property
    def by_position(self) -> Ints:
        """[P]: of several channels at a position, the state that asks for most attention."""
        return self.state.reshape(-1, self.spec.members[self.member].order.positions).max(0)

    @cached_property
    def paths(self) -> Floats:
        """[V]: by how many paths of sites each variable reaches the head's site: how strongly,
        if all weights were 1."""
        graph, relations = self.spec.graph(), self.relations
        counts = {node: np.zeros(node.out.sites) for node in [*graph.sources, *graph.live]}
        counts[graph.head_node][self.variable] = 1.0
        for node in reversed(graph.live):
            np.minimum(counts[node], MANY, out=counts[node])
            scan = relations.scan(node)
            if scan is not None:
                counts[node] = scan.back_counts(counts[node])
            for read, source in zip(relations.reads(node), node.inputs, strict=True):
                _spread(read, counts[node], counts[source], np.flatnonzero(counts[node]))
        return np.minimum(counts[graph.data], MANY)

    def count(self, state: State) -> int:
        """How many variables are in this state."""
        return int((self.state == state).sum())

    def summary(self) -> str:
        """'sees 511 of 527, 16 blind'."""
        said = f"sees {int((self.seen & self.legal).sum()):,} of {int(self.legal.sum()):,}"
        names = {State.UNSEEN: "unseen", State.OUT_OF_REACH: "out of reach", State.BLIND: "blind", State.LEAK: "leaked"}
        return ", ".join([said, *(f"{n:,} {name}" for s, name in names.items() if (n := self.count(s)))])


def _spread(read: Reads, counts: Floats, into: Floats, sites: Ints) -> None:
    """Adds the counts of the sites to all that they read, a few sites at a time to keep the tables small."""
    for start in range(0, len(sites), CHUNK):
        some = sites[start : start + CHUNK]
        table = read.table(some)
        which, _ = np.nonzero(table >= 0)
        into += np.bincount(table[table >= 0], counts[some][which], len(into))


def field_of(spec: Spec, at: int | Sequence[int] | None = None, member: int = 0) -> Field:
    """The field of the variable at (row, column[, channel]), (step,) or (entry,), of these also a number alone. Where
    none is named: of an image the first channel of a pixel in the lower middle, of a sequence the last step, of a
    vector the middle of the order.

    Raises InputError for a member or a variable that there is not, and for what names none."""
    if not 0 <= member < len(spec.members):
        raise InputError(
            "AR816", f"{spec.name}: there is no member {member}; the family has {len(spec.members)}", "count from 0"
        )
    order = spec.members[member].order
    at = check_variable(spec, usual(spec, member) if at is None else at, member)
    own = order.groups - spec.groups  # the first group that is no auxiliary image's
    at = (*at, *[own] * (len(order.grid) + 1 - len(at)))
    position = int(np.ravel_multi_index(at[:-1], order.grid))
    return Field(spec, member, at[-1] * order.positions + position)


def told_apart(fields: Sequence[Field]) -> list[Field]:
    """The same, each with a title by which it is told from the others."""
    titles = apart([(field.spec.name, field.spec.source.name) for field in fields])
    return [replace(field, title=title) for field, title in zip(fields, titles, strict=True)]


def usual(spec: Spec, member: int = 0) -> tuple[int, ...]:
    """The variable that is shown where none is named, without its channel."""
    order = spec.members[member].order
    if spec.data.kind == "image":
        return order.grid[0] * 5 // 8, order.grid[1] // 2
    if spec.data.kind == "sequence":
        return (order.grid[0] - 1,)
    return (int(np.argsort(order.rank)[len(order.rank) // 2]),)


def check_variable(spec: Spec, at: Any, member: int = 0, *, flag: bool = False) -> tuple[int, ...]:
    """The numbers that name a variable. flag: whether help names the flag of the command line, or a call in Python.
    InputError (AR945) for what isn't whole numbers, and (AR808) for numbers that name no variable of the spec."""
    order, known = spec.members[member].order, usual(spec, member)
    names = ("row", "column", "channel") if len(order.grid) == 2 else (NAMES[spec.data.kind], "channel")
    sizes = (*order.grid, order.groups)
    numbers = ",".join(map(str, known))
    example = f"--variable {numbers}" if flag else f"variable={known[0] if len(known) == 1 else known}"
    one_by_one = isinstance(at, (Sequence, np.ndarray)) and not isinstance(at, (str, bytes))
    given: tuple[Any, ...] = tuple(cast("Sequence[Any]", at)) if one_by_one else (at,)
    if any(isinstance(n, bool) or not isinstance(n, Integral) for n in given):
        raise wrong_type("a variable", f"named by whole numbers, as in {example}", at)
    if not len(order.grid) <= len(given) <= len(sizes):
        least = names[: len(order.grid)]
        named = ",".join(least) + f"[,{names[-1]}]" * (order.groups > 1)
        count = f"{len(given)} number{'s' * (len(given) != 1)}"
        raise InputError("AR808", f"{spec.name}: a variable is named by {named}, not by {count}", f"such as {example}")
    for name, number, size in zip(names, given, sizes, strict=False):
        if not 0 <= number < size:
            message = f"{spec.name}: there is no {name} {number}; they go from 0 to {size - 1}"
            raise InputError("AR808", message, f"such as {example}")
    return tuple(int(n) for n in given)
