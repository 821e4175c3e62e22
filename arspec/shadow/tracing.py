"""One forward pass with its shadow, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from arspec.shadow.algebra import Algebra, Ranks
from arspec.shadow.findings import Opaque, Read, Route, Unseen
from arspec.shadow.tracer import Tracer, Watcher


@dataclass
class Trace:
    """A forward pass that has run: what it returned, and what its shadow says.

    `opaque`: operators without a rule. `reads`: values that Python was given. `unseen`: memory that may have been
    written unseen. `routes`: operators whose indices were taken as they are. `operators`: how many operators ran.
    """

    output: Any
    opaque: list[Opaque]
    reads: list[Read]
    unseen: list[Unseen]
    routes: list[Route]
    operators: int
    tracer: Tracer

    def labels(self, tensor: Tensor) -> Tensor:
        """The label of each element of a tensor of the pass: int32, of the tensor's shape; not to be written to."""
        return self.tracer.labels(tensor)


def trace(
    run: Callable[[], Any],
    sources: Sequence[tuple[Tensor, Tensor]],
    *,
    algebra: Algebra | None = None,
    route_given: bool = False,
    watchers: Sequence[Watcher] = (),
) -> Trace:
    """Runs a forward pass and labels every tensor in it.

    `sources` are pairs of an input tensor and the number of the variable that each of its elements holds (of the same
    shape, or one that broadcasts to it): from 0; -1 stands for a value of this pass alone, such as a condition; -2 for
    one that is the same in every pass. All other tensors that `run` finds are constant: weights, masks, tables.
    `algebra` is `Ranks()` where none is given. Gradients are computed where the caller has them on. Whatever `run`
    raises is raised.
    """
    tracer = Tracer(Ranks() if algebra is None else algebra, route_given=route_given, watchers=watchers)
    for tensor, variables in sources:
        tracer.source(tensor, variables)
    with tracer:
        output = run()
    return Trace(output, tracer.opaque, tracer.reads, tracer.unseen, list(tracer.routes), tracer.count, tracer)
