"""The operations of one pass of a module under audit, each with the exact set of variables that it depends on."""

# Storages have no public names in torch.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.case import Case
from arspec.shadow import trace
from arspec.shadow.operations import Operation, Watch
from arspec.shadow.sets import Sets

MAX_VARIABLES = 1 << 11  # of a module whose operations are told


@dataclass(frozen=True, eq=False)
class Operations:
    """The operations of one pass that depend on data, inputs before their readers; which gives the output; the classes
    of the modules by their paths; and how many more there are."""

    found: list[Operation]
    output: int
    classes: dict[str, str]
    more: int


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
    return Operations(watch.found, output, classes, watch.more)
