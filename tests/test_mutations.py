"""Single faults in specs: what the proof says of each is what brute force finds, and a witness leads to its line.

Brute force knows nothing of relations: the compiled module's inputs are perturbed, every variable and every suffix of
the order, within the alphabet, in float64, over several draws of weights and conditions (a relu may hide a leak in
one).
"""

from __future__ import annotations

import re
from functools import cache

import pytest

from arspec.analysis.entries import Entries
from arspec.analysis.report import Report, prove
from arspec.model import build
from arspec.verification.dependencies import leaks
from arspec.verification.subject import subject_of
from tests.mutations import BASES, MUTATIONS, Mutation, base

DRAWS = 3


@cache
def proven(mutation: Mutation) -> Report:
    return prove(mutation.made())


def leaks_by_brute_force(report: Report) -> bool:
    """In evaluation; and in training where the proof says that it leaks there alone,
    or there is a norm over examples."""
    graph = report.spec.graph()
    model = build(report.spec).double()
    modes = [False, True] if any(getattr(node.layer, "over", "") == "batch" for node in graph.live) else [False]
    for draw in range(DRAWS):
        for training in modes:
            model.train(training)
            for member in range(len(report.spec.members)):
                subjects = [subject_of(model, member, seed=draw, head=head) for head in (None, *graph.further)]
                if any(leaks(s, draws=1, bases=1, batch=64, outside=False, seed=draw) for s in subjects):
                    return True
    return False


@pytest.mark.parametrize("name", BASES)
def test_the_specs_hold_before_they_are_mutated(name: str):
    report = prove(base(name))
    assert report.ok
    assert report.coverage is not None and report.coverage > 0.9
    assert not leaks_by_brute_force(report)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_the_proof_finds_what_brute_force_finds(mutation: Mutation):
    report = proven(mutation)
    assert leaks_by_brute_force(report) == (not report.proven)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_witnesses_and_diagnostics_lead_to_the_fault(mutation: Mutation):
    report = proven(mutation)
    leaks = [d for d in report.diagnostics if d.code in ("AR701", "AR702", "AR454")]
    if report.proven:
        assert not report.witnesses and not leaks
        return
    entries, lines = Entries(report.spec), mutation.lines(report.spec)
    further = [leak.witness for member in report.members for leak in member.further if leak.witness is not None]
    ends = {report.spec.graph().head_node, *(one.node for one in report.spec.graph().further)}
    witnesses = [*report.witnesses, *further]
    assert witnesses and lines
    for witness in witnesses:
        assert any(mutation.passed(entries, step) for step in witness.path)
        assert witness.path[0].node is report.spec.graph().data
        assert witness.path[-1].node in ends
    for diagnostic in leaks:
        assert diagnostic.place is not None and diagnostic.help is not None
        told = {diagnostic.place.line, *(place.line for place, _ in diagnostic.related)}
        told |= {int(line) for line in re.findall(r"line (\d+)", diagnostic.help)}
        assert told & lines, f"lines {sorted(told)} are told, the fault is in {sorted(lines)}"


def test_there_are_enough_of_them():
    """Of all kinds: those that leak, those that leak in training alone, and those that do not leak."""
    reports = [proven(mutation) for mutation in MUTATIONS]
    leaking = [r for r in reports if not r.proven]
    assert len(set(map(str, MUTATIONS))) == len(MUTATIONS) >= 160
    assert len(leaking) >= 100
    assert sum(all(not len(m.leaking) for m in r.members) for r in leaking) >= 3
    assert len(reports) - len(leaking) >= 45
