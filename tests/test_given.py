"""Sequences whose first steps are given, not modelled: the proof, likelihoods, samples, streams, completion, the codec,
and the data that they are cut from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from arspec.analysis.known_at import Relations, known_at
from arspec.analysis.report import prove
from arspec.cli.main import main
from arspec.data import load as load_data
from arspec.language.load import Spec, from_text
from arspec.orders import order, with_given
from arspec.sampler.drive.drawing import noise_for
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.plan.passes import verified
from arspec.scoring.calibration import calibrate
from arspec.training.evaluation import evaluate
from arspec.verification.verifying import verify
from tests.small import randomised, refusal

DECODER = """
arspec: 1
name: decoder
data: {kind: sequence, length: 10, levels: $levels, given: $given START}
order: {scan: ORDER}
params: {given: 2, levels: 7}
graph:
  tokens: {layer: embedding, from: x, out: 8}
  places: {layer: position, out: 8}
  h: {layer: add, from: [tokens, places]}
  a: {layer: attention, from: h, keys: h, values: h, mask: MASK}
  both: {layer: add, from: [a, h]}
  spoken: {layer: conv, out: $head}
  logits: {layer: shift, steps: 1}
head: {kind: categorical, from: logits}
"""
WAVES = """
arspec: 1
data: {kind: sequence, length: $length, levels: 5, given: 3, start: 1}
params: {length: 20}
graph:
  tokens: {layer: embedding, from: x, out: 4}
  a: {layer: conv, kernel: 2, padding: causal, out: 4}
  b: {layer: conv, kernel: 2, dilation: 2, padding: causal, out: 4}
  spoken: {layer: conv, out: $head}
  logits: {layer: shift, steps: 1}
head: {kind: categorical, from: logits}
"""
PREFIX = "so_far or that.step < 2"  # the given part sees all of itself


def decoder(mask: str = "so_far", scan: str = "natural", start: str = "", **params: int) -> Spec:
    text = DECODER.replace("MASK", mask).replace("ORDER", scan).replace(" START", start)
    return from_text(text, params=params)


@pytest.mark.parametrize("given", [1, 2, 4])
@pytest.mark.parametrize("mask", ["so_far", PREFIX])
def test_every_way_of_sampling_is_the_module_step_by_step(given: int, mask: str) -> None:
    """What is drawn is what plain steps of the module draw, whatever the given steps are."""
    if mask == PREFIX and given < 2:
        return
    model, n = randomised(decoder(mask, given=given), 1), 5
    assert prove(model.spec).ok
    x = torch.randint(7, (n, 10), generator=torch.Generator().manual_seed(2))
    noise, wanted = noise_for(model, 3, 0, n), x.clone()
    wanted[:, given:] = 0
    with torch.no_grad():
        for step in range(given, 10):
            chances = model(wanted)[:, step].softmax(-1)
            wanted[:, step] = (chances.cumsum(-1) <= noise[:, step]).sum(-1).clamp(max=6)
        with verified():
            for batch in (n, 1):
                rows = sampler_of(model).replay(x[:batch], {})
                torch.testing.assert_close(rows[:, given:], model(x[:batch])[:, given:], rtol=1e-9, atol=1e-9)
                assert not rows[:, :given].any()
    for method in ("auto", "once", "depth", "fixed-point"):
        assert torch.equal(model.sample(n, seed=3, prefix=x[:, :given], method=method), wanted), method
    assert torch.equal(model.sample(n, seed=3, prefix=wanted[:, :8]), wanted)
    streamed = torch.cat(list(model.stream(n, steps=10, chunk=4, seed=3, prefix=x[:, :given])), 1)
    assert torch.equal(streamed, wanted)
    nothing = torch.zeros(10, dtype=torch.bool)  # what is given is known, though nobody says so
    assert torch.equal(model.complete(wanted, nothing, seed=3), wanted)


def test_log_probs_are_of_what_is_modelled() -> None:
    model = randomised(decoder(), 0)
    x = torch.randint(7, (4, 10), generator=torch.Generator().manual_seed(0))
    each = model(x).log_softmax(-1).gather(-1, x[..., None])[..., 0]
    torch.testing.assert_close(model.log_probs(x)[:, 2:], each[:, 2:])
    assert not model.log_probs(x)[:, :2].any()
    torch.testing.assert_close(model.log_prob(x), each[:, 2:].sum(1))
    found = model.score(x)
    np.testing.assert_allclose(found.bits_per_dim, -each[:, 2:].sum(1).detach() / np.log(2) / 8)
    assert not found.places[:, 0, :2].any() and found.places[:, 0, 2:].all()


def test_a_given_step_is_known_before_all_and_no_target() -> None:
    """A prefix that is read by all is proven where it is given, and leaks where its end is modelled."""
    whole, part = decoder(PREFIX, given=2), decoder(PREFIX, given=1)
    known = known_at(Relations(whole.graph(), whole.members[0]))
    assert known[whole.graph().data].tolist() == [-1, -1, *range(2, 10)]
    report = prove(whole)
    assert report.ok and report.pairs == sum(range(2, 10)) and "each of 8 variables" in str(report)
    leaks = prove(part)
    assert not leaks.ok and leaks.members[0].leaking.tolist() == [1]


@pytest.mark.parametrize("mask", ["so_far", PREFIX])
def test_the_module_reads_what_is_proven(mask: str) -> None:
    report = verify(decoder(mask))
    assert report.ok and all(not test.missing for test in report.tests), str(report)


def test_the_given_steps_come_first_in_every_order() -> None:
    """Worked out by hand; equal ranks stay equal."""
    assert with_given(order("reversed", (5,), "joint", 1), 2).rank.tolist() == [0, 1, 4, 3, 2]
    equal = order("explicit", (6,), "joint", 1, ranks=[2, 0, 1, 0, 1, 0])
    assert with_given(equal, 1).rank.tolist() == [0, 1, 2, 1, 2, 1]
    assert with_given(equal, 1).time.tolist() == [-1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize("scan", ["reversed", "random"])
def test_other_orders(scan: str) -> None:
    """Queries are of places alone, so that in any order a step reads what comes before it, and what is given."""
    text = DECODER.replace("from: h, keys", "from: places, keys").replace("[a, h]", "[a, places]")
    text = text.replace("MASK", "earlier").replace("{layer: shift, steps: 1}", "{layer: identity}")
    model = randomised(from_text(text.replace("ORDER", scan).replace(" START", "")), 0)
    x = torch.randint(7, (3, 10), generator=torch.Generator().manual_seed(0))
    with verified():
        rows = sampler_of(model).replay(x, {})
    torch.testing.assert_close(rows[:, 2:], model(x)[:, 2:], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("levels", "given"), [(7, 1), (700, 3)])
def test_what_is_given_is_compressed_as_well(levels: int, given: int) -> None:
    """It costs as many bits as there are levels to tell apart."""
    model = randomised(decoder(levels=levels, given=given), 0)
    x = torch.randint(levels, (30, 10), generator=torch.Generator().manual_seed(0))
    packed = model.compress(x)
    assert torch.equal(model.decompress(packed), x)
    bits = -float(model.log_prob(x).detach().sum()) / np.log(2) + 30 * given * np.log2(levels)
    assert bits <= 8 * len(packed) <= 1.02 * bits + 8 * 80


def test_streams_without_end() -> None:
    model = randomised(from_text(WAVES), 0)
    longer = randomised(from_text(WAVES, params={"length": 200}), 0)
    longer.load_state_dict(model.state_dict())
    wanted = longer.sample(2, seed=1)
    assert (wanted[:, :3] == 1).all()
    for prefix in (None, wanted[:, :3], wanted[:, :90]):
        found = torch.cat(list(model.stream(2, steps=200, chunk=37, seed=1, prefix=prefix, compiled=False)), 1)
        assert torch.equal(found, wanted)


def test_a_sample_needs_a_start() -> None:
    model = randomised(decoder(), 0)
    for drawn in (lambda: model.sample(1), lambda: list(model.stream(steps=10)), lambda: model.sample(1, prefix=[1])):
        assert refusal(drawn).code == "AR862"
    started = randomised(decoder(start=", start: 5"), 0)
    assert (started.sample(3)[:, :2] == 5).all() and torch.equal(started.sample(3), started.sample(3, prefix=[5, 5]))


def test_pieces_of_a_long_sequence_model_each_step_once(tmp_path: Path) -> None:
    """Each piece begins with the end of the one before it, so that no step is modelled twice, and none is left out."""
    path = tmp_path / "steps.npy"
    np.save(path, np.arange(26) % 7)
    model = randomised(decoder(), 0)
    held = load_data(str(path), model.spec.data, {}, "all")
    assert held.x[:, 0].tolist() == [0, 8 % 7, 16 % 7] and held.dimensions == 8
    pieces = torch.from_numpy(held.x.astype(np.int64))
    nats = -float(model.log_prob(pieces).detach().mean())
    found = evaluate(model, held)
    assert found.nats == pytest.approx(nats) and found.bits_per_dim == pytest.approx(nats / 8 / np.log(2))
    trained = load_data(str(path), model.spec.data, {}, "train")
    np.testing.assert_array_equal(trained.side_by_side().x, held.x[:2])


def test_what_is_given_has_no_part_in_calibration() -> None:
    """The bits that were needed are those of what is modelled."""
    model = randomised(decoder(), 0)
    x = torch.randint(7, (6, 10), generator=torch.Generator().manual_seed(0))
    found = calibrate(model, x)
    assert found.nats == pytest.approx(-float(model.log_prob(x).detach().mean()) / 8)
    assert found.likeliest.count.sum() == 6 * 8


def test_a_model_without_a_start_is_trained_and_drawn_from(tmp_path: Path) -> None:
    """Samples along the way, and those of its card, begin as examples do."""
    path, data = tmp_path / "decoder.yaml", tmp_path / "x.npy"
    path.write_text(decoder().source.text)
    np.save(data, np.arange(400) % 7)
    settings = ["--steps", "4", "--sample-every", "2", "--samples", "3", "--device", "cpu", "--quiet"]
    assert main(["train", str(path), "--data", str(data), "--out", str(tmp_path / "run"), *settings]) == 0
    drawn = sorted((tmp_path / "run").rglob("*.npy"))
    assert drawn and all(np.load(one).shape == (3, 10) for one in drawn)
    assert "prefix=[0, 0]" in randomised(decoder(), 0).save(tmp_path / "model").joinpath("README.md").read_text()


def test_the_command_line_begins_with_the_start(tmp_path: Path) -> None:
    path, out = tmp_path / "waves.yaml", tmp_path / "drawn.npy"
    path.write_text(WAVES)
    assert main(["sample", str(path), "-n", "2", "-o", str(out), "--quiet"]) == 0
    assert (np.load(out)[:, :3] == 1).all()
    np.save(tmp_path / "begin.npy", np.array([4, 3, 2, 1]))
    assert main(["sample", str(path), "--prefix", str(tmp_path / "begin.npy"), "-o", str(out), "--quiet"]) == 0
    assert np.load(out).ravel()[:4].tolist() == [4, 3, 2, 1]
