"""The plan of a sample, as a list of passes over one state. numpy only.

To change how a sample is planned is to change one pass. Each stands in the file where its work is done, with a check of
what must hold after it. `arspec sample SPEC --explain-plan` prints the list with the figures of a spec.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from arspec.language.graph import Graph
from arspec.sampler.plan.caches import CACHES
from arspec.sampler.plan.connect import CONNECT
from arspec.sampler.plan.known import FREE, KNOWN, NEEDED
from arspec.sampler.plan.lowered import LOWER
from arspec.sampler.plan.operations import PROGRAM
from arspec.sampler.plan.parts import PARTS
from arspec.sampler.plan.rows import ROWS
from arspec.sampler.plan.schedule import Schedule
from arspec.sampler.plan.state import Pass, State, Unsound
from arspec.sampler.plan.sums import SUMS
from arspec.sampler.plan.timing import STEPS, WORTH
from arspec.types import Ints, Member

PASSES: tuple[Pass, ...] = (
    KNOWN,  # finds for each site the last step whose variables it depends on
    LOWER,  # puts in the graph's place one that gives the same in fewer or larger products
    NEEDED,  # leaves out the sites that no head site depends on
    FREE,  # sets apart the nodes that no variable influences
    STEPS,  # gives each site a step in which many others of its node are computed as well
    PARTS,  # puts the sites of each channel group into the order in which they are computed
    SUMS,  # joins what is added up into one product, and sums up ahead what is there early
    CONNECT,  # settles how each part finds what it reads
    CACHES,  # makes the cache of each node a ring
    PROGRAM,  # makes operations of the parts, and names the rows of caches that they take
    ROWS,  # writes out the numbers of the rows that each step takes
)
RESULTS = ("graph", "schedule", "program", "blocks", "rows")  # fields that are kept to the end

_verifying = False


@contextmanager
def verified() -> Generator[None]:
    """Within it every pass that runs is checked behind its run: Unsound is raised with its name. For tests; it takes
    some times as long as planning."""
    global _verifying
    before, _verifying = _verifying, True
    try:
        yield
    finally:
        _verifying = before


def asked(
    graph: Graph, member: Member, time: Ints | None = None, *, sums: bool = True, worth: int = WORTH,
    endless: bool = False, in_blocks: bool = True,
) -> State:  # fmt: skip
    """The state before the first pass. time [V]: the step at which each variable is drawn, in place of its rank; each
    comes after all that it depends on. The others are as in `State`."""
    return State(graph, member, member.order.time if time is None else time, sums, worth, endless, in_blocks)


def through(state: State, last: Pass, keep: bool = False) -> State:
    """Goes through the passes that the state has not been through, up to `last`. Raises Leaks where something is drawn
    before all that it depends on is known. Fields that no later pass reads are dropped,
    where they are not to be kept."""
    for number in range(state.done, PASSES.index(last) + 1):
        one = PASSES[number]
        one.run(state)
        state.done = number + 1
        if _verifying:
            check(one, state)
        elif not keep:
            _drop(state)
    return state


def check(one: Pass, state: State) -> None:
    """Raises Unsound, with the name of the pass, where what must hold behind it does not."""
    try:
        one.check(state)
    except Unsound as error:
        raise Unsound(f"after the pass {one.name}: {error}") from None


def _drop(state: State) -> None:
    later = {*RESULTS, *(name for one in PASSES[state.done :] for name in one.reads)}
    for name in {name for one in PASSES[: state.done] for name in one.sets} - later:
        state.__dict__.pop(name, None)


def schedule(
    graph: Graph, member: Member, time: Ints | None = None, sums: bool = False, worth: int = WORTH,
    endless: bool = False
) -> Schedule:  # fmt: skip
    """The schedule of one member of the family alone; all as in `asked`."""
    return through(asked(graph, member, time, sums=sums, worth=worth, endless=endless), CONNECT).schedule
