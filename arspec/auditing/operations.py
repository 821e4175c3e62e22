"""The operations of one pass of a module under audit, each with the exact set of variables that it depends on."""

# Storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.case import Case
from arspec.shadow import Place, trace
from arspec.shadow.operations import Links, Operation, Sites, Watch
from arspec.shadow.sets import Sets, TooMany

MAX_VARIABLES = 1 << 11  # of a module whose operations are told
MAX_LINKED = 1 << 14  # sites of all operations, of which it is told what each reads
NOWHERE = Place("", 0, "")


@dataclass(frozen=True, eq=False)
class Operations:
    """The operations of one pass that depend on data, inputs before their readers; which gives the output; the classes
    of the modules by their paths; and how many more there are.

    links: of each operation the sites that it reads of each of its inputs, [S, S of that], -1 for the data; the last
    operation is then the output for each variable. None where that is not known."""

    found: list[Operation]
    output: int
    classes: dict[str, str]
    more: int
    links: list[Sites] | None = None


def operations(subject: Borrowed, case: Case, x: Tensor) -> Operations | None:
    """The operations of a pass on x [1, *shape] with redrawn weights, where the module takes such; those stay set. None
    where its operators cannot be followed, and for more than MAX_VARIABLES variables."""
    if case.variables > MAX_VARIABLES:
        return None
    found = subject.followed(lambda _: _operations(subject, case, x))
    return None if isinstance(found, BaseException) else found


def _operations(subject: Borrowed, case: Case, x: Tensor) -> Operations | None:
    layout, module = subject.layout, subject.module
    given = subject.enter(x).clone(memory_format=torch.contiguous_format)
    names = {p.untyped_storage()._cdata: (name, tuple(p.shape)) for name, p in module.named_parameters()}
    watch = Watch(names, given.untyped_storage()._cdata)
    outputs: list[Tensor] = []

    def around(call: Callable[[], Any]) -> Any:
        with torch.no_grad():
            sources = [(given, layout.spread(layout.by_entry(np.arange(case.variables))))]
            out = trace(call, sources, algebra=Sets(case.variables), route_given=True, watchers=[watch]).output
        outputs.append(subject.taken(out))
        return out

    subject.whole(given, 1, around)
    output = watch.makers.get(outputs[0].untyped_storage()._cdata)
    if output is None:
        return None
    classes = {name: type(part).__name__ for name, part in module.named_modules()}
    links = None if watch.more else _links(subject, case, x, watch.found)
    if links is None:
        return Operations(watch.found, output, classes, watch.more)
    found = [
        replace(one, inputs=tuple(sorted({*one.inputs, *own}))) for one, own in zip(watch.found, links, strict=False)
    ]
    shape = tuple(layout.sizes[axis] for axis in layout.spoken)
    reads = contexts(links, case.variables)[-1]
    last = Operation("output", NOWHERE, tuple(links[-1]), shape, tuple(range(len(shape))), reads, ())
    return Operations([*found, last], len(found), classes, 0, links)


def _links(subject: Borrowed, case: Case, x: Tensor, told: list[Operation]) -> list[Sites] | None:
    """What the sites of each operation, and last the output for each variable, read of other operations. None for too
    many sites, and where what follows from it is not what each operation was found to depend on."""
    watch = Links(told, case.variables)
    if any(one.reads is None for one in told) or watch.count > MAX_LINKED:
        return None
    layout = subject.layout
    given = subject.enter(x).clone(memory_format=torch.contiguous_format)

    def around(call: Callable[[], Any]) -> Any:
        def rows() -> Tensor:
            out = subject.taken(call())
            watch.over = True
            return subject.rows(out, 1).amax(-1)[0]

        with torch.no_grad():
            sources = [(given, layout.spread(layout.by_entry(np.arange(case.variables))))]
            algebra = Sets(watch.count)
            pass_ = trace(rows, sources, algebra=algebra, route_given=True, watchers=[watch])
            ends.append(watch.sources(algebra.members(pass_.labels(pass_.output))))
        return pass_.output

    ends: list[Sites] = []
    try:
        subject.whole(given, 1, around)
    except TooMany:
        return None
    links = [*watch.links, *ends]
    return links if watch.same and len(watch.links) == len(told) and _agree(told, links, case.variables) else None


def _agree(told: list[Operation], links: list[Sites], variables: int) -> bool:
    """Whether going from operation to operation leads to the very variables that each was found to depend on."""
    found = zip(told, contexts(links, variables), strict=False)
    return all(one.reads is not None and np.array_equal(one.reads, own) for one, own in found)


def contexts(links: list[Sites], variables: int) -> list[NDArray[np.bool_]]:
    """[S, V] of each operation: the variables that its sites depend on, by what they read."""
    known = {-1: np.eye(variables, dtype=np.float32)}
    for number, own in enumerate(links):
        parts = [sites.astype(np.float32) @ known[source] for source, sites in own.items()]
        known[number] = np.minimum(np.sum(parts, axis=0), 1).astype(np.float32)
    return [known[number] > 0 for number in range(len(links))]
