"""When the sampler computes each site: after all that it reads, in time for its variable,
and with as many others as can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from arspec.analysis.known_at import Relations, known_at
from arspec.language.load import load
from arspec.layers.base import Node
from arspec.sampler.plan.passes import schedule
from arspec.sampler.plan.schedule import Schedule
from arspec.sampler.plan.timing import _together  # pyright: ignore[reportPrivateUsage]
from arspec.types import Ints
from tests.small import ROOT, both_worths, every_spec, small


def steps_by_node(plan: Schedule) -> dict[Node, Ints]:
    """[S]: the step of each site that is computed, -1 of the others."""
    found: dict[Node, Ints] = {}
    for part in plan.parts:
        own = found.setdefault(part.node, np.full(part.node.out.sites, -1))
        assert (own[part.sites] == -1).all(), "a site is computed twice"
        own[part.sites] = np.repeat(np.arange(plan.steps), np.diff(part.bounds))
    return found


@both_worths
@every_spec
def test_every_site_is_computed_after_what_it_reads_and_in_time(path: Path, worth: int) -> None:
    spec = small(path)
    member = spec.members[0]
    plan = schedule(spec.graph(), member, sums=True, worth=worth)
    graph, known = plan.graph, known_at(Relations(plan.graph, member), time=member.order.time)
    step = steps_by_node(plan)
    drawn = np.full(graph.data.out.sites, -1)
    drawn[plan.head_sites] = np.repeat(np.arange(plan.steps), np.diff(plan.head_bounds))
    for part in plan.parts:
        own = step[part.node][part.sites]
        assert part.is_ahead or (own >= known[part.node][part.sites] + 1).all()
        for one in part.inputs:
            if one.table is None or one.source is part.node:
                continue
            inside = one.table < one.source.out.sites
            read, reading = one.table[inside], np.broadcast_to(own[:, None], one.table.shape)[inside]
            if one.source is graph.data:
                assert (drawn[read] < reading).all()
            elif one.source in step:
                assert (step[one.source][read] >= 0).all()
                assert (step[one.source][read] <= reading).all()
    assert (step[graph.head_node][plan.head_sites] <= drawn[plan.head_sites]).all()


def test_a_vertical_stack_is_computed_row_by_row() -> None:
    graph = load(ROOT / "specs/gated_pixelcnn.yaml", {"height": 8, "width": 8, "layers": 3, "features": 6}).graph()
    plan = schedule(graph, graph.members[0])
    times = {part.node.name: int((np.diff(part.bounds) > 0).sum()) for part in plan.parts}
    assert times["body.0.v_conv"] == 7  # nothing reads the last row
    assert times["body.0.h_conv"] == 8 * 8


def test_no_row_of_a_vertical_stack_is_torn_apart() -> None:
    """What it reads of the drawn pixels is computed at once, though some of that is wanted later."""
    graph = load(ROOT / "specs/pixelcnn_pp.yaml", {"height": 16, "width": 16, "filters": 8, "resnets": 2}).graph()
    plan = schedule(graph, graph.members[0])
    times = {part.node.name: int((np.diff(part.bounds) > 0).sum()) for part in plan.parts}
    assert times["scaled"] == 16 * 16 - 1
    rows = {name: steps for name, steps in times.items() if name.startswith(("up0", "down0")) and ".du." in name}
    assert len(rows) > 40 and max(rows.values()) == 16
    assert all(steps <= 8 for name, steps in times.items() if name.startswith(("up1", "down1")) and ".du." in name)


def test_what_a_window_reads_of_the_rows_above_is_summed_up_row_by_row() -> None:
    graph = load(ROOT / "specs/pixelcnn_pp.yaml", {"height": 8, "width": 8, "filters": 8, "resnets": 1}).graph()
    member = graph.members[0]
    plan, whole = schedule(graph, member, sums=True, worth=1), schedule(graph, member)
    assert all(part.ahead is None for part in whole.parts)
    (part,) = (p for p in plan.parts if p.node.name == "up0.body.0.dul.conv2")
    assert part.ahead is not None
    assert part.ahead.is_ahead
    assert np.array_equal(np.sort(part.ahead.sites), np.sort(part.sites))
    by_row, by_site = (int((np.diff(p.bounds) > 0).sum()) for p in (part.ahead, part))
    assert by_row == 8 < 7 * 8 < by_site
    read = [{*one.inputs[0].columns.tolist()} for one in (part.ahead, part)]
    assert not read[0] & read[1]
    (before,) = (p for p in whole.parts if p.node is part.node)
    assert read[0] | read[1] == {*before.inputs[0].columns.tolist()}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), min_size=1, max_size=40))
def test_no_fewer_steps_would_do(spans: list[tuple[int, int]]) -> None:
    first, last = np.array([a for a, _ in spans]), np.array([a + length for a, length in spans])
    chosen = _together(first, last)
    assert ((first <= chosen) & (chosen <= last)).all()
    apart, end = 0, -1  # spans of which no two share a step, taken by their ends: each needs a step of its own
    for begin, stop in sorted(zip(first.tolist(), last.tolist(), strict=True), key=lambda span: span[1]):
        if begin > end:
            apart, end = apart + 1, stop
    assert len(np.unique(chosen)) == apart
