"""The methods of sampling give the same integers, in no more steps than they say, and auto takes one that pays."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations, known_at, leaking
from arspec.cli.main import main
from arspec.diagnostics import InputError
from arspec.language.load import from_text, load
from arspec.layers.base import Node
from arspec.model import Model, build
from arspec.network.ranks import scalar_ranks
from arspec.sampler.drive import method
from arspec.sampler.drive.fixed_point import Search, fixed_point
from arspec.sampler.drive.noise import MAX_EXAMPLES, uniforms
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.plan import depth as finding
from arspec.sampler.plan.depth import depths
from arspec.sampler.plan.passes import schedule
from arspec.sampler.plan.plans import depths_of
from arspec.sampler.plan.timing import WORTH
from arspec.types import Ints
from arspec.verification.subject import random_conditions
from tests.random_specs import specs
from tests.small import CHARS, ROOT, SHIPPED, Told, both_worths, every_spec, random_data, randomised, shared, small

FORCED = ("once", "depth", "fixed-point")
MEMBERS = 2  # of a family, that are tested
# Steps, and how many are left by depth, at the size of the paper; all others have as many depths as steps.
FEWER = {
    "fast_generation_toy": (16, 4),
    "made": (784, 363),
    "pixelcnn": (3072, 468),
    "pixelcnn_aux": (2048, 536),
    "pixelcnn_pp": (1024, 880),
    "pixelcnn_pp_class": (1024, 880),
    "pixelrnn_diagonal": (3072, 3041),
    "pixelrnn_row": (3072, 468),
}


def members(model: Model) -> range:
    return range(min(model.members, MEMBERS))


@torch.no_grad()
def module_once_per_step(
    model: Model, conditions: dict[str, Any], member: int, n: int, seed: int, heat: float
) -> Tensor:
    """[n, *shape]: all sites are computed at every step, and nothing of the sampler is used but the numbering of
    noise."""
    head, support, kind = model.graph.head, model.graph.support, model.graph.data.out
    noise = torch.from_numpy(uniforms(seed, 0, n, kind.sites, head.uniforms(support)))
    order = model.graph.members[member].order
    x = torch.full((n, *model.spec.data.shape), model.spec.data.start if order.given else 0)
    with model.held(watched=False):  # the weights stay as they are
        for step in range(order.drawn):
            now = torch.from_numpy(np.flatnonzero(order.time == step))
            values = head.draw(support, model(x, member, **conditions)[:, now], noise[:, now], heat).round().long()
            by_variable = model.by_variable(x)
            by_variable[:, now] = values
            x = model.scalars(by_variable)
    return x


@cache
def drawn_by_the_module(path: Path, n: int, seed: int, heat: float) -> Tensor:
    """[n, *shape] of the small spec's last member, which the threshold of sums does not touch."""
    model = shared(path, repeats=1)
    return module_once_per_step(model, random_conditions(model, 1, n), members(model)[-1], n, seed, heat)


@both_worths
@every_spec
def test_every_method_draws_what_the_module_once_per_step_draws(path: Path, worth: int):
    model, n = shared(path, repeats=1, worth=worth), 3
    conditions = random_conditions(model, 1, n)
    member = members(model)[-1]
    how: dict[str, Any] = {"seed": 7, "temperature": 3.0, "member": member}  # warm: much hangs on what was drawn before
    wanted = drawn_by_the_module(path, n, 7, 3.0)
    for name in FORCED:
        assert torch.equal(model.sample(n, method=name, **how, **conditions), wanted), name
    found = fixed_point(model, n, conditions, **how)
    assert 1 <= found.rounds.min() <= found.iterations <= int(depths_of(model.graph, member).max()) + 1
    assert int(depths_of(model.graph, member).max()) < model.graph.members[member].order.steps


@every_spec
def test_at_temperature_zero_the_methods_draw_alike(path: Path):
    model = shared(path)
    conditions = random_conditions(model, 1, 3)
    once, by_depth, found = (model.sample(3, method=name, temperature=0.0, **conditions) for name in FORCED)
    assert torch.equal(once, by_depth)
    assert torch.equal(once, found)


@every_spec
def test_every_method_completes_alike(path: Path):
    model, n = shared(path), 3
    conditions = random_conditions(model, 1, n)
    for member in members(model):
        ranks = torch.from_numpy(scalar_ranks(model, member)).view(model.spec.data.shape)
        known = ranks < int(ranks.max()) // 2
        x = model.sample(n, seed=1, member=member, **conditions)
        how: dict[str, Any] = {"seed": 2, "temperature": 3.0, "member": member, **conditions}
        once, by_depth, found = (model.complete(x, known, method=m, **how) for m in FORCED)
        assert torch.equal(once[:, known], x[:, known])
        assert torch.equal(once, by_depth)
        assert torch.equal(once, found)
        everything = fixed_point(model, n, conditions, member=member, given=x, known=torch.ones_like(known))
        assert torch.equal(everything.x, x)
        assert everything.iterations == 0


@every_spec
def test_nothing_is_read_before_it_is_there(path: Path):
    spec = small(path)
    graph = spec.graph()
    for member in spec.members[:MEMBERS]:
        relations = Relations(graph, member)
        time, seeing, modelled = depths(relations), seen(relations).matrix(), member.order.modelled
        latest = np.where(seeing, time[None, :], -1).max(1)
        np.testing.assert_array_equal(time[modelled], latest + 1)  # after all that it sees, and no later than it must
        plan = schedule(graph, member, time)
        assert plan.steps == len(np.unique(time[modelled])) == time.max() + 1
        there = {node: np.zeros(node.out.sites, np.int64) for node in [*graph.conditions.values(), *plan.free]}
        there[graph.data] = time + 1  # a step ends with its draw
        for part in plan.parts:
            never = np.full(part.node.out.sites, plan.steps + 1)
            there.setdefault(part.node, never)[part.sites] = np.repeat(np.arange(plan.steps), np.diff(part.bounds))
        for part in plan.parts:
            reads = [*zip(relations.reads(part.node), part.node.inputs, strict=True)]
            scan = relations.scan(part.node)
            for read, source in reads if scan is None else [*reads, (scan.own, part.node)]:
                when = np.append(there[source], 0)[read.table(part.sites)]  # what is off the grid is always there
                assert (when <= there[part.node][part.sites][:, None]).all(), (part.node.name, source.name)
        assert (there[graph.head_node] <= time)[modelled].all()


@both_worths
@every_spec
def test_depths_compute_every_site_once(path: Path, worth: int):
    model = shared(path, worth=worth)
    conditions = random_conditions(model, 0, 1)
    counted: list[dict[Node, Ints]] = []
    for by_depth in (False, True):
        computed = Told()
        sampler_of(model, 0, by_depth).run(1, conditions, trace=computed)
        counted.append(computed.counts())
    once, levelled = counted
    assert once.keys() == levelled.keys()
    for node, counts in once.items():
        np.testing.assert_array_equal(counts, levelled[node])
        assert counts.max() <= 1


@pytest.mark.parametrize("path", SHIPPED, ids=[p.stem for p in SHIPPED])
def test_depths_at_the_size_of_the_paper(path: Path):
    spec = load(path)
    steps = spec.members[0].order.drawn
    depth = int(depths(Relations(spec.graph(), spec.members[0])).max()) + 1
    assert (steps, depth) == FEWER.get(path.stem, (steps, steps))


EVERY_CHECK: Any = list(HealthCheck)


@settings(max_examples=40, derandomize=True, suppress_health_check=EVERY_CHECK)
@example(CHARS.replace("content: text", "given: 2"), 1)
@given(specs(), st.integers(0, 3))
def test_every_method_draws_alike_from_random_graphs(text: str, seed: int):
    spec = from_text(text)
    relations = Relations(spec.graph(), spec.members[0])
    if len(leaking(relations, known_at(relations))):
        with pytest.raises(InputError, match="leaks under the order"):
            depths(relations)
        return
    time, seeing = depths(relations), seen(relations).matrix()
    modelled = spec.members[0].order.modelled  # what is given is there before the first step
    np.testing.assert_array_equal(time[modelled], np.where(seeing, time[None, :], -1).max(1) + 1)
    model = randomised(spec, seed, 1 if seed % 2 else WORTH)
    conditions = random_conditions(model, seed, 2)
    first = len(model.given)
    begun: dict[str, Any] = {"prefix": random_data(model, 2)[:, :first]} if first else {}
    how = {"seed": seed, "temperature": 2.0, **begun, **conditions}
    once, by_depth, found = (model.sample(2, method=m, **how) for m in FORCED)
    assert torch.equal(once, by_depth)
    assert torch.equal(once, found)


@pytest.mark.parametrize("name", sorted(FEWER))
def test_depths_without_a_guess_and_without_contexts(name: str, monkeypatch: pytest.MonkeyPatch):
    spec = small(next(path for path in SHIPPED if path.stem == name))
    relations = Relations(spec.graph(), spec.members[0])
    exact, rank = depths(relations), spec.members[0].order.rank
    monkeypatch.setattr(finding, "_chained", lambda *_: np.zeros_like(rank))
    np.testing.assert_array_equal(depths(relations), exact)  # from the contexts
    monkeypatch.setattr(finding, "MAX_EXACT", 0)
    above, seeing = depths(relations), seen(relations).matrix()
    assert (exact <= above).all()
    assert (above <= rank).all()
    assert (np.where(seeing, above[None, :], -1).max(1) < above).all()


# -- auto ------------------------------------------------------------------------------------------------------------


def measuring(monkeypatch: pytest.MonkeyPatch, step: float, round_: float | None) -> list[str]:
    """As if a step and a round took so many seconds; a round of None is broken off. Says what was measured."""
    measured: list[str] = []

    def a_step(*_: object) -> float:
        measured.append("step")
        return step

    def a_round(search: Search, until: float) -> float | None:
        measured.append("round")
        if round_ is not None:
            search.round()
        return round_

    monkeypatch.setattr(method, "_seconds_a_step", a_step)
    monkeypatch.setattr(method, "_seconds_of_a_round", a_round)
    return measured


def of(name: str) -> Model:
    return randomised(small(next(path for path in SHIPPED if path.stem == name)))


@pytest.mark.parametrize(
    "name, step, round_, chosen, why",
    [
        ("gated_pixelcnn", 1.0, 0.5, "fixed-point", "a pass of the module takes 500 ms, and of at most 108 passes"),
        ("gated_pixelcnn", 1.0, 1e6, "once",
         "in 108 steps, which take about 108 s; a pass of the module takes 1e+06 s"),
        ("gated_pixelcnn", 1e-3, None, "once",
         "in 108 steps, which take about 108 ms; a pass of the module takes more"),
        ("pixelcnn", 1e-3, None, "depth", "in 78 steps for 108 ranks, as variables that do not see each other share"),
        ("pixelrnn_diagonal", 1e-3, None, "once", "in 108 steps (by depth in 103), which take about 108 ms"),
    ],
)  # fmt: skip
def test_auto_takes_what_is_quickest(
    name: str, step: float, round_: float | None, chosen: str, why: str, monkeypatch: pytest.MonkeyPatch
):
    measuring(monkeypatch, step, round_)
    choice = method.choose(of(name), 2)
    assert choice.method == chosen
    assert why in choice.reason


def test_auto_measures_once_for_each_batch_and_state_of_the_weights(monkeypatch: pytest.MonkeyPatch):
    model, measured = of("made"), measuring(monkeypatch, 1.0, None)
    model.sample(2)
    model.sample(2, seed=1)
    assert measured == ["step", "round"]
    model.sample(3)
    assert measured == 2 * ["step", "round"]
    with torch.no_grad():
        next(model.parameters()).mul_(2)
    model.sample(3)
    assert measured == 3 * ["step", "round"]
    model.sample(3, method="once")
    assert model.sample(0).shape == (0, *model.spec.data.shape)
    assert measured == 3 * ["step", "round"]


@every_spec
def test_auto_measures_and_draws_the_same(path: Path):
    model = randomised(small(path))
    conditions = random_conditions(model, 0, 2)
    choice = method.choose(model, 2, condition=conditions)
    assert choice.method in FORCED
    assert str(choice).startswith(f"method {choice.method}: ")
    assert "a pass of the module takes" in choice.reason
    assert torch.equal(model.sample(2, seed=3, **conditions), model.sample(2, seed=3, method="once", **conditions))


def test_a_pass_that_takes_too_long_is_broken_off(monkeypatch: pytest.MonkeyPatch):
    model = of("gated_pixelcnn")
    monkeypatch.setattr(method, "QUICK", 0.0)
    monkeypatch.setattr(method, "_seconds_a_step", lambda *_: 1e-9)
    assert "a pass of the module takes more than" in method.choose(model, 2).reason


def test_dropout_does_not_touch_a_sample():
    model = of("pixelsnail")
    found = model.sample(2, method="fixed-point")
    assert torch.equal(model.train().sample(2, method="fixed-point"), found)
    assert model.training


def test_a_method_is_known_and_the_spec_holds():
    model = of("made")
    with pytest.raises(InputError, match="there is no method 'level'") as caught:
        model.sample(1, method="level")
    assert caught.value.code == "AR819"
    assert "depth" in str(caught.value)
    leaking_spec = build(load(ROOT / "tests/specs/err/ar701_a_leak.yaml"))
    for name in ("auto", *FORCED):
        with pytest.raises(InputError, match="leaks under the order"):
            leaking_spec.sample(1, method=name)


# -- on the command line ---------------------------------------------------------------------------------------------


@pytest.fixture
def spec_file(tmp_path: Path) -> list[str]:
    size = ["height=4", "width=4", "channels=1", "levels=17", "features=4", "head_features=4", "blocks=1"]
    return [str(ROOT / "specs/pixelcnn.yaml"), "--device", "cpu", *(w for s in size for w in ("--set", s))]


def test_sample_takes_a_method_and_explains_it(
    spec_file: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    drawn: list[Any] = []
    for name in ("auto", *FORCED):
        out = tmp_path / f"{name}.npy"
        assert main(["sample", *spec_file, "-n", "2", "-o", str(out), "--method", name, "--explain-method"]) == 0
        told = capsys.readouterr().err
        assert "method " in told if name == "auto" else f"method {name}: " in told
        drawn.append(np.load(out))
    assert all(np.array_equal(drawn[0], other) for other in drawn)
    assert main(["sample", *spec_file, "-n", "2", "-o", str(tmp_path / "x.npy"), "--method", "jacobi"]) == 2
    assert "AR819" in capsys.readouterr().err
    assert not (tmp_path / "x.npy").exists()


def test_complete_takes_a_method_and_explains_it(
    spec_file: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(17, size=(12, 1, 4, 4)).astype(np.uint8))
    drawn: list[Any] = []
    for name in FORCED:
        out = tmp_path / f"{name}.npy"
        data = ["--data", str(tmp_path / "x.npy"), "--split", "all", "-n", "2", "--each", "2"]
        assert main(["complete", *spec_file, *data, "-o", str(out), "--method", name, "--explain-method"]) == 0
        assert f"method {name}: " in capsys.readouterr().err
        drawn.append(np.load(out))
    assert all(np.array_equal(drawn[0], other) for other in drawn)


def test_more_examples_than_fit_are_refused_before_any_noise_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a generator was made")

    model = randomised(small(ROOT / "specs" / "made.yaml"))
    monkeypatch.setattr("arspec.sampler.drive.noise.np.random.Philox", never)
    for n in (10**9, MAX_EXAMPLES + 1):
        with pytest.raises(InputError, match="is the limit here"):
            model.sample(n)
    with pytest.raises(InputError, match="100 examples are drawn at once, and 64 is the limit here"):
        uniforms(0, 0, 100, 1 << 20, 16)


def test_the_name_before_stays_accepted():
    model = shared(ROOT / "specs/made.yaml")
    before, now = (model.sample(2, seed=1, method=name) for name in ("levels", "depth"))
    assert torch.equal(before, now)
