"""Verdicts of an audit, from the best to the worst, and the exit code of each."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """What is said of a mode, and of the whole module: the worst of its modes.

    Only values accuse: `LEAKS` needs a change of the input that moves an output by more than the module's own noise.
    Only a closed pass proves: no label exceeds what the order allows, and no value contradicts a label. Where a mode
    compares two ways to compute the same numbers, `AGREES` says that they were equal in all that was tried, and
    `DIFFERS` that they were not: a cache, padding or a sampler that is no leak, and wrong.
    """

    AGREES = "agrees"
    PROVEN = "proven"
    GIVEN_ROUTE = "proven, given the route"
    NOT_DECIDED = "not decided"
    DIFFERS = "differs"
    LEAKS = "leaks"

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong and nothing open; the route of the pass may be taken as given."""
        return self in (Verdict.AGREES, Verdict.PROVEN, Verdict.GIVEN_ROUTE)

    @property
    def exit_code(self) -> int:
        """0 where it holds, 1 for a leak or what differs, 3 for what is not decided."""
        return {Verdict.LEAKS: 1, Verdict.DIFFERS: 1, Verdict.NOT_DECIDED: 3}.get(self, 0)


_ORDER = tuple(Verdict)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of them; of none: `NOT_DECIDED`."""
    return max(verdicts, key=_ORDER.index, default=Verdict.NOT_DECIDED)
