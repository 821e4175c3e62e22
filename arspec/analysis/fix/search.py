"""Trying edits: on a small variant of the spec for speed, and at full size before anything is proposed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from arspec.analysis.contexts import Seen, seen
from arspec.analysis.fix.candidate import Candidate
from arspec.analysis.fix.edits import apply
from arspec.analysis.fix.masks import with_site
from arspec.analysis.fix.splice import sharing, spliced
from arspec.analysis.known_at import Relations, known_at, late_further, leaking, of_further
from arspec.analysis.memo import Memo
from arspec.analysis.twin import thin
from arspec.diagnostics import InputError
from arspec.language.load import Spec
from arspec.layers.base import Node
from arspec.types import Member

TRIED = 240  # edits, at most
NODES = 100_000  # of all variants that are tried, at most: only graphs of thousands of nodes have that many
PATIENCE = 60  # edits more that are tried, after one that loses nothing of what the spec as it stands may see
CONFIRMED = 4  # edits that hold in small, tried at full size
WORTH = 0.004  # of all legal pairs, that an edit must show more for each unit that it costs more
REPEATS = 4  # of the small variant
LEAST = 0.1  # of the legal pairs that a spec sees as it stands, that it must see after an edit at the least


@dataclass(frozen=True, eq=False)
class Holding:
    """A candidate with which the spec is proven, and the share of legal pairs that it then sees."""

    candidate: Candidate
    coverage: float

    @property
    def worth(self) -> float:
        """The candidate's coverage, from 0 to 1, less a share of its cost: the search prefers the highest."""
        return self.coverage - WORTH * self.candidate.cost


class Proven:
    """What has been found of specs that differ by an edit."""

    def __init__(self) -> None:
        self.memo = Memo()
        self._like: dict[tuple[int, bool], Relations] = {}

    def relations(self, spec: Spec, member: Member, training: bool = False) -> Relations:
        """The relations of a spec; what is known of nodes that it shares with others is taken over."""
        if spec.writing is None:  # it shares none
            return Relations(spec.graph(), member, training)
        like = self._like.get((id(member), training))
        found = Relations(spec.graph(), member, training, like)
        self._like.setdefault((id(member), training), found)
        return found


def holds(spec: Spec, without: Iterable[Node] = (), proven: Proven | None = None) -> bool:
    """Whether a spec is proven under every member of its family, in evaluation and in training. `without`: as if these
    nodes read nothing. `proven`: of specs that differ by an edit."""
    proven = proven or Proven()
    nothing = frozenset(without)
    for member in spec.graph().members:
        evaluating, training = (proven.relations(spec, member, t) for t in (False, True))
        for relations in (evaluating, training):
            if relations is training and not _differ(evaluating, training):
                continue
            if len(leaking(relations, known_at(relations, nothing, memo=proven.memo))):
                return False
            for one in spec.graph().further:
                headed = of_further(relations, one)
                if len(late_further(headed, one, known_at(headed, nothing, memo=proven.memo))[0]):
                    return False
    return True


def _differ(one: Relations, other: Relations) -> bool:
    """Whether two relations of one graph differ."""
    return any(one.reads(node) != other.reads(node) for node in one.graph.computed)


def views(spec: Spec, proven: Proven | None = None) -> list[Seen]:
    """What a spec sees under each member of its family. `proven`: of specs that differ by an edit."""
    proven = proven or Proven()
    memo = proven.memo if spec.writing is not None else None
    return [seen(proven.relations(spec, member), memo=memo) for member in spec.graph().members]


def coverage(found: list[Seen]) -> float:
    """The share of legal pairs that is seen, over the family, from 0 to 1."""
    pairs = sum(s.pairs for s in found)
    return 1 - sum(s.unseen for s in found) / pairs if pairs else 1.0


def cut_off(before: Callable[[], list[Seen]], after: list[Seen]) -> bool:
    """Whether an edit mends a leak by cutting the model off its data: a variable that saw some of its past sees none of
    it under any member, or less than LEAST of the legal pairs that were seen are left. One member alone may well leave
    a variable without: masks that are drawn, as MADE's, do. `before` is asked only where the model may be cut off."""
    blind = _blind(after)
    if coverage(after) >= LEAST and not blind:
        return False
    was = before()
    return coverage(after) < LEAST * coverage(was) or not blind <= _blind(was)


def _blind(found: list[Seen]) -> set[int]:
    """The variables that have a past under some member, and see nothing of it under any."""
    past = {int(v) for s in found for v in s.rows[s.legal > 0]}
    return past - {int(v) for s in found for v in s.rows[s.within > 0]}


def small(spec: Spec) -> Spec:
    """A variant on a small grid with few repetitions that leaks as the spec does; the spec itself where none does. What
    its entries give is kept for edits of it."""
    whole = holds(spec)
    repeats = {n: REPEATS for n in spec.graph().repeat_params if _above(spec.params.get(n), REPEATS)}
    for params in ([repeats] if repeats else []) + [{}]:
        try:
            variant = thin(spec.variant(params=params), offsets=False)
            if holds(variant) == whole:
                return sharing(variant)
        except InputError:
            continue
    return sharing(spec)


def _above(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > least


def edited(spec: Spec, candidate: Candidate, proven: Proven) -> Spec | None:
    """The spec with an edit; None where it does not load or does not hold."""
    try:
        changed = spliced(spec, candidate.edits) if spec.writing is not None else None
        changed = changed or spec.variant(texts=apply(candidate.edits))
        return changed if holds(changed, proven=proven) else None
    except InputError:
        return None


def best(spec: Spec, little: Spec, tried: list[Candidate], proven: Proven) -> Holding | None:
    """The edit with which the spec holds and sees most; of those that see about as much, the smallest. `tried` by cost;
    `little`: a small variant, on which all are tried; the best few are then tried on the spec itself. `proven`: what
    has been found of either. Never one that cuts the model off its data."""
    held: list[Holding] = []
    before = views(little, proven)
    most, lossless, last, nodes = -1.0, coverage(before), TRIED, 0
    for number, candidate in enumerate(tried):
        if most >= 1 - WORTH * candidate.cost:  # no further edit can be worth more
            break
        if number >= last or nodes > NODES:
            break
        nodes += len(little.graph().nodes)
        variant = edited(little, candidate, proven)
        if variant is not None and not cut_off(lambda: before, after := views(variant, proven)):
            held.append(Holding(candidate, coverage(after)))
            most = max(most, held[-1].worth)
            if held[-1].coverage >= lossless:
                last = min(last, number + PATIENCE)
    found: Holding | None = None
    stands = cache(lambda: views(spec))
    for holding in _likeliest(held):
        if found is not None and found.worth >= 1 - WORTH * holding.candidate.cost:
            continue
        whole = edited(spec, holding.candidate, proven)
        if whole is not None and not cut_off(stands, after := views(whole)):
            confirmed = Holding(holding.candidate, coverage(after))
            found = confirmed if found is None or confirmed.worth > found.worth else found
    return found if found is None else _site_too(spec, found, tried)


def _site_too(spec: Spec, found: Holding, tried: list[Candidate]) -> Holding:
    """The same with a mask that allows the site itself too, where the spec holds with it as well and sees no less. The
    search meets the stricter mask first, which drops a connection that the proof allows."""
    by_edits = {candidate.edits: candidate for candidate in tried}
    for edits in with_site(found.candidate.edits):
        other = by_edits.get(edits)
        whole = None if other is None else edited(spec, other, Proven())
        if other is not None and whole is not None and (sees := coverage(views(whole))) >= found.coverage:
            return Holding(other, sees)
    return found


def _likeliest(held: list[Holding]) -> list[Holding]:
    """Those that are worth most, and the cheapest, as what a small variant sees depends more on single steps than what
    the spec itself does; of edits of one place that see the same, the first. By cost."""
    distinct = list({(h.candidate.edits[0].place.start, h.coverage): h for h in reversed(held)}.values())[::-1]
    least = max((h.coverage for h in held), default=0.0) / 2
    cheapest = [h for h in distinct if h.coverage >= least][: CONFIRMED // 2]
    worthiest = [h for h in sorted(distinct, key=lambda h: -h.worth) if h not in cheapest]
    return sorted([*cheapest, *worthiest[: CONFIRMED - len(cheapest)]], key=lambda h: h.candidate.cost)
