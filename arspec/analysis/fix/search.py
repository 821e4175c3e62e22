"""Trying edits: on a small variant of the spec for speed, and at full size before anything is proposed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from arspec.analysis.contexts import seen
from arspec.analysis.fix.candidates import Candidate
from arspec.analysis.fix.edits import apply
from arspec.analysis.known_at import Relations, known_at, leaking
from arspec.diagnostics import InputError
from arspec.spec.load import Spec
from arspec.twin import thin

TRIED = 320  # edits, at most
CONFIRMED = 8  # edits that hold in small, tried at full size
REPEATS = 2  # of the small variant


@dataclass(frozen=True, eq=False)
class Holding:
    """A candidate with which the spec is proven, the spec with it, and the legal pairs that it then does not see."""

    candidate: Candidate
    spec: Spec
    unseen: int
    pairs: int

    @property
    def coverage(self) -> float:
        return 1 - self.unseen / self.pairs if self.pairs else 1.0


def holds(spec: Spec) -> bool:
    """Whether a spec is proven under every member of its family, in evaluation and in training."""
    for member in spec.graph().members:
        for training in (False, True):
            relations = Relations(spec.graph(), member, training)
            if len(leaking(relations, known_at(relations))):
                return False
    return True


def unseen(spec: Spec) -> tuple[int, int]:
    """Legal pairs that a spec does not see, and all of them, over the family."""
    found = [seen(Relations(spec.graph(), member)) for member in spec.graph().members]
    return sum(s.unseen for s in found), sum(s.pairs for s in found)


def small(spec: Spec) -> Spec:
    """A variant on a small grid with few repetitions that leaks as the spec does; the spec itself where none does."""
    leaks = not holds(spec)
    repeats = {n: REPEATS for n in spec.graph().repeat_params if _above(spec.params.get(n), REPEATS)}
    for params in ([repeats] if repeats else []) + [{}]:
        try:
            variant = thin(spec.variant(params=params))
            if holds(variant) != leaks:
                return variant
        except InputError:
            continue
    return spec


def _above(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > least


def edited(spec: Spec, candidate: Candidate) -> Spec | None:
    """The spec with an edit; None where it does not load or does not hold."""
    try:
        changed = spec.variant(texts=apply(candidate.edits))
        return changed if holds(changed) else None
    except InputError:
        return None


def best(spec: Spec, tried: Iterable[Candidate], enough: int | None = None) -> Holding | None:
    """The edit with which the spec holds and sees most. `enough`: how many unseen pairs are good enough at full size
    (by default, as many as the spec as it stands has): the first edit that leaves no more than that is taken."""
    little = small(spec)
    if enough is None:
        enough = unseen(spec)[0]
        little_enough = unseen(little)[0] if little is not spec else enough
    else:
        little_enough = 0
    waiting: list[tuple[int, int, Candidate]] = []
    found: Holding | None = None
    confirmed = 0

    def confirm(candidate: Candidate) -> Holding | None:
        whole = edited(spec, candidate)
        if whole is None:
            return found
        holding = Holding(candidate, whole, *unseen(whole))
        return holding if found is None or holding.unseen < found.unseen else found

    for number, candidate in enumerate(tried):
        if number >= TRIED or confirmed >= CONFIRMED:
            break
        variant = edited(little, candidate)
        if variant is None:
            continue
        missing = unseen(variant)[0]
        if missing > little_enough:
            waiting.append((missing, number, candidate))
            continue
        found, confirmed = confirm(candidate), confirmed + 1
        if found is not None and found.unseen <= enough:
            return found
    for _, _, candidate in sorted(waiting, key=lambda w: w[:2])[: max(CONFIRMED - confirmed, 2)]:
        found = confirm(candidate)
    return found
