"""Facts of trained models: what stands in them is what the model draws, and how likely it finds examples."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import arspec
from arspec.cli.main import main
from arspec.data.examples import Examples
from arspec.diagnostics import InputError
from arspec.exploring.making import Made
from arspec.exploring.of_model import Drawing, chosen, facts_of_model
from arspec.exploring.packing import Unpacked, unpacked
from arspec.language.load import from_text
from arspec.model import Model
from tests.small import CHARS

DRAWING = Drawing(2, (0.5, 1.0), seed=3)
SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "by class": ("gated_pixelcnn_class", {"height": 4, "width": 5, "channels": 3, "levels": 5, "features": 6,
                                          "layers": 1, "kernel": 3, "classes": 3}),
    "sound": ("wavenet", {"length": 40, "levels": 8, "residual": 4, "skip": 4, "layers": 2, "cycle": 2, "speakers": 2}),
    "vector": ("made", {"height": 3, "width": 4, "members": 2, "hidden": 6}),
    "joint channels": ("pixelcnn_pp", {"height": 8, "width": 8, "filters": 4, "resnets": 1, "components": 2}),
}  # fmt: skip
SPECS = ["text", *SMALL]
TRAITS = """
arspec: 1
data: {kind: sequence, length: 6, levels: 3}
condition: {traits: {kind: vector, size: 2}}
graph:
  tokens: {layer: embedding, from: x, out: 4}
  before: {layer: shift, steps: 1}
  gated: {layer: gate, condition: traits}
  logits: {layer: conv, kernel: 1, out: $head}
head: {kind: categorical, from: logits}
"""


@cache
def described(name: str) -> tuple[Model, Examples, Made, Unpacked]:
    """A model of the spec with untrained weights, twenty random examples, and its facts, made and read back."""
    spec = from_text(CHARS, "chars.yaml") if name == "text" else arspec.load(SMALL[name][0], params=SMALL[name][1])
    model = arspec.compile(spec, seed=1).eval()
    random = np.random.default_rng(0)
    x = random.integers(0, spec.data.levels, (20, *spec.data.shape))
    classes = {key: random.integers(0, section.whole, 20) for key, section in spec.condition.items()}
    examples = Examples(x, classes, f"{name}, test", "", 20)
    made = facts_of_model(model, "run", examples, DRAWING)
    return model, examples, made, unpacked(made.packed)


@pytest.mark.parametrize("name", SPECS)
def test_samples_are_those_of_the_model_at_each_temperature(name: str) -> None:
    model, _, _, read = described(name)
    facts: Any = read.facts["model"]
    key = next(iter(model.spec.condition), None)
    count = model.spec.condition[key].whole if key is not None else 1
    assert [s["temperature"] for s in facts["samples"]] == [0.5] * count + [1.0] * count
    for k, one in enumerate(facts["samples"]):
        given: dict[str, Any] = {} if key is None else {key: np.repeat(np.arange(count), 2)}
        x = model.sample(2 * count, seed=3, temperature=one["temperature"], **given)
        own = x[2 * (k % count) : 2 * (k % count) + 2]
        assert one["count"] == 2
        assert np.array_equal(read.array(one["values"]), own.ravel().numpy())
        assert one["condition"] == ("" if key is None else f"{key} {k % count}")
    assert facts["shape"] == list(model.spec.data.shape)


@pytest.mark.parametrize("name", SPECS)
def test_surprise_is_in_bits_and_adds_up_to_the_likelihood(name: str) -> None:
    model, examples, _, read = described(name)
    facts: Any = read.facts["model"]
    x = torch.from_numpy(examples.x)
    condition: dict[str, Any] = {key: torch.from_numpy(value) for key, value in examples.condition.items()}
    with torch.no_grad():
        log_prob = (model.mean_log_prob if model.members > 1 else model.log_prob)(x, **condition)
    bits = -log_prob.numpy() / np.log(2)
    by_dimension = bits / model.spec.data.dimensions
    names = [one["name"] for one in facts["scored"]]
    assert len(set(names)) == 12
    for one in facts["scored"]:
        k = int(one["name"].split(",")[0].removeprefix("example "))
        assert np.array_equal(read.array(one["values"]), examples.x[k].ravel())
        assert one["bits"] == pytest.approx(float(by_dimension[k]), abs=1e-4)
        surprise = read.array(one["surprise"])
        assert len(surprise) == read.facts["data"]["variables"]
        if model.members == 1:  # of a family the mean over its members is shown
            assert surprise.sum() / 1000 == pytest.approx(float(bits[k]), abs=0.001 * len(surprise))
    assert facts["scored"][0]["bits"] == pytest.approx(by_dimension.max(), abs=1e-4)
    assert facts["scored"][-1]["bits"] == pytest.approx(by_dimension.min(), abs=1e-4)


def test_sound_brings_its_rate_and_the_amplitude_of_each_level() -> None:
    from arspec.data.mu_law import decode_mu_law

    facts: Any = described("sound")[3].facts["model"]
    assert facts["rate"] == 16000
    assert np.allclose(facts["wave"], decode_mu_law(np.arange(8), 8), atol=1e-5)
    assert described("text")[3].facts["model"]["wave"] is None  # pyright: ignore


def test_the_facts_of_the_spec_stand_beside_those_of_the_model() -> None:
    made = described("by class")[2]
    assert made.facts["kind"] == "model"
    assert made.facts["members"][0]["schedule"] is not None
    assert len(made.packed) < 1 << 20


def test_what_surprises_most_least_and_in_between_is_chosen() -> None:
    bits = np.array([3.0, 1.0, 2.0, 5.0, 4.0, 0.0, 7.0])
    assert chosen(bits, 3) == [(6, "surprising"), (0, "usual"), (5, "expected")]
    assert chosen(bits[:2], 3) == [(0, "the most surprising of 2"), (1, "the least surprising of 2")]
    assert [word for _, word in chosen(bits[:3], 3)][1] == "place 2 of 3 by surprise"


def test_a_condition_that_examples_bring_is_said_where_there_are_none() -> None:
    spec = from_text(TRAITS, "traits.yaml")
    model = arspec.compile(spec)
    made = facts_of_model(model, "run")
    assert made.facts["model"] is not None
    assert made.facts["model"]["samples"] == []
    assert any("traits, which only examples bring" in note for note in made.facts["notes"])
    x, traits = np.zeros((2, 6), np.int64), np.ones((2, 2))
    made = facts_of_model(model, "run", Examples(x, {"traits": traits}, "two", "", 2), Drawing(3, (1.0,)))
    assert made.facts["model"] is not None
    assert made.facts["model"]["samples"][0]["count"] == 3


def test_too_many_samples_are_fewer_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    model = described("vector")[0]  # as all tests have it
    monkeypatch.setattr("arspec.exploring.of_model.NUMBERS", 24)
    made = facts_of_model(model, "run", None, Drawing(9, (1.0,)))
    assert made.facts["model"] is not None
    assert made.facts["model"]["samples"][0]["count"] == 2
    assert made.facts["notes"][-2].startswith("2 samples are drawn where more were asked for")
    assert made.facts["notes"][-1] == "no examples are scored: --examples names some"


@pytest.mark.parametrize(("samples", "temperatures"), [(-1, (1.0,)), (1, ()), (1, (-0.5,)), (1, (float("nan"),))])
def test_what_cannot_be_drawn_is_refused(samples: int, temperatures: tuple[float, ...]) -> None:
    with pytest.raises(InputError):
        Drawing(samples, temperatures)


def test_the_command_makes_the_page_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, examples, _, _ = described("by class")
    model.save(tmp_path / "run")
    np.savez(tmp_path / "few.npz", x=examples.x[:4], label=examples.condition["label"][:4])
    page = tmp_path / "run.html"
    asked = ["explore", str(tmp_path / "run"), "-o", str(page), "--samples", "1", "--temperatures", "1,0.5"]
    assert main([*asked, "--examples", str(tmp_path / "few.npz"), "--split", "all", "--quiet"]) == 0
    text = re.search(r'class="facts">([^<]*)<', page.read_text("utf-8"))
    assert text is not None
    facts: Any = unpacked(text[1]).facts["model"]
    assert [(s["temperature"], s["count"]) for s in facts["samples"]] == [(0.5, 1)] * 3 + [(1.0, 1)] * 3
    assert len(facts["scored"]) == 4
    assert main([*asked[:1], "gpt", *asked[2:]]) == 2
    assert "--samples is of a trained model, and gpt is a spec" in capsys.readouterr().err
    assert main([*asked[:-1], "warm"]) == 2
    assert "these are no numbers" in capsys.readouterr().err


def test_a_run_is_explored_with_the_data_that_it_was_trained_on(tmp_path: Path) -> None:
    params = {"height": 8, "width": 8, "hidden": 4, "members": 1}
    arspec.train("made", "digits", tmp_path / "run", params=params, steps=1, limit=64, limit_valid=8)
    page = tmp_path / "run.html"
    assert main(["explore", str(tmp_path / "run"), "-o", str(page), "--samples", "0", "--quiet"]) == 0
    text = re.search(r'class="facts">([^<]*)<', page.read_text("utf-8"))
    assert text is not None
    facts = unpacked(text[1]).facts
    assert facts["model"] is not None and facts["model"]["data"] == "digits, test"
    assert len(facts["model"]["scored"]) == 12 and dict(facts["model"]["card"])["training"] == "1 steps"
