"""The parallel form as a list of steps: of every node what its computation takes, looked up once for all passes.

The steps of a graph never change, and torch.compile is told so. It need not look at each of their parts, neither when
it traces a module nor, as guards, at every call of what it made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from arspec.language.graph import Graph

# A weight's name in its layer, the number of its level (`weight_levels`), its name there,
# and the shape that a tied one is seen in.
Place = tuple[str, int, str, tuple[int, ...] | None]


class Step(NamedTuple):
    """The computation of one node. Nodes are numbered as in `Graph.order`."""

    node: int
    inputs: tuple[int, ...]
    places: tuple[Place, ...]  # of its weights
    prepares: bool  # whether its layer has a `prepare` of its own
    plain: tuple[tuple[str, Any], ...]  # the constants that are no arrays
    buffers: tuple[tuple[str, str], ...]  # the names of constants that are arrays, and of the buffers that hold them
    over: int | None  # which of its inputs may be written over
    auxiliary: bool  # whether its layer has a loss of its own
    done: tuple[int, ...]  # the nodes that nobody reads from here on


def steps_of(graph: Graph, member: int) -> list[Step]:
    """The steps of a graph under a member of its family, in topological order."""
    return graph.steps[member]


# What torch.compiler.assume_constant_result does, without the import of the compiler.
# It guards on the graph's identity.
steps_of._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess]
