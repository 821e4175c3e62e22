"""What a trace finds beside labels: operators without a rule, what Python reads, memory that is not seen, routes."""

from __future__ import annotations

from dataclasses import dataclass

from arspec.shadow.places import Place


@dataclass(frozen=True)
class Opaque:
    """An operator without a rule: what it wrote was taken to read all that it was given."""

    operator: str
    place: Place


@dataclass(frozen=True)
class Read:
    """A value, or a size that depends on values, which Python was given; `label` is the union of what it depends on.

    `given`: the pass takes it as it is. Otherwise all that runs later is taken to depend on every variable. `step` is
    the number of operators that ran before, without those that operators are made of.
    """

    how: str
    label: int
    given: bool
    place: Place
    step: int


@dataclass(frozen=True)
class Unseen:
    """Memory that is, or may be, written where the mode does not see it."""

    what: str
    place: Place


@dataclass(frozen=True)
class Route:
    """An operator whose indices were taken as they are in this pass, though they depend on variables."""

    operator: str
    place: Place
