"""What a person who writes Python gives: paths for specs, arrays and lists for tensors,
the folder of a run for a model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import arspec
from arspec.training import save_model

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
