"""What every mode of an audit is given: the module, its question and the settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.case import Case
from arspec.auditing.labelling import Labelled
from arspec.auditing.values import Search
from arspec.auditing.verdicts import Verdict


@dataclass(frozen=True)
class Settings:
    """What the caller says of the modes; see `audit`."""

    search: Search = field(default_factory=Search)
    asked: Sequence[str] | None = None
    sampler: str | None = None
    head: str = "categorical"
    samples: int = 1024
    lengths: Sequence[int] = ()
    variants: Mapping[str, nn.Module] = field(default_factory=dict[str, nn.Module])
    cache: str = "auto"
    padding: Sequence[str] = ("left", "right")
    padding_mask: str = "attention_mask"
    documents: str | None = None
    forbid: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Audited:
    """A module that is borrowed, its case and its alphabet [L].

    `settle` does the same for another module. `verdicts` are those of the modes that have run.
    """

    subject: Borrowed
    case: Case
    alphabet: Tensor
    settings: Settings
    settle: Callable[[nn.Module], Audited]
    verdicts: dict[str, Verdict] = field(default_factory=dict[str, Verdict])

    @property
    def routed(self) -> bool:
        """Whether evaluation was proven only with the route given, so that a strict pass decides nothing."""
        return self.verdicts.get("evaluation") == Verdict.GIVEN_ROUTE

    @property
    def time(self) -> str:
        """The one axis of positions. Raises Absent where there are two, or where positions are not in their order."""
        if len(self.case.layout.grid) != 1 or self.case.order.name != "natural":
            raise Absent("it is for sequences in their natural order")
        return self.case.layout.grid[0]

    @property
    def whole(self) -> bool:
        """Whether the output speaks of all positions. Raises Absent where it does not."""
        if self.case.layout.last is not None:
            raise Absent("the output speaks of the last steps alone")
        return True

    @property
    def length(self) -> int:
        """The size of the one axis of positions."""
        return self.case.layout.sizes[self.time]

    def at(self, length: int) -> Audited:
        """The same module on sequences of another length; its forward passes are counted apart."""
        case = self.case.resized(**{self.time: length})
        return replace(self, subject=self.subject.resized(case.layout, case.arrange), case=case)

    def places(self, out: Tensor, batch: int, length: int) -> Tensor:
        """An output of sequences of that length -> [B, T, K], in the order of places, whatever they speak of."""
        layout = self.case.layout if length == self.length else self.case.resized(**{self.time: length}).layout
        rows = layout.parameters(out, batch)
        return rows.reshape(batch, -1, length, rows.shape[-1]).transpose(1, 2).reshape(batch, length, -1)

    def in_places(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """An output for x [B, ..., T] as the module gives it -> [B, T, K], in the order of places."""
        return partial(self.places, batch=len(x), length=x.shape[-1])

    def run(self, x: Tensor, **more: Any) -> Tensor:
        """A forward pass on x [B, ..., T], with further arguments of the call -> [B, T, K] in the order of places."""
        return self.places(self.subject.raw(self.subject.enter(x), len(x), **more), len(x), self.length)

    @property
    def known(self) -> tuple[Tensor, Tensor] | None:
        """Two examples and their outputs [2, T, K] with the first redrawn weights, where evaluation has had them."""
        found = self.subject.known
        if found is None or found[0] != 1 or len(found[1]) != 2:
            return None
        return found[1], self.places(found[2], 2, self.length)

    def values(self, labelled: Labelled) -> Tensor:
        """[B, T, K]: the numbers of a labelled pass, in the order of places."""
        return self.places(labelled.values, len(labelled.highest), self.length)

    def exceeding(self, labelled: Labelled | str, limit: Tensor) -> Tensor:
        """[T]: places whose output reads, by the labels, a rank that is not below its limit [T]; all without labels."""
        if isinstance(labelled, str):
            return torch.ones(self.length, dtype=torch.bool)
        rows = self.places(labelled.output, len(labelled.highest), self.length)
        return (rows.amax(-1) >= limit).any(0)

    def takes(self, *names: str) -> bool:
        """Whether the module's call takes all of these keywords by name."""
        return set(names) <= set(self.keywords)

    @property
    def keywords(self) -> list[str]:
        """The names of what the module's call takes; none where it does not say."""
        try:
            return list(inspect.signature(self.subject.module.forward).parameters)
        except (TypeError, ValueError):
            return []

    def draw(self, count: int, seed: int = 0) -> Tensor:
        """[count, *shape] examples drawn evenly from the alphabet."""
        generator = torch.Generator().manual_seed(self.settings.search.seed + seed)
        return self.alphabet[torch.randint(len(self.alphabet), (count, *self.case.layout.shape), generator=generator)]


class Absent(Exception):
    """The module does not offer a mode: the text says why."""
