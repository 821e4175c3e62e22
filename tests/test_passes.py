"""The passes of a plan: each reads and sets what it says, what must hold after it holds for every spec, and its check
finds
what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arspec.cli.main import main
from arspec.language.load import from_text, load
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.plan.explain import explain
from arspec.sampler.plan.passes import PASSES, asked, check, through, verified
from arspec.sampler.plan.plans import depths_of
from arspec.sampler.plan.rows import ROWS
from arspec.sampler.plan.schedule import Part
from arspec.sampler.plan.state import Pass, State, Unsound
from arspec.verification.subject import random_conditions
from tests.small import ROOT, SHIPPED, both_worths, every_spec, randomised, small

ASKED = {"spec_graph", "member", "time", "sums", "worth", "endless", "in_blocks", "steps"}
FIELDS = {name for name in State.__dataclass_fields__ if name != "done"} - ASKED


class Watched(State):
    """A state that remembers which of its fields are read and set."""

    def __getattribute__(self, name: str) -> Any:
        if name in FIELDS:
            self.__dict__.setdefault("was_read", set()).add(name)
        return super().__getattribute__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FIELDS:
            self.__dict__.setdefault("was_set", set()).add(name)
        super().__setattr__(name, value)


@both_worths
@every_spec
def test_what_must_hold_after_each_pass_holds(path: Path, worth: int) -> None:
    graph = small(path).graph()
    with verified():
        for number, member in enumerate(graph.members):
            by_rank, by_depth = member.order.rank, depths_of(graph, number)
            through(asked(graph, member, worth=worth), ROWS)
            if not np.array_equal(by_depth, by_rank):  # else it is what was gone through
                through(asked(graph, member, by_depth, worth=worth), ROWS)
    for endless in (False, True):
        without_sums(path, endless)


@cache
def without_sums(path: Path, endless: bool) -> None:
    """Plans that sum up nothing ahead are the same for both worths of a sum."""
    graph = small(path).graph()
    with verified():
        through(asked(graph, graph.members[0], sums=False, endless=endless, in_blocks=False), ROWS)


@every_spec
def test_a_pass_reads_and_sets_what_it_says(path: Path) -> None:
    graph = small(path).graph()
    state = asked(graph, graph.members[0], worth=1)
    state.__class__ = Watched
    for one in PASSES:
        state.__dict__.update(was_read=set(), was_set=set())
        one.run(state)
        assert state.__dict__["was_set"] <= {*one.sets}, one.name
        assert state.__dict__["was_read"] <= {*one.reads, *one.sets}, one.name
        if path.stem == "pixelcnn_pp":  # which has something for every pass to do
            assert state.__dict__["was_set"] == {*one.sets}, one.name
            assert state.__dict__["was_read"] >= {*one.reads}, one.name


def test_the_passes_are_named_and_say_what_they_do() -> None:
    assert [one.name for one in PASSES] == [
        "known", "lower", "needed", "free", "steps", "parts", "sums", "connect", "caches", "program", "rows"
    ]  # fmt: skip
    there = set[str]()
    for one in PASSES:
        assert {*one.reads} <= there, f"{one.name} reads what no pass before it has set"
        there |= {*one.sets}
        assert len(one.about.split()) < 25
    assert there == FIELDS


def test_what_no_later_pass_reads_is_dropped() -> None:
    graph = load(ROOT / "specs/made.yaml").graph()
    state = through(asked(graph, graph.members[0]), ROWS)
    assert not {"known", "needed", "when", "groups", "numbers"} & state.__dict__.keys()
    assert {"schedule", "program", "blocks", "rows"} <= state.__dict__.keys()


# -- faults ----------------------------------------------------------------------------------------------------------


ROW = """
arspec: 1
data: {kind: image, height: 3, width: 4, levels: 2}
graph:
  above: {layer: shift, from: x, rows: 1}
  gates: {layer: conv, kernel: 1, out: 4}
  along: {layer: rnn, state: [[0, -1]]}
  logits: {layer: conv, kernel: 1, out: $head}
head: {kind: categorical, from: logits}
"""


def state_of(name: str, last: Pass, worth: int = 1) -> State:
    """The state of a small spec behind a pass, all fields kept."""
    graph = (from_text(ROW) if name == "along_the_row_above" else small(ROOT / f"specs/{name}.yaml")).graph()
    return through(asked(graph, graph.members[0], worth=worth), last, keep=True)


def late(array: Any, at: Any, by: int = 1) -> None:
    array[at] += by


def node_of(state: State, name: str) -> Any:
    return next(node for node in state.graph.live if node.name == name)


def part_of(state: State, like: Callable[[Part], bool]) -> Part:
    return next(part for part in state.parts if like(part))


def no_twice(state: State) -> None:
    """A node stands for one that another one stands for as well."""
    nodes = list(state.graph.live)
    state.lowered.computes[nodes[0]] = [*state.lowered.computed(nodes[0]), *state.lowered.computed(nodes[1])]


def lost_node(state: State) -> None:
    state.lowered.computes[state.graph.live[3]] = []


def lost_channel(state: State) -> None:
    share = next(iter(state.lowered.shares.values()))
    share.channels = share.channels[1:]


def second_bias(state: State) -> None:
    for share in state.lowered.shares.values():
        share.bias = True


def known_too_early(state: State) -> None:
    known = state.known[state.graph.head_node] = state.known[state.graph.head_node].copy()
    known[-1] -= 1


def known_too_late(state: State) -> None:
    known = state.known[state.graph.live[4]] = state.known[state.graph.live[4]].copy()
    known[0] += 1


def not_needed(state: State) -> None:
    own = state.needed[state.graph.live[2]]
    own[np.flatnonzero(own)[0]] = False


def needed_for_nothing(state: State) -> None:
    own = next(state.needed[node] for node in state.graph.live if not state.needed[node].all())
    own[np.flatnonzero(~own)[0]] = True


def free_though_it_reads(state: State) -> None:
    state.free.append(state.graph.live[-1])


def not_free(state: State) -> None:
    state.free.pop()


def before_what_it_reads(state: State) -> None:
    node = state.graph.live[len(state.graph.live) // 2]
    own = state.when[node] = state.when[node].copy()
    own[np.flatnonzero(state.needed[node])[-1]] = 0


def after_its_variable(state: State) -> None:
    own = state.when[state.graph.head_node] = state.when[state.graph.head_node].copy()
    own[0] += 1


def no_steps(state: State) -> None:
    del state.when[state.graph.head_node]


def a_site_in_two_parts(state: State) -> None:
    part = next(iter(state.groups.values()))[0]
    part.sites[1] = part.sites[0]


def a_site_in_another_step(state: State) -> None:
    part = state.groups[state.graph.head_node][0]
    part.bounds[np.flatnonzero(np.diff(part.bounds))[0] + 1] -= 1


def waves_the_wrong_way(state: State) -> None:
    waves = next(iter(state.waves.values()))
    step = next(step for step, runs in waves.items() if len(runs) > 1)
    waves[step].reverse()


def a_wave_lost(state: State) -> None:
    waves = next(iter(state.waves.values()))
    next(iter(waves.values())).pop()


def waves_taken_at_once(state: State) -> None:
    state.waves.clear()


def a_place_lost(state: State) -> None:
    term = next(term for part in state.parts for term in part.terms if len(term.columns) > 1)
    term.columns = term.columns[1:]


def a_place_counted_twice(state: State) -> None:
    part = part_of(state, lambda p: p.ahead is not None and any(len(t.columns) for t in p.ahead.terms))
    assert part.ahead is not None
    for early, rest in zip(part.ahead.terms, part.terms, strict=True):
        rest.columns = np.union1d(rest.columns, early.columns)


def a_term_lost(state: State) -> None:
    part_of(state, lambda p: len(p.terms) > 1).terms.pop()


def an_addend_twice(state: State) -> None:
    part = part_of(state, lambda p: bool(p.addends))
    part.addends = part.addends * 2


def summed_up_too_late(state: State) -> None:
    part = part_of(state, lambda p: p.is_ahead)
    part.bounds[1:-1] = 0


def a_part_lost(state: State) -> None:
    state.parts.remove(part_of(state, lambda p: not p.is_ahead and not p.linear))


def another_site_read(state: State) -> None:
    table = next(i.table for p in state.parts for i in p.inputs if i.table is not None and i.direct is None)
    table[0, 0] = (table[0, 0] + 1) % 3


def passed_on_from_elsewhere(state: State) -> None:
    part = part_of(state, lambda p: any(i.direct is not None for i in p.inputs))
    given = next(i for i in part.inputs if i.direct is not None)
    one = part_of(state, lambda p: p.node is given.source and p.group == given.direct)
    state.parts.remove(one)
    state.parts.append(one)


def not_kept(state: State) -> None:
    read = {i.source for p in state.parts for i in p.inputs if i.direct is None}
    part_of(state, lambda p: p.node in read).cached = False


def computed_behind_it(state: State) -> None:
    state.parts.reverse()


def read_by_nobody(state: State) -> None:
    part_of(state, lambda p: len(p.inputs) > 1).inputs.pop()


def written_over(state: State) -> None:
    node = next(n for n, kept in state.caches.items() if max(kept.rings) > 2 and n is not state.graph.data)
    kept = state.caches[node]
    group = int(np.argmax(kept.rings))
    kept.rings[group] -= 1
    kept.begins[group + 1 :] = [begin - 1 for begin in kept.begins[group + 1 :]]
    kept.size -= 1


def rings_overlap(state: State) -> None:
    kept = next(kept for kept in state.caches.values() if len(kept.begins) > 1 and kept.rings[0])
    kept.begins[1] -= 1


def no_cache(state: State) -> None:
    del state.caches[state.graph.data]


def an_operation_too_soon(state: State) -> None:
    state.program.operations.reverse()


def an_operation_lost(state: State) -> None:
    state.program.operations.pop()


def not_written(state: State) -> None:
    next(o for o in state.program.operations if o.outs[0] is not None).outs[0] = None


def entries_lost(state: State) -> None:
    state.program.sections[0].bounds = state.program.sections[0].bounds // 2


def another_row(state: State) -> None:
    late(state.rows.entries.base, len(state.rows.entries.base) // 2)


def a_block_elsewhere(state: State) -> None:
    assert state.blocks is not None
    step, section = np.argwhere(state.blocks >= 1)[-1]
    state.blocks[step, section] -= 1


def rows_of_the_step_before(state: State) -> None:
    state.rows.begins = np.append(0, state.rows.begins[:-1])


FAULTS: dict[str, list[tuple[str, Callable[[State], None]]]] = {
    "known": [("gated_pixelcnn", known_too_early), ("gated_pixelcnn", known_too_late)],
    "lower": [("gated_pixelcnn", no_twice), ("gated_pixelcnn", lost_node), ("pixelcnn_pp", lost_channel),
              ("pixelcnn_pp", second_bias)],
    "needed": [("gated_pixelcnn", not_needed), ("gated_pixelcnn", needed_for_nothing), ("char_rnn", not_needed)],
    "free": [("gated_pixelcnn", free_though_it_reads), ("gated_pixelcnn_location", not_free)],
    "steps": [("gated_pixelcnn", before_what_it_reads), ("gated_pixelcnn", after_its_variable), ("made", no_steps)],
    "parts": [("gated_pixelcnn", a_site_in_two_parts), ("gated_pixelcnn", a_site_in_another_step),
              ("along_the_row_above", waves_the_wrong_way), ("along_the_row_above", a_wave_lost),
              ("along_the_row_above", waves_taken_at_once)],
    "sums": [("pixelcnn_pp", a_place_lost), ("pixelcnn_pp", a_place_counted_twice), ("pixelcnn_pp", a_term_lost),
             ("pixelrnn_row", an_addend_twice), ("pixelcnn_pp", summed_up_too_late), ("pixelcnn_pp", a_part_lost)],
    "connect": [("gated_pixelcnn", another_site_read), ("gated_pixelcnn", passed_on_from_elsewhere),
                ("gated_pixelcnn", not_kept), ("gpt", computed_behind_it), ("pixelcnn_pp", read_by_nobody)],
    "caches": [("gated_pixelcnn", written_over), ("wavenet", written_over), ("gated_pixelcnn", rings_overlap),
               ("gpt", no_cache)],
    "program": [("gated_pixelcnn", an_operation_too_soon), ("gpt", an_operation_lost), ("gated_pixelcnn", not_written),
                ("wavenet", entries_lost)],
    "rows": [("gated_pixelcnn", another_row), ("gated_pixelcnn", a_block_elsewhere),
             ("pixelcnn_pp", rows_of_the_step_before), ("gpt", a_block_elsewhere)],
}  # fmt: skip
CASES = [(one, *fault) for one in PASSES for fault in FAULTS[one.name]]


@pytest.mark.parametrize(("one", "spec", "fault"), CASES, ids=[f"{a.name}-{f.__name__}-{s}" for a, s, f in CASES])
def test_a_check_finds_what_is_wrong(one: Pass, spec: str, fault: Callable[[State], None]) -> None:
    state = state_of(spec, one)
    check(one, state)
    fault(state)
    with pytest.raises(Unsound, match=f"^after the pass {one.name}: "):
        check(one, state)


def test_a_fault_is_found_where_a_plan_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nowhere else: what is planned for use is not checked."""
    graph = small(ROOT / "specs/gated_pixelcnn.yaml").graph()
    monkeypatch.setattr("arspec.sampler.plan.timing._together", lambda first, last: first * 0)
    with verified(), pytest.raises(Unsound, match="after the pass steps: "):
        through(asked(graph, graph.members[0]), ROWS)
    through(asked(graph, graph.members[0]), ROWS)


# -- what is printed -------------------------------------------------------------------------------------------------


@cache
def explained(name: str, method: str) -> dict[str, Any]:
    return explain(small(ROOT / f"specs/{name}.yaml"), 0, method).json()


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_the_figures_are_those_of_the_sampler(path: Path) -> None:
    model = randomised(small(path))
    sampler = sampler_of(model)
    sampler.prepare()
    figures = {one["name"]: one["figures"] for one in explained(path.stem, "once")["passes"]}
    assert figures["rows"]["classes of steps"] == len({id(cut) for cut in sampler._cuts})
    assert figures["connect"]["calls"] == sampler.schedule.calls
    state = sampler._executor.begin(1, random_conditions(model, 0))
    kept = sum(state.caches[node].numel() for node in sampler.program.caches)
    assert figures["caches"]["bytes an example in float32"] == 4 * kept


def test_the_plan_is_printed_pass_by_pass(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--set", "layers=2", "--set", "height=8", "--set", "width=8"]
    assert main(["sample", "gated_pixelcnn", *sizes, "--explain-plan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "gated-pixelcnn: the plan of a sample by the method once, 192 steps"
    assert [line.split()[0] for line in lines[1::2]] == [one.name for one in PASSES]
    assert lines[2].split(None, 1) == ["nodes", "34, sites 6,528, steps 192"]
    assert main(["sample", "gated_pixelcnn", *sizes, "--explain-plan", "--json", "--method", "depth"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["method"], found["ranks"]) == ("depth", 192) and found["steps"] < 192
    assert [one["name"] for one in found["passes"]] == [one.name for one in PASSES]


def test_of_itself_it_goes_by_depth_where_that_pays(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--set", "features=12", "--set", "height=6", "--set", "width=6"]
    assert main(["sample", "pixelcnn", *sizes, "--explain-plan", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["method"], found["ranks"]) == ("depth", 108) and found["steps"] < 108


def test_it_needs_no_torch() -> None:
    program = "import sys; from arspec.cli.main import main; assert main(['sample', 'made', '--explain-plan']) == 0\n"
    program += "assert 'torch' not in sys.modules, 'imported'"
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


@pytest.mark.parametrize(
    ("code", "options"),
    [("AR940", ["--explain-plan", "--seconds", "1"]), ("AR940", ["--explain-plan", "--method", "fixed-point"]),
     ("AR819", ["--explain-plan", "--method", "twice"]), ("AR816", ["--explain-plan", "--member", "1"]),
     ("AR940", ["--explain-plan", "-o", "x.wav"]), ("AR808", ["--json", "-o", "x.wav"]), ("AR890", [])],
)  # fmt: skip
def test_what_has_no_plan_is_told(code: str, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "wavenet", *options]) == 2
    assert f"error[{code}]" in capsys.readouterr().err
