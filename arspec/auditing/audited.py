"""What every mode of an audit is given: the module, its question and the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.case import Case
from arspec.auditing.values import Search


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
    forbid: Any = None


@dataclass(frozen=True)
class Audited:
    """A module that is borrowed, its case and its alphabet [L]."""

    subject: Borrowed
    case: Case
    alphabet: Tensor
    settings: Settings

    def draw(self, count: int, seed: int = 0) -> Tensor:
        """[count, *shape] examples drawn evenly from the alphabet."""
        generator = torch.Generator().manual_seed(self.settings.search.seed + seed)
        return self.alphabet[torch.randint(len(self.alphabet), (count, *self.case.layout.shape), generator=generator)]


class Absent(Exception):
    """The module does not offer a mode: the text says why."""
