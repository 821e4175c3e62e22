"""Weights that are read: real, finite and of the model, or a message that names the tensor."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile import QUICK, data_of, model_of
from safetensors.torch import save_file
from torch import Tensor

from arspec.diagnostics import InputError
from arspec.saving.tensors import read_tensors, weights_of
from arspec.training import train
from arspec.training.checkpoint import MODEL, STATE, load_model, read_state, save_model
from arspec.training.optimizer import fill_optimizer, make_optimizer

NAME = "nodes.hidden.weight"


def _with(folder: Path, change: Any) -> Path:
    """A run folder whose tensor NAME has been changed."""
    model = model_of(folder)
    save_model(model, folder / "run")
    tensors: dict[str, Tensor] = {name: weight.detach().clone() for name, weight in weights_of(model).items()}
    assert NAME in tensors
    tensors[NAME] = change(tensors[NAME])
    save_file(tensors, folder / "run" / MODEL)
    return folder / "run"


def _one(value: float) -> Any:
    def change(weight: Tensor) -> Tensor:
        weight.view(-1)[-1] = value
        return weight

    return change


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_refused_by_name(value: float, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"AR870.*{NAME}"):
        load_model(_with(tmp_path, _one(value)), "cpu")


def test_weights_beyond_the_precision_of_the_model_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"AR870.*{NAME}"):
        load_model(_with(tmp_path, lambda weight: _one(1e300)(weight.double())), "cpu")


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int64, torch.bool, torch.uint8])
def test_weights_of_another_type_are_refused_by_name(dtype: torch.dtype, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"AR801.*another type \({NAME} {str(dtype)[6:]} for float32"):
        load_model(_with(tmp_path, lambda weight: weight.to(dtype)), "cpu")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_another_precision_are_read(dtype: torch.dtype, tmp_path: Path) -> None:
    assert load_model(_with(tmp_path, lambda weight: weight.to(dtype)), "cpu").sample(1, seed=0).shape == (1, 1, 4, 4)


def test_numbers_whose_sum_overflows_are_finite(tmp_path: Path) -> None:
    load_model(_with(tmp_path, lambda weight: torch.full_like(weight, torch.finfo(torch.float32).max)), "cpu")


@pytest.mark.parametrize(
    "record", ["[1]", "[" * 100_000, '{"step": "3"}', '{"step": -1}', '{"step": 1, "options": []}']
)
def test_a_state_without_its_record_is_refused(record: str, tmp_path: Path) -> None:
    save_file({"weights/a": torch.zeros(1)}, tmp_path / STATE, metadata={"arspec": record})
    with pytest.raises(InputError, match=r"AR8(02|14)"):
        read_state(tmp_path / STATE)


def test_a_state_with_a_stray_tensor_is_refused(tmp_path: Path) -> None:
    save_file({"stray": torch.zeros(1)}, tmp_path / STATE, metadata={"arspec": json.dumps({"step": 1})})
    with pytest.raises(InputError, match="AR814"):
        read_state(tmp_path / STATE)


def test_the_state_of_another_optimiser_is_refused(tmp_path: Path) -> None:
    """By name, by shape, where a part is missing, and where a number is not finite."""
    model, whole = model_of(tmp_path), train_little(tmp_path)
    state = read_state(whole / STATE)[0]["optimizer"]
    name = f"{NAME}/exp_avg"
    fill_optimizer(make_optimizer(QUICK, model), model, state, "x")
    wrong = (
        {**state, "stray/exp_avg": state[name]},
        {**state, name: state[name][1:]},
        {key: value for key, value in state.items() if key != name},
        {**state, name: state[name] * math.nan},
    )
    for each in wrong:
        with pytest.raises(InputError, match=r"AR801|AR870"):
            fill_optimizer(make_optimizer(QUICK, model), model, each, "x")


def train_little(folder: Path) -> Path:
    train(model_of(folder), data_of(folder)[1], None, folder / "run", QUICK, device="cpu", tensorboard=False)
    return folder / "run"


def test_training_that_has_diverged_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    """Also where no line of the log would have told it."""
    model, (_, examples) = model_of(tmp_path), data_of(tmp_path)
    quiet = replace(QUICK, log_every=0)
    train(model, examples, None, tmp_path / "run", quiet, device="cpu", tensorboard=False, stop_after=2)
    before = read_tensors(tmp_path / "run" / STATE)[0]
    step = torch.optim.AdamW.step

    def diverging(self: torch.optim.AdamW, *given: Any) -> Any:
        step(self, *given)
        with torch.no_grad():
            self.param_groups[0]["params"][0].fill_(math.nan)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", diverging)
        with pytest.raises(InputError, match=r"AR818.*step 4.*diverged"):
            train(
                model_of(tmp_path),
                examples,
                None,
                tmp_path / "run",
                quiet,
                device="cpu",
                tensorboard=False,
                resume=True,
            )
    after = read_tensors(tmp_path / "run" / STATE)[0]
    assert all(torch.equal(before[name], after[name]) for name in before)
