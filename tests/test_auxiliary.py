"""Auxiliary images: functions of an image that are generated before it,
each a part of the data with a head of its own."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from arspec.analysis.contexts import seen
from arspec.analysis.known_at import Relations
from arspec.analysis.report import prove
from arspec.cli.main import main
from arspec.data import load as examples_of
from arspec.data import with_auxiliary, write
from arspec.diagnostics import InputError
from arspec.language.load import Spec, from_text
from arspec.layers.helpers import packed, unpacked
from arspec.model import Model, build
from arspec.orders import order, with_planes
from arspec.sampler.drive.sampler import sampler_of
from arspec.types import ranks
from tests.small import both_worths, random_data, randomised

# Two auxiliary images, of which the second sees the first; red, green and blue together or one after another.
TEXT = """arspec: 1
data: {{kind: image, height: {height}, width: {width}, channels: {channels}, levels: {levels}, auxiliary: {{
  black: {{view: grey, levels: 2}}, shades: {{view: grey, levels: {shades}}}}}}}
order: {{scan: {scan}, channels: {generated}}}
graph:
  black_conv: {{layer: conv, from: black, kernel: 3, out: 4, mask: earlier}}
  black_logits: {{layer: conv, kernel: 1, out: 1, mask: so_far}}
  below: {{layer: conv, from: black, kernel: 3, out: 4}}
  shades_conv: {{layer: conv, from: shades, kernel: 3, out: 4, mask: earlier}}
  shades_both: {{layer: add, from: [below, shades_conv]}}
  shades_logits: {{layer: conv, kernel: 1, out: {shades}, mask: so_far}}
  seen: {{layer: conv, from: shades, kernel: 3, out: 6, groups: $groups}}
  own: {{layer: conv, from: x, kernel: 3, out: 6, mask: earlier}}
  both: {{layer: add, from: [seen, own]}}
  logits: {{layer: conv, kernel: 1, out: $head, mask: so_far}}
head: {{black: {{kind: bernoulli, from: black_logits}}, shades: {{kind: categorical, from: shades_logits}},
       x: {{kind: {head}, from: logits}}}}
"""


def spec_of(
    height: int = 3, width: int = 4, channels: int = 3, levels: int = 8, shades: int = 4, scan: str = "raster",
    generated: str = "joint", head: str = "categorical",
) -> Spec:  # fmt: skip
    given = locals()
    return from_text(TEXT.format(**given))


SEQUENTIAL = {"generated": "sequential"}
KINDS = [{}, SEQUENTIAL, {"head": "logistic_mixture, components: 2"}, {"scan": "hilbert", "height": 4, **SEQUENTIAL}]


def test_planes_come_whole_before_the_order():
    plain = order("serpentine", (2, 2), "sequential", 2)
    assert plain.rank.tolist() == [0, 2, 6, 4, 1, 3, 7, 5]
    planes = with_planes(plain, 2)
    assert planes.rank.tolist() == [0, 1, 3, 2, 4, 5, 7, 6, 8, 10, 14, 12, 9, 11, 15, 13]
    assert (planes.groups, planes.variables, planes.steps, planes.name) == (4, 16, 16, "serpentine")
    joint = with_planes(order("checkerboard", (2, 2), "joint", 3), 1)
    assert joint.rank.tolist() == [0, 1, 1, 0, 2, 3, 3, 2]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_parts_of_the_data_have_the_ranks_of_their_groups(kind: dict[str, Any]):
    spec = spec_of(**kind)
    member, whole = spec.members[0], spec.members[0].order.rank.reshape(-1, spec.graph().data.out.positions)
    nodes = {node.name: node for node in spec.graph().nodes}
    first = 0
    for name in ("black", "shades", "x"):
        out = nodes[name].out
        found = ranks(out, member)
        np.testing.assert_array_equal(found.first, whole[first : first + out.groups])
        np.testing.assert_array_equal(found.first, found.last)
        assert found.first_group.tolist() == list(range(first, first + out.groups))
        first += out.groups
    assert first == spec.members[0].order.groups
    assert ranks(nodes["both"].out, member).first.max() == whole.max(), "a sum is of the part that comes last"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_everything_of_a_view_is_seen_by_what_comes_after_it(kind: dict[str, Any]):
    """Each part sees of itself what comes before, of earlier parts all that its window shows,
    of later parts nothing."""
    spec = spec_of(**kind)
    assert prove(spec).ok
    matrix = seen(Relations(spec.graph(), spec.members[0])).matrix()
    positions = spec.graph().data.out.positions
    at = positions // 2 + 1
    black, shades, x = (matrix[k * positions + at] for k in range(3))
    assert not black[positions:].any()
    assert not shades[2 * positions :].any()
    assert shades[at]
    assert x[positions + at]
    assert x[positions : 2 * positions].sum() > black[:positions].sum()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_scalars_and_variables_are_each_other(kind: dict[str, Any]):
    model = build(spec_of(**kind))
    x, data = random_data(model, 3), model.graph.data.out
    assert torch.equal(model.scalars(model.by_variable(x)), x)
    assert torch.equal(unpacked(packed(x, data), data), x)
    assert model.by_variable(x).shape == (3, data.sites, data.channels)
    ranks_of = model.graph.members[0].order.rank
    assert len(ranks_of) == data.sites


def test_probabilities_of_views_and_images_sum_to_one():
    model = randomised(spec_of(height=1, width=2, channels=2, levels=2, shades=3, generated="sequential"))
    values = [range(levels) for levels in model.spec.data.channel_levels for _ in range(2)]
    every = torch.tensor(list(itertools.product(*values))).view(-1, 4, 1, 2)
    assert model.log_prob(every).exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_what_is_said_of_some_variables_is_what_is_said_of_all():
    model = randomised(spec_of(head="logistic_mixture, components: 3"))
    x, head, support = random_data(model, 2), model.graph.head, model.graph.support
    numbers, values = model(x), model.by_variable(x)
    some = torch.tensor([1, 20, 5, 30])
    part = head.log_prob(support, numbers[:, some], values[:, some])
    torch.testing.assert_close(part, head.log_prob(support, numbers, values)[:, some], rtol=0, atol=0)
    assert numbers[0, :, 0].tolist() == [0] * 12 + [1] * 12 + [2] * 12


@both_worths
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_sampling_is_the_module(kind: dict[str, Any], worth: int):
    model = randomised(spec_of(**kind), worth=worth)
    x = random_data(model, 3)
    torch.testing.assert_close(sampler_of(model).replay(x, {}), model(x), rtol=0, atol=1e-9)
    drawn = model.sample(6, seed=1)
    for channel, levels in enumerate(model.spec.data.channel_levels):
        assert 0 <= int(drawn[:, channel].min()) <= int(drawn[:, channel].max()) < levels


def test_colours_are_drawn_for_a_given_view():
    model = randomised(spec_of())
    x = random_data(model, 4)
    known = torch.zeros(model.spec.data.shape, dtype=torch.bool)
    known[:2] = True
    drawn = model.complete(x, known, seed=2)
    assert torch.equal(drawn[:, :2], x[:, :2])
    assert not torch.equal(drawn[:, 2:], x[:, 2:])
    known[0] = False
    with pytest.raises(InputError, match="comes first in the order"):
        model.complete(x, known, how="order")


# -- data ------------------------------------------------------------------------------------------------------------


def test_the_grey_view_is_the_luma_in_steps_of_equal_width():
    data = spec_of(height=1, width=2, levels=256, shades=16).data
    x = np.array([[[255, 0]], [[0, 255]], [[0, 0]]], np.uint8)[None]  # red, then green
    wanted = [int(16 * 0.299 * 255 / 256), int(16 * 0.587 * 255 / 256)]
    assert with_auxiliary(x, data)[0, :2, 0].tolist() == [[0, 1], wanted]
    white = with_auxiliary(np.full((1, 3, 1, 2), 255, np.uint8), data)
    assert white[0, :, 0, 0].tolist() == [1, 15, 255, 255, 255]
    grey = spec_of(height=1, width=2, channels=1, levels=256, shades=16).data
    every = with_auxiliary(np.arange(256, dtype=np.uint8).reshape(128, 1, 1, 2), grey)
    np.testing.assert_array_equal(every[:, 1].ravel(), np.arange(256) // 16)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    x = np.random.default_rng(0).integers(0, 8, (5, 3, 3, 4)).astype(np.uint8)
    np.save(tmp_path / "photos.npy", x)
    return tmp_path / "photos.npy"


def test_views_are_made_of_the_images_that_are_loaded(photos: Path):
    data = spec_of().data
    found = examples_of(str(photos), data, split="all")
    x = np.load(photos)
    assert found.shape == data.shape == (5, 3, 4)
    assert found.dimensions == 3 * 3 * 4
    assert "auxiliary images made of them: black, shades" in found.note
    assert {image.tobytes() for image in found.x[:, 2:]} == {image.tobytes() for image in x}
    np.testing.assert_array_equal(found.x, with_auxiliary(found.x[:, 2:], data))


def test_images_that_have_their_views_are_taken_as_they_are(photos: Path, tmp_path: Path):
    data = spec_of().data
    whole = with_auxiliary(np.load(photos), data)
    np.save(tmp_path / "whole.npy", whole)
    found = examples_of(str(tmp_path / "whole.npy"), data, split="all").x
    assert sorted(one.tobytes() for one in found.astype(whole.dtype)) == sorted(one.tobytes() for one in whole)
    whole[0, 0] = 2  # of two levels
    np.save(tmp_path / "wrong.npy", whole)
    with pytest.raises(InputError, match="holds the value 2"):
        examples_of(str(tmp_path / "wrong.npy"), data, split="all")


def test_a_picture_shows_the_image_alone(photos: Path, tmp_path: Path):
    data = spec_of().data
    x = np.load(photos)
    write(with_auxiliary(x, data), data, tmp_path / "a.png")
    write(x, data.own, tmp_path / "b.png")
    with Image.open(tmp_path / "a.png") as a, Image.open(tmp_path / "b.png") as b:
        assert a.tobytes() == b.tobytes()


def test_data_of_the_wrong_shape_or_levels_is_told_how_to_mend():
    model = build(spec_of())
    with pytest.raises(InputError, match="shape") as refused:
        model(torch.zeros(1, 3, 3, 4))
    assert "with_auxiliary" in str(refused.value.diagnostics[0].help)
    wrong = torch.zeros(1, 5, 3, 4)
    wrong[0, 1, 0, 0] = 4
    with pytest.raises(InputError, match="levels are 0 to 3"):
        model(wrong)


def test_bits_are_counted_by_the_numbers_of_the_image(photos: Path):
    from arspec.training.evaluation import evaluate

    model: Model = randomised(spec_of())
    found = examples_of(str(photos), model.spec.data, split="all")
    result = evaluate(model, found)
    nats = -model.log_prob(torch.from_numpy(found.x.astype(np.int64))).mean().item()
    assert result.variables == 36
    assert result.nats == pytest.approx(nats)
    assert result.bits_per_dim == pytest.approx(nats / (36 * np.log(2)))


def test_scores_and_calibration_speak_of_the_image(photos: Path):
    from arspec.scoring import score
    from arspec.scoring.calibration import calibrate

    model: Model = randomised(spec_of(head="logistic_mixture, components: 2"))
    x = torch.from_numpy(examples_of(str(photos), model.spec.data, split="all").x.astype(np.int64))
    found = score(model, x, {}, codec="png")
    np.testing.assert_allclose(found.bits_per_dim, -model.log_prob(x).detach().numpy() / np.log(2) / 36, rtol=1e-6)
    np.testing.assert_array_equal(found.compressed, score(build(spec_of().variant()), x, {}, codec="png").compressed)
    said = calibrate(model, x)
    assert said.nats == pytest.approx(-model.log_prob(x).sum().item() / (5 * 5 * 12), rel=1e-6)  # a scalar, views too
    assert np.nansum(said.levels.count) == 5 * 12 * (2 + 4 + 3 * 8), "a level that a part lacks is not counted"


def test_from_training_to_colours_for_a_view(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "small.yaml").write_text(spec_of().source.text)
    run, data = str(tmp_path / "run"), ["--data", str(photos)]
    quick = ["--steps", "3", "--batch", "2", "--samples", "2", "--device", "cpu", "--quiet", "--no-tensorboard"]
    assert main(["train", str(tmp_path / "small.yaml"), *data, "--out", run, *quick]) == 0
    assert main(["sample", run, "-n", "2", "-o", str(tmp_path / "s.npy")]) == 0
    assert np.load(tmp_path / "s.npy").shape == (2, 5, 3, 4)
    given = ["--given", "shades", "-n", "2", "--each", "2", "--split", "all"]
    assert main(["complete", run, *data, *given, "-o", str(tmp_path / "c.npy")]) == 0
    drawn = np.load(tmp_path / "c.npy").reshape(2, 2, 5, 3, 4)
    whole = examples_of(str(photos), spec_of().data, split="all").x[:2, None]
    np.testing.assert_array_equal(drawn[:, :, :2], whole[:, :, :2].repeat(2, 1))
    assert main(["eval", run, *data, "--split", "all"]) == 0
    assert "bits/dim" in capsys.readouterr().out
