"""What a person who writes Python gives: paths for specs, arrays and lists for tensors,
the folder of a run for a model."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import arspec
from arspec.training import save_model
from tests.small import refuses

SPEC = """\
arspec: 1
name: small
data: {kind: sequence, length: 6, levels: 5}
graph:
  scaled: {layer: scale, from: x}
  hidden: {layer: conv, kernel: 3, padding: causal, out: 4, mask: earlier}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(SPEC)
    return file


def test_a_path_stands_for_a_spec(path: Path) -> None:
    assert arspec.verify(str(path), static=True).ok
    assert arspec.compile(path).spec.name == "small"
    arspec.render(path, path.with_suffix(".dot"))
    assert path.with_suffix(".dot").exists()


SMALL = {"height": 4, "width": 4, "channels": 1, "levels": 17, "features": 4, "layers": 1, "kernel": 3}
SPOILT: dict[str, tuple[str, Callable[[Any, Any], object]]] = {  # the code, and a call of a model with two examples
    "fewer than none": ("AR808", lambda m, _: m.sample(-1, label=1)),
    "half an example": ("AR808", lambda m, _: m.sample(2.5, label=1)),
    "a seed of text": ("AR945", lambda m, _: m.sample(2, seed="x", label=1)),
    "half a member": ("AR945", lambda m, _: m.sample(2, member=1.5, label=1)),
    "a member that is true": ("AR945", lambda m, _: m.sample(2, member=True, label=1)),
    "a temperature of text": ("AR945", lambda m, _: m.sample(2, temperature="x", label=1)),
    "no method": ("AR945", lambda m, _: m.sample(2, method=3, label=1)),
    "no name": ("AR807", lambda m, _: m.sample(2, nope="cat", label=1)),
    "no numbers": ("AR807", lambda m, _: m.sample(2, label=object())),
    "lists of two lengths": ("AR807", lambda m, _: m.sample(2, label=[[1], [2, 3]])),
    "a number, to score": ("AR804", lambda m, _: m.score(5, label=1)),
    "a number, to compress": ("AR804", lambda m, _: m.compress(5, label=1)),
    "a number, to complete": ("AR804", lambda m, x: m.complete(5, x[0] < 3, label=1)),
    "particles of text": ("AR945", lambda m, x: m.complete(x, x[0] < 3, how="particles", particles="x", label=1)),
    "no way": ("AR945", lambda m, x: m.complete(x, x[0] < 3, how=3, label=1)),
    "no codec": ("AR945", lambda m, x: m.score(x, codec=3, label=1)),
    "no background": ("AR945", lambda m, x: m.score(x, background=3, label=1)),
    "noise of text": ("AR945", lambda m, x: m.compress(x, noise="x", label=1)),
    "no container": ("AR945", lambda m, _: m.decompress(5)),
    "steps of text": ("AR945", lambda m, _: m.stream(2, steps="x", label=1)),
}


@pytest.fixture(scope="module")
def classes() -> Any:
    """A model whose classes have names."""
    model = arspec.compile(arspec.load("gated_pixelcnn_class", params=SMALL)).eval()
    model.names = {"label": ("cat", "dog", *"abcdefgh")}
    return model


@pytest.mark.parametrize("case", SPOILT)
def test_an_argument_that_cannot_be_is_told(case: str, classes: Any) -> None:
    code, call = SPOILT[case]
    refuses(code, lambda: call(classes, torch.zeros(2, 1, 4, 4, dtype=torch.long)))


def test_conditions_and_examples_come_in_many_forms(classes: Any) -> None:
    wanted = classes.sample(2, seed=1, label=torch.tensor([1, 0]))
    for given in (["dog", "cat"], ("dog", "cat"), [1, 0], np.array([1, 0]), np.array(["dog", "cat"])):
        assert torch.equal(classes.sample(np.int64(2), seed=np.int64(1), label=given), wanted)
        nats = classes.log_prob(wanted.tolist(), label=given)
        assert torch.equal(nats, classes.log_prob(wanted, label=torch.tensor([1, 0])))
    known = torch.arange(16).view(1, 4, 4) < 8
    completed = classes.complete(wanted, known, label="dog", seed=2)
    assert torch.equal(classes.complete(wanted.tolist(), known.tolist(), label=[1, 1], seed=2), completed)
    assert classes.log_prob(np.zeros((0, 1, 4, 4)), label=[]).shape == (0,)


def test_a_trained_model_is_opened_by_its_folder(path: Path) -> None:
    model = arspec.compile(path, seed=3)
    save_model(model, path.parent / "run")
    opened = arspec.load_model(str(path.parent / "run"), "cpu")
    assert not opened.training
    assert torch.equal(opened.sample(3), model.sample(3))
    with pytest.raises(arspec.InputError, match=r"trained model: arspec\.load_model"):
        arspec.load(path.parent / "run")
    with pytest.raises(arspec.InputError, match=r"name a spec that lies there: small\.yaml"):
        arspec.load(path.parent)


def test_arrays_and_lists_stand_for_tensors(path: Path) -> None:
    model: Any = arspec.compile(path)
    x = model.sample(3)
    known = torch.tensor([True, True, False, False, True, False])
    others: tuple[Any, ...] = (x.numpy().astype(np.uint16), x.tolist(), x.numpy().astype(np.float64), x.byte())
    for given in others:
        assert torch.equal(model.log_prob(given), model.log_prob(x))
        assert np.array_equal(model.score(given).bits, model.score(x).bits)
        assert torch.equal(model.decompress(model.compress(given)), x)
        for kept in (known.numpy(), known.tolist()):
            assert torch.equal(model.complete(given, kept), model.complete(x, known))
    for prefix in ([1, 2], np.array([1, 2], np.uint8)):
        assert torch.equal(model.sample(2, prefix=prefix), model.sample(2, prefix=torch.tensor([1, 2])))
        begun = next(iter(model.stream(1, steps=5, prefix=[prefix])))
        assert torch.equal(begun, next(iter(model.stream(1, steps=5, prefix=torch.tensor([[1, 2]])))))


@pytest.mark.parametrize("given", ["digits.npz", [[1, 2], [3]], None, [["a"] * 6]])
def test_what_is_no_numbers_is_refused(path: Path, given: Any) -> None:
    model: Any = arspec.compile(path)
    for call in (model.log_prob, model.score, model.compress, lambda x: model.complete(x, [True] * 6)):
        with pytest.raises(arspec.InputError, match="made of numbers"):
            call(given)
    if given is not None:
        with pytest.raises(arspec.InputError, match="a prompt is made of numbers"):
            model.sample(2, prefix=given)


def test_fractions_are_no_levels(path: Path) -> None:
    model = arspec.compile(path)
    x = model.sample(2).float()
    assert torch.equal(model.log_prob(x), model.log_prob(x.long()))
    with pytest.raises(arspec.InputError, match=re.escape("(x * 4).round()")):
        model.log_prob(x / 4)
