"""One forward pass of a module under shadow memory: the highest rank that the output for each variable reads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.case import Case
from arspec.shadow.algebra import LOOSE, Ranks
from arspec.shadow.tracer import Opaque, Tracer


@dataclass(frozen=True)
class Labelled:
    """What one pass says. `highest` [B, V]: the highest rank that the output for each variable reads, -1 for none.
    `opaque`: operators without a rule, each of which was taken to read all that it was given."""

    highest: Tensor
    opaque: list[Opaque]

    def exceeds(self, case: Case) -> Tensor:
        """[V]: the variables whose output reads, by the labels, what its order forbids."""
        return (self.highest >= case.limit).any(0)


def label(subject: Borrowed, case: Case, x: Tensor, *, route_given: bool = False) -> Labelled:
    """The labels of one pass on x [B, *shape], every example of which holds the same variables."""
    tracer = Tracer(Ranks(), route_given=route_given)
    layout = subject.layout
    ranks = torch.from_numpy(case.rank[layout.variable]).reshape(1, *layout.shape).expand(len(x), *layout.shape)
    given = layout.to_module(x).clone(memory_format=torch.contiguous_format)
    tracer.source(given, layout.to_module(ranks))
    out = subject.raw(given, len(x), within=tracer)
    labels = subject.rows(tracer.labels(out), len(x)).amax(-1).long() - (LOOSE + 1)
    return Labelled(labels.clamp_min(-1), tracer.opaque)
