"""One forward pass of a module under shadow memory: the highest rank that the output for each variable reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.case import Case
from arspec.diagnostics import InputError
from arspec.shadow import LOOSE, Trace, trace


@dataclass(frozen=True)
class Labelled:
    """What one pass says. `highest` [B, V]: the highest rank that the output for each variable reads, -1 for none."""

    highest: Tensor
    trace: Trace

    def exceeds(self, limit: Tensor) -> Tensor:
        """[V]: the variables whose output reads, by the labels, a rank that is not below its limit [V] or [B, V]."""
        return (self.highest >= limit).any(0)

    @property
    def open(self) -> list[str]:
        """What was seen only from outside: operators without a rule and unseen memory, each once, with its line."""
        first: dict[str, str] = {}
        for each in self.trace.opaque:
            first.setdefault(each.operator.removeprefix("aten."), f"{each.place}")
        for each in self.trace.unseen:
            first.setdefault(each.what, f"{each.place}")
        return [f"{name} ({place})" for name, place in first.items()]


def label(
    subject: Borrowed, x: Tensor, ranks: Tensor, *, route_given: bool = False, weights: int = 1, **more: Any
) -> Labelled | str:
    """Labels of a pass on x [B, *shape] whose entries have `ranks` (it broadcasts; -1: of no variable), or why there
    are none. The weights are those of draw `weights`, or the module's own where it takes no others, and stay set."""
    last: BaseException | None = None
    for draw in dict.fromkeys((weights, 0)):
        subject.redraw(draw)
        try:
            return _label(subject, x, ranks, route_given=route_given, **more)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            last = error
    return f"its operators cannot be followed: {type(last).__name__}: {' '.join(str(last).split())[:200]}"


def ranks_of(case: Case) -> Tensor:
    """[1, *shape]: the rank of the variable of each entry of an example."""
    return torch.from_numpy(case.rank[case.layout.variable]).reshape(1, *case.layout.shape)


def _label(subject: Borrowed, x: Tensor, ranks: Tensor, *, route_given: bool, **more: Any) -> Labelled:
    layout = subject.layout
    given = layout.to_module(x).clone(memory_format=torch.contiguous_format)
    sources = [(given, layout.to_module(ranks.expand(x.shape)))]
    traced: list[Trace] = []

    def around(call: Callable[[], Any]) -> Any:
        with torch.no_grad():
            traced.append(trace(call, sources, route_given=route_given))
        return traced[-1].output

    out = subject.raw(given, len(x), around, **more)
    labels = subject.rows(traced[-1].labels(out), len(x)).amax(-1).long() - (LOOSE + 1)
    return Labelled(labels.clamp_min(-1), traced[-1])
