"""Which variables the output for each variable reads, exactly, by labels that are sets of variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.case import Case
from arspec.shadow.contexts import Contexts, contexts


@dataclass(frozen=True)
class Pairs:
    """`reads` [V, V]: row the output for a variable, column the input. `exact`: all operators had a rule, and no value
    was read by Python."""

    reads: NDArray[np.bool_]
    exact: bool
    found: Contexts


def pairs(
    subject: Borrowed, case: Case, x: Tensor, *, route_given: bool, more: dict[str, Any] | None = None
) -> Pairs | None:
    """Of a pass on x [1, *shape], with redrawn weights where the module takes such, which stay set. None where its
    operators cannot be followed."""
    found = subject.followed(lambda _: _pairs(subject, case, x, route_given, more or {}))
    return None if isinstance(found, BaseException) else found


def _pairs(subject: Borrowed, case: Case, x: Tensor, route_given: bool, more: dict[str, Any]) -> Pairs:
    layout = subject.layout
    given = subject.enter(x).clone(memory_format=torch.contiguous_format)
    sources = [(given, layout.spread(layout.by_entry(np.arange(case.variables))))]
    found: list[Contexts] = []

    def around(call: Callable[[], Any]) -> Any:
        def rows() -> Tensor:
            return subject.rows(subject.taken(call()), 1).amax(-1)[0]

        with torch.no_grad():
            found.append(contexts(rows, sources, case.variables, route_given=route_given))

    subject.whole(given, 1, around, **more)
    subject.passes += found[0].passes - 1
    subject.meter.passes += found[0].passes - 1
    exact = not (found[0].opaque or found[0].unseen or any(not read.given for read in found[0].python))
    return Pairs(found[0].reads & case.modelled[:, None], exact, found[0])
