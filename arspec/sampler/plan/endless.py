"""The program of a stream: one whose steps repeat for ever, found by trying longer and longer variants of a model; or,
where there is none, the program of the model's own length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from arspec.analysis.known_at import Relations, known_at
from arspec.diagnostics import InputError
from arspec.language.graph import Graph
from arspec.language.load import Spec
from arspec.layers.base import Node
from arspec.reads import Matrix, Ranked, Reads, Whole
from arspec.runs import Listed, Runs, in_columns, runs_of_table
from arspec.sampler.plan.depth import no_order
from arspec.sampler.plan.known import free_nodes
from arspec.sampler.plan.lengths import no_stream, over, spec_at
from arspec.sampler.plan.passes import asked, through
from arspec.sampler.plan.periods import Period, period_of
from arspec.sampler.plan.program import Program, Rows
from arspec.sampler.plan.rows import ROWS
from arspec.sampler.plan.schedule import Leaks
from arspec.sampler.plan.state import State
from arspec.types import Ints, Member, Type, coordinates

if TYPE_CHECKING:
    from arspec.network.module import Network

LONG = 1 << 11  # steps from which on a variant is made no longer than it must be
SHORTEST, LONGEST = 128, 1 << 17  # steps of the variants that are tried
LONGEST_MATRIX = (1 << 12) + 512  # steps, where a mask compares all of them with all
FARTHER = 4  # times as long as a window reaches back is a variant, so that its steps settle, or
SETTLED = 256  # steps longer, where that is less
MOST_READ = 1 << 25  # numbers of a table of what is gathered


@dataclass(eq=False)
class Course:
    """A model of some length, its program, and the rows of its steps. period: what all later steps are; None where
    there are no more than the model's own."""

    model: Network
    program: Program
    rows: Rows
    period: Period | None

    @property
    def steps(self) -> int:
        """How many steps the program has."""
        return self.program.steps


def own_course(model: Network, member: int) -> Course:
    """The course of the model's own length, from beginning to end.
    InputError where it is generated in another order."""
    plan = _planned(model.graph, _in_time(model, member), endless=False)
    return Course(model, plan.program, plan.rows, None)


def endless(model: Network, member: int) -> Course:
    """The course of the shortest variant whose steps become periodic. InputError with the reason where none does."""
    influenced = _influenced(Relations(model.graph, _in_time(model, member)))
    lasting = {node.name: node.out.sites for node in model.graph.order if node.name not in influenced}
    far: _Far | None = None
    misfit: InputError | None = None
    checked = False
    for length in _lengths(model.spec.data.length):
        try:
            longer = spec_at(model.spec, length)
        except InputError as error:  # a length that does not divide, perhaps
            if far is not None or (misfit is not None and misfit.message == error.message):
                break  # a mask's limit, or what is so at any length
            misfit = misfit or error
            continue
        graph, chosen = longer.graph(), longer.members[member]
        if not checked:
            _check_places(model.spec, longer, member)
            checked = True
        far = _farthest(model.spec, Relations(graph, chosen), influenced, lasting)
        if far is not None and far.needed > length:
            if length >= far.limit:
                break
            continue
        for one in _tight(model.spec, longer, far):
            if far is not None and far.count * one.data.length > MOST_READ:
                break
            plan = _planned(one.graph(), one.members[member], endless=True)
            _check_in_turn(model.spec, plan)
            period = period_of(plan.program, plan.rows, 0 if far is None else far.reach)
            if period is not None:
                return Course(over(model, one), plan.program, plan.rows, period)
    if far is not None:
        raise _looks_far(model.spec, far)
    raise misfit or no_stream(model.spec, f"its steps do not come to repeat each other within {LONGEST:,} steps")


def _tight(own: Spec, longer: Spec, far: _Far | None) -> Iterator[Spec]:
    """The shortest variant in which the steps may settle, where there is one that is shorter by far; then the one that
    was found. What is gathered grows with the length."""
    shortest = 0 if far is None else far.needed
    if LONG <= shortest < longer.data.length and shortest != own.data.length:
        with suppress(InputError):  # it does not divide, perhaps
            yield spec_at(own, shortest)
    yield longer


def _planned(graph: Graph, chosen: Member, endless: bool) -> State:
    """endless: of a stream, in which nothing is read whole."""
    try:
        return through(asked(graph, chosen, sums=False, endless=endless, in_blocks=False), ROWS)
    except Leaks:
        raise no_order(chosen) from None


def _check_in_turn(spec: Spec, plan: State) -> None:
    """InputError where numbers for all steps to come would be made at once."""
    for part in plan.program.schedule.parts:
        if part.node.traits.beyond_grid and part.times == 1 < len(part.sites):
            raise no_stream(spec, f"'{part.node.name}', which is of no data, is read as keys or values", part.node,
                            "add it to what is computed from the data")  # fmt: skip


def _in_time(model: Network, member: int) -> Member:
    """The member, which is of a sequence from beginning to end."""
    data, chosen = model.spec.data, model.graph.members[member]
    if data.kind != "sequence":
        raise InputError("AR822", f"a stream is of a sequence, and '{model.spec.name}' is of {data.kind} data",
                         "`arspec sample` draws whole examples")  # fmt: skip
    rank = chosen.order.rank
    if not np.array_equal(rank, np.arange(len(rank))):
        first = int(np.flatnonzero(rank != np.arange(len(rank)))[0])
        raise InputError("AR822",
                         f"a stream is drawn from its beginning to its end, and the order '{chosen.order.name}' draws "
                         f"step {first} at place {int(rank[first])}",
                         "`arspec sample` draws whole examples in any order")  # fmt: skip
    return chosen


def _lengths(own: int) -> Iterator[int]:
    """Lengths to try, each twice as long as the one before, and where own is no divisor of it, one that is its
    multiple: a length may have to be that of whole frames. Long ones come also with what a window of that length needs
    beyond itself. Never the model's own: what depends on the length shows between two."""
    length = SHORTEST
    while length <= LONGEST:
        beyond = length + 2 * SETTLED if length >= LONG else length
        for chosen in sorted({length, -(-length // own) * own, beyond}):
            if chosen != own and chosen <= LONGEST:
                yield chosen
        length *= 2


def _influenced(relations: Relations) -> set[str]:
    """The names of the nodes that are computed step by step: those that a variable influences."""
    free = free_nodes(relations.graph, known_at(relations))
    return {node.name for node in relations.graph.live} - {node.name for node in free}


@dataclass(frozen=True, eq=False)
class _Far:
    """What looks back the farthest: the node, by how many steps, and how many places it reads at the most."""

    node: Node
    reach: int
    count: int
    first: bool  # whether the last step reads the first
    limit: int  # steps of the longest variant that is tried: of those that are compared with all others, fewer

    @property
    def needed(self) -> int:
        """Steps of a variant in which its own settle."""
        return min(FARTHER * self.reach, self.reach + SETTLED)


def _farthest(
    spec: Spec, relations: Relations, influenced: set[str], lasting: Mapping[str, int]
) -> _Far | None:  # fmt: skip
    """Of the layers that a variable influences those that read by a matrix. lasting: the sites of what no variable
    influences; what keeps their number at every length is kept as it is, and may be read whole.
    InputError where a layer reads everything at any length."""
    found: _Far | None = None
    seen: set[Reads] = set()  # keys and values, and layers of one mask, share a relation
    for node in [node for node in relations.graph.live if node.name in influenced]:
        for read, source in zip(relations.reads(node), node.inputs, strict=True):
            if lasting.get(source.name) == source.out.sites:
                continue
            if isinstance(read, Whole) and source.out.sites > node.out.groups:
                raise no_stream(spec, f"'{node.name}' reads all steps of '{source.name}' at once", node,
                                "let each step read those near it")  # fmt: skip
            if isinstance(read, Ranked):
                raise _looks_back_to_the_start(spec, node)
            if isinstance(read, Matrix | Runs) and read not in seen:
                seen.add(read)
                runs = read if isinstance(read, Runs) else _runs_of(read)
                here, first, last = _steps_of(runs, node.out, source.out)
                if (last > here).any():
                    raise no_stream(spec,
                                    f"'{node.name}' reads steps of '{source.name}' that are still to come, and the "
                                    "last steps have none", node, "let its mask look back alone")  # fmt: skip
                reach, count = int((here - first).max(initial=0)), int(runs.counts.max(initial=0))
                if found is None or reach > found.reach:
                    limit = LONGEST_MATRIX if isinstance(read, Matrix) else LONGEST
                    found = _Far(node, reach, count, runs.reads_any(len(runs.start) - 1, 1), limit)
    return found


def _runs_of(read: Matrix) -> Runs:
    every = np.broadcast_to(np.arange(read.allowed.shape[1]), read.allowed.shape)
    return in_columns(*runs_of_table(every, read.allowed), *read.allowed.shape)


def _steps_of(read: Runs, this: Type, that: Type) -> tuple[Ints, Ints, Ints]:
    """The steps of sites that read anything, and of the first and the last that each reads."""
    some = np.flatnonzero(read.counts)
    here, there = (np.tile(coordinates(kind)[0], kind.groups) for kind in (this, that))
    used = read.lengths[some] > 0
    first = np.where(used, read.start[some], read.in_sites).min(1, initial=read.in_sites)
    last = np.where(used, read.stop[some] - 1, -1).max(1, initial=-1)
    return here[some], there[first], there[last]


def _looks_back_to_the_start(spec: Spec, node: Node, everything: bool = True) -> InputError:
    what = "everything that came before" if everything else "the first steps at all later ones"
    return no_stream(spec, f"'{node.name}' reads {what}, so that what is to be kept has no bound", node,
                     "a window gives it one, such as `so_far and this.step - that.step < 64`")  # fmt: skip


def _looks_far(spec: Spec, far: _Far) -> InputError:
    if far.first:
        return _looks_back_to_the_start(spec, far.node, far.count > far.reach)
    room = min(far.limit, math.isqrt(MOST_READ))
    most = max(room - SETTLED, room // FARTHER)
    return no_stream(spec,
                     f"'{far.node.name}' reads {far.count:,} steps, up to {far.reach:,} away from its own, where a "
                     f"window of {most:,} is the limit", far.node, "make its window shorter")  # fmt: skip


def _check_places(own: Spec, other: Spec, member: int) -> None:
    """InputError where a layer has other numbers for a place in a longer sequence than in a shorter one."""
    there = {node.name: node for node in other.graph().live}
    for node in own.graph().live:
        if node.traits.gathered_context and _is_listed(node, own.members[member]):
            continue  # what it reads is gathered, and it is told no places but how they lie to each other
        if node.traits.needs_sites and not node.traits.is_linear:
            here, longer = (
                n.layer.constants(n, g.members[member]) for n, g in ((node, own), (there[node.name], other))
            )
            if here.keys() != longer.keys() or not all(_agree(here[key], longer[key]) for key in here):
                raise no_stream(own, f"'{node.name}' tells a step by how far it is from the end", node,
                                "leave it out, or count from the beginning")  # fmt: skip


def _is_listed(node: Node, member: Member) -> bool:
    return any(isinstance(read, Listed) for read in node.layer.reads(node, member))


def _agree(a: Ints | object, b: Ints | object) -> bool:
    """Whether two arrays have the same numbers wherever both have any."""
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
        return a == b
    both = tuple(slice(min(m, n)) for m, n in zip(a.shape, b.shape, strict=True))
    return np.array_equal(a[both], b[both])
