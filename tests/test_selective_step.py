"""A step of a selective state space in machine code is that of torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from arspec.language.load import from_text, load
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.run.kernel import kernel
from arspec.sampler.run.quick import Quick
from tests.small import ROOT, randomised

pytestmark = pytest.mark.skipif(kernel() is None, reason="no C++ compiler")
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-13}
SCAN = """
arspec: 1
name: scan
data: {kind: sequence, length: 9, levels: 5}
graph:
  tokens: {layer: embedding, from: x, out: 16}
  h: {layer: shift, steps: 1}
  b: {layer: conv, from: h, out: 3}
  c: {layer: conv, from: h, out: 3}
  read: {layer: selective_scan, from: h, step: h, input: b, output: c, states: 3, skip: SKIP}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""


def given(
    batch: int, channels: int, states: int, dtype: torch.dtype, skip: bool = True, seed: int = 0
) -> tuple[Any, ...]:
    """What a step takes, of rows that lie apart, up to the row before."""
    draw = torch.Generator().manual_seed(seed)
    wide = torch.randn(batch, 1, 2 * channels + 2 * states + 3, generator=draw, dtype=dtype)
    x, step, fed, read, _ = wide.split([channels, channels, states, states, 3], 2)
    decays = -16 * torch.rand(states, channels, generator=draw, dtype=dtype)
    cache = torch.randn(batch, 2, channels * (1 + states), generator=draw, dtype=dtype)
    bias, added = torch.randn(2, channels, generator=draw, dtype=dtype)
    return x, 8 * step, bias, decays, fed, read, added if skip else None, cache[:, 1]


def quick(*args: Any) -> Tensor | None:
    loaded = kernel()
    assert loaded is not None
    return loaded.quick.selective_step(*args)


def plain(
    x: Tensor, step: Tensor, bias: Tensor, a: Tensor, fed: Tensor, read: Tensor, skip: Tensor | None, before: Tensor
) -> Tensor:
    """The row after: the output, and the states."""
    step = softplus(step + bias)
    state = (step * a).exp() * before[:, x.shape[2] :].unflatten(1, a.shape) + fed.mT * (step * x)
    y = read @ state
    return torch.cat([(y if skip is None else y + skip * x)[:, 0], state.flatten(1)], 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("batch", "channels", "states", "skip"), [(1, 16, 1, True), (3, 48, 5, False), (2, 2048, 16, True)]
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_step_is_that_of_torch(
    dtype: torch.dtype, batch: int, channels: int, states: int, skip: bool, threads: int,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    own = given(batch, channels, states, dtype, skip)
    wanted = plain(*own)
    after = torch.full_like(own[-1], torch.nan)
    y = quick(*own, after)
    assert y is not None and torch.equal(y[:, 0], after[:, :channels])
    torch.testing.assert_close(after, wanted, rtol=TOLERANCES[dtype], atol=10 * TOLERANCES[dtype])
    for row in range(batch):  # an example has the same bits alone, and where the state stays in its place
        x, step, bias, a, fed, read, added, before = own
        x, step, fed, read, before = (each[row : row + 1] for each in (x, step, fed, read, before))
        before = before.clone()
        alone = quick(x, step, bias, a, fed, read, added, before, before)
        assert alone is not None and torch.equal(alone, y[row : row + 1])
        assert torch.equal(before, after[row : row + 1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("threads", [1, 2])
def test_several_steps_are_one_after_another(dtype: torch.dtype, threads: int, monkeypatch: pytest.MonkeyPatch):
    """Bit for bit, from rows that lie apart, the state in its place."""
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    monkeypatch.setattr("arspec.sampler.run.quick.SPREAD", 0)
    for skip in (True, False):
        each = [given(3, 144, 5, dtype, skip, seed) for seed in range(4)]
        _, _, bias, a, _, _, added, before = each[0]
        x, step, fed, read = (torch.stack([own[k][:, 0] for own in each]).transpose(0, 1) for k in (0, 1, 4, 5))
        row, after = before.clone(), torch.empty_like(before)
        for t in range(4):
            now = (own[:, t : t + 1] for own in (fed, read))
            assert quick(x[:, t : t + 1], step[:, t : t + 1], bias, a, *now, added, row, row) is not None
        y = quick(x, step, bias, a, fed, read, added, before, after)
        assert y is not None and y.shape == x.shape and torch.equal(after, row) and torch.equal(y[:, -1], row[:, :144])
        first = quick(x[:, :1], step[:, :1], bias, a, fed[:, :1], read[:, :1], added, before, row)
        assert first is not None and torch.equal(first, y[:, :1])


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("sites", [[], [0], [6], [3, 1, 8, 3]])
def test_a_pass_in_machine_code_keeps_the_states_that_are_asked_for(sites: list[int], skip: bool):
    text = SCAN.replace("SKIP", str(skip).lower())
    model = randomised(from_text(text))
    node = next(node for node in model.graph.order if node.name == "read")
    constants, loaded = model.constants.of(node, 0), kernel()
    weights = node.layer.prepare(node, model.nodes.of(node), constants)
    assert loaded is not None
    xs = [torch.randn(2, source.channels, 9, dtype=torch.float64) for source in node.ins]
    for asked in (None, torch.tensor([2]), torch.tensor([], dtype=torch.int64)):
        with torch.no_grad():
            (y, states), (made, kept) = (
                node.layer.forward_and_states(node, own, constants, xs, torch.tensor(sites, dtype=torch.int64), asked)
                for own in (weights, {**weights, "selective_step": loaded.quick.selective_step})
            )
        torch.testing.assert_close(kept, states, rtol=0, atol=1e-12)
        until = 9 if asked is None else 1 + max([-1, *sites, *asked.tolist()])
        torch.testing.assert_close(made[..., :until], y[..., :until], rtol=0, atol=1e-12)


def stepped(step: Tensor, fed: float, state: float) -> Tensor:
    """The states [C] after steps [C] from the same state, with decays of -1 and inputs of 1."""
    channels, ones = len(step), torch.ones(1, 1, 1)
    row = torch.full((1, 2 * channels), state)
    after = torch.empty_like(row)
    x = torch.ones(1, 1, channels)
    y = quick(x, step.view(1, 1, -1), 0 * step, -torch.ones(1, channels), fed * ones, ones, None, row, after)
    assert y is not None
    return after[0, channels:]


def test_decays_of_all_sizes_are_as_exact_as_floats():
    steps = torch.cat([torch.linspace(-30, 100, 4080), torch.zeros(16)])
    exact = (-softplus(steps.double())).exp()
    assert ((stepped(steps, 0.0, 1.0) - exact).abs() <= 1e-6 * exact * (1 + exact.log().abs()) + 2e-38).all()


def test_steps_of_all_sizes_are_as_exact_as_floats():
    steps = torch.cat([torch.linspace(-80, 60, 4080), torch.tensor([0.0, 20.0, 19.99, 20.01] * 4)])
    exact = softplus(steps.double())
    assert ((stepped(steps, 1.0, 0.0) - exact).abs() <= 6e-7 * exact).all()


def test_what_it_has_no_use_for_is_left_alone():
    narrow, (*own, added, before) = given(2, 17, 3, torch.float32), given(2, 16, 3, torch.float32)
    apart, other = added.repeat_interleave(2)[::2], added.double()
    for args in (narrow, (*own, apart, before), (*own, other, before)):
        after = torch.full_like(args[-1], 7.0)
        assert quick(*args, after) is None
        assert (after == 7).all()


SMALL = {"length": 12, "levels": 11, "width": 6, "inner": 16, "states": 3, "rank": 2, "layers": 2}


def test_a_busy_sampler_takes_it(monkeypatch: pytest.MonkeyPatch):
    """Each scan takes it at each step, the samples are the same, and its parameters are the module's."""
    taken: list[bool] = []
    step = Quick.selective_step

    def watched(self: Quick, *args: Any) -> Tensor | None:
        found = step(self, *args)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(Quick, "selective_step", watched)
    found: list[Tensor] = []
    for busy in (1 << 60, 0):
        monkeypatch.setattr("arspec.sampler.run.skinny_matmul.BUSY", busy)
        model = randomised(load(ROOT / "specs/mamba.yaml", params=SMALL))
        assert not taken
        found.append(model.sample(3, seed=1, method="once"))
    assert all(taken) and len(taken) >= SMALL["layers"]  # other steps are kept calls
    assert torch.equal(*found)
    with torch.no_grad():
        replayed, whole = sampler_of(model).replay(found[1], {}), model(found[1])
    torch.testing.assert_close(replayed[:, 1:], whole[:, 1:], rtol=0, atol=1e-9)
