"""Random graphs from all layers: what the module does lies inside what was proven, what is called a leak is one, and
the sampler is the module."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations, known_at, leaking
from arspec.analysis.report import prove
from arspec.analysis.witness import witness, witnesses
from arspec.language.load import Spec, from_text
from arspec.model import build
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.plan.passes import verified
from arspec.sampler.plan.timing import WORTH
from arspec.types import Bools
from arspec.verification.dependencies import gradient_pattern, perturb
from arspec.verification.subject import random_conditions, subject_of
from tests.random_specs import specs
from tests.small import fixed, random_data, randomised

EXAMPLES = int(os.environ.get("ARSPEC_RANDOM_GRAPHS", "400"))
DRAWS = 12  # of the weights, until a leak has shown itself


EVERY_CHECK: Any = list(HealthCheck)


@settings(max_examples=EXAMPLES, derandomize=True, suppress_health_check=EVERY_CHECK)
@given(specs(), st.integers(0, 3))
def test_the_module_does_what_was_proven(text: str, seed: int):
    spec = from_text(text)
    number = seed % len(spec.members)
    member, graph = spec.members[number], spec.graph()
    relations = Relations(graph, member)
    known = known_at(relations)
    late = leaking(relations, known)
    proven = seen(relations)
    matrix = np.zeros((len(member.order.rank),) * 2, bool)  # what is given has no distribution
    matrix[proven.rows] = proven.matrix()
    rank = member.order.rank
    forbidden = matrix & (rank[:, None] <= rank[None, :])
    assert proven.leaks == forbidden.sum()
    np.testing.assert_array_equal(np.flatnonzero(forbidden.any(1)), late)

    check_further(spec, relations)
    subject = subject_of(build(spec).double().eval(), number, seed)
    moved = gradient_pattern(subject, draws=2, bases=1) | perturb(subject, draws=1, bases=1).seen
    assert not (moved & ~matrix).any(), text

    event("leaks" if len(late) else "holds")
    if len(late):
        check_leaks(text, forbidden, moved, subject)
        some = late[:: max(1, len(late) // 4)].tolist()
        for variable, found in zip(some, witnesses(relations, known, some), strict=True):
            alone = witness(relations, known, variable)
            assert found is not None and alone is not None and found.json() == alone.json()
            assert forbidden[variable, found.seen]
        return
    model = randomised(spec, seed, 1 if seed % 2 else WORTH)
    x, conditions = random_data(model, 2, seed), random_conditions(model, seed, 2)
    with verified():  # every pass of the plan, too
        replayed = sampler_of(model, number).replay(x, conditions)
    modelled = graph.head_sites()
    wanted = model(x, number, **conditions)[:, modelled]
    torch.testing.assert_close(replayed[:, modelled], wanted, rtol=1e-9, atol=1e-9)


def check_further(spec: Spec, relations: Relations) -> None:
    """What is called a leak of a further head is in its contexts, and nothing else is."""
    leaks = {leak.further.name: leak for leak in prove(spec, contexts=False).members[0].further}
    for one in relations.graph.further:
        head = Relations(relations.graph.headed(one), relations.member)
        found = seen(head)
        sees = np.zeros((len(found.rank),) * 2, bool)
        sees[found.rows] = found.matrix()
        sees[:, ~relations.member.order.modelled] = False  # which is known before all
        sites, limits = one.sites(relations.member), one.limits(relations.member)
        late = sites[(sees[sites] & (found.rank[None] >= limits[:, None])).any(1)]
        np.testing.assert_array_equal(late, leaks[one.name].leaking if one.name in leaks else [])


def check_leaks(text: str, forbidden: Bools, moved: Bools, subject) -> None:
    """Every row that is said to leak is seen to, when one variable is changed for another value of its alphabet."""
    rows = forbidden.any(1)
    for draw in range(DRAWS):
        if np.array_equal((moved & forbidden).any(1), rows):
            return
        moved = moved | perturb(fixed(subject, draw), cuts=[], bases=2).seen
    np.testing.assert_array_equal((moved & forbidden).any(1), rows, text)


NO_DATA = {
    "a series": "data: {kind: sequence, length: 6, levels: 3}\ncondition: {c: {kind: series, length: 6, channels: 2}}\n"
    "graph:\n  logits: {layer: conv, from: c, kernel: 3, out: $head}",
    "a series as it is": "data: {kind: sequence, length: 6, levels: 2}\n"
    "condition: {c: {kind: series, length: 6, channels: 2}}\ngraph:\n  logits: {layer: identity, from: c}",
    "a map": "data: {kind: image, height: 2, width: 3, levels: 3}\norder: spiral\n"
    "condition: {c: {kind: map, height: 2, width: 3, channels: 2}}\ngraph:\n  logits: {layer: conv, from: c, out: "
    "$head}",
}  # fmt: skip


@pytest.mark.parametrize("of", NO_DATA)
def test_what_reads_no_data_is_drawn_as_well(of: str):
    """All that such a model computes is there before the first step: its sampler has no operations."""
    spec = from_text(f"arspec: 1\n{NO_DATA[of]}\nhead: {{kind: categorical, from: logits}}\n")
    model = randomised(spec, 0)
    x, conditions = random_data(model, 2, 0), random_conditions(model, 0, 2)
    torch.testing.assert_close(
        sampler_of(model, 0).replay(x, conditions), model(x, 0, **conditions), rtol=1e-9, atol=1e-9
    )
    drawn = [model.sample(2, seed=1, method=method, **conditions) for method in ("once", "depth", "fixed-point")]
    assert torch.equal(drawn[0], drawn[1]) and torch.equal(drawn[0], drawn[2])
    known = torch.arange(x[0].numel()).view(x.shape[1:]) % 2 == 0
    assert torch.equal(model.complete(x, known, **conditions)[..., known], x[..., known])
