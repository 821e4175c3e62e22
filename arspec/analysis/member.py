"""The proof and the contexts of a spec under one member of its family."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from arspec.analysis.contexts import Memo, Seen, seen, seen_further
from arspec.analysis.depth import deepened
from arspec.analysis.empty_masks import empty_masks
from arspec.analysis.known_at import Relations, known_at, known_by_heads, late_further, leaking, of_further
from arspec.analysis.witness import Witness, witness, witnesses
from arspec.diagnostics import Diagnostic
from arspec.language.further import Further
from arspec.language.load import Spec
from arspec.types import Ints, Member

MAX_WITNESSES = 16  # leaking variables, spread over all, for which a path is sought


@dataclass(frozen=True, eq=False)
class FurtherLeak:
    """What a further head sees too early: at how many variables, and a path that shows it at one of them."""

    further: Further
    leaking: Ints
    witness: Witness | None


@dataclass(eq=False)
class MemberReport:
    """What holds under one member of the family. `unseen`, `blind` are None where contexts were not asked for, or where
    depth could not tell."""

    order: str
    leaking: Ints  # variables whose own head sees what comes with them or later
    training: Ints  # the same, as the spec is in training
    witnesses: list[Witness]
    seconds: float  # of the proof alone
    seen: Seen | None = None
    deep: Seen | None = None
    empty_masks: list[Diagnostic] = field(default_factory=list)  # notes of masks that keep nothing
    further: list[FurtherLeak] = field(default_factory=list)  # further heads that see what they must not
    seen_by: dict[str, Seen] = field(default_factory=dict[str, Seen])  # what each further head sees, by its name


def of_member(spec: Spec, member: Member, rows: Ints | None) -> MemberReport:
    """The proof under a member, and what the variables `rows` see; no contexts where these are None."""
    start = time.perf_counter()
    graph = spec.graph()
    relations, memo = Relations(graph, member), Memo()
    known = known_at(relations, memo=memo)
    leaks = leaking(relations, known)
    training, training_known, in_training = leaks[:0], known, Relations(graph, member, training=True)
    if not len(leaks):
        training_known = known_at(in_training, memo=memo)
        training = leaking(in_training, training_known)
    late, used, used_known = (leaks, relations, known) if len(leaks) else (training, in_training, training_known)
    chosen = (
        late[np.unique(np.linspace(0, len(late) - 1, min(len(late), MAX_WITNESSES)).astype(np.int64))]
        if len(late)
        else late
    )
    found = [w for w in witnesses(used, used_known, chosen.tolist()) if w is not None]
    both = relations, in_training
    further = [leak for one in graph.further if (leak := _further(one, both, memo)) is not None]
    report = MemberReport(member.order.name, leaks, training, found, time.perf_counter() - start, further=further)
    if rows is not None:
        report.empty_masks = empty_masks(relations, known_by_heads(relations, memo, known))
        report.seen = seen(relations, rows, memo)
        report.seen_by = {one.name: seen_further(relations, one, rows, memo) for one in graph.further}
        report.deep = deepened(spec, member.index, report.seen, memo)
    return report


def _further(one: Further, both: tuple[Relations, Relations], memo: Memo) -> FurtherLeak | None:
    """What a further head sees too early, in evaluation or in training; None where that is nothing."""
    for like in both:
        relations = of_further(like, one)
        known = known_at(relations, memo=memo)
        sites, limits = late_further(relations, one, known)
        if len(sites):
            return FurtherLeak(one, sites, witness(relations, known, int(sites[0]), int(limits[0])))
    return None
