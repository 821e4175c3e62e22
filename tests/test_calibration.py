"""Calibration: perfect where data are drawn from the model itself, and seen to be off where they are not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from test_probability import every_tiny, everything, tiny
from torch import Tensor

from arspec.cli.main import main
from arspec.scoring import calibrate
from arspec.scoring.calibration import Reliability
from arspec.training.evaluation import evaluate


@every_tiny
def test_a_model_is_calibrated_to_its_own_samples(name: str) -> None:
    model = tiny(name)
    found = calibrate(model, model.sample(3000, seed=4), members=1)
    assert found.likeliest.error < 0.03 and found.levels.error < 0.02
    assert found.pit_distance < 0.02
    assert found.nats == pytest.approx(found.expected, rel=0.03)
    assert found.likeliest.count.sum() * np.mean(model.spec.data.channel_levels) == found.levels.count.sum()


@every_tiny
def test_the_figures_are_those_of_the_distribution(name: str) -> None:
    """Over all examples, each weighed once: the transform and the entropies by another way."""
    model = tiny(name)
    x = everything(model)[::3]
    found = calibrate(model, x, members=1)
    with torch.no_grad():
        total = -float(model.log_prob(x).sum()) / x.numel()
    assert found.nats == pytest.approx(total)
    assert found.pit.sum() == pytest.approx(len(found.pit))


def test_confident_predictions_are_found_out() -> None:
    """Logits multiplied by three claim more than happens."""
    model = tiny("categorical vector")
    x = model.sample(2000, seed=4)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "logits" in name:
                weight.mul_(3)
    found = calibrate(model, x)
    assert found.likeliest.error > 0.1 and found.pit_distance > 0.03
    assert found.nats > found.expected * 1.2


def test_the_error_is_the_mean_gap() -> None:
    table = Reliability(np.array([30.0, 0, 10]), np.array([0.1, np.nan, 0.9]), np.array([0.2, np.nan, 0.5]))
    assert table.error == pytest.approx((30 * 0.1 + 10 * 0.4) / 40)


def test_pit_of_a_fair_coin() -> None:
    """A head that is uniform over its levels: the transform of level a is uniform between a / L and (a + 1) / L."""
    model = tiny("mixture image")

    class Uniform(type(model.graph.head)):  # type: ignore[misc]
        def conditionals(self, support: object, parameters: Tensor, value: Tensor, channel: int) -> Tensor:
            return torch.full((*parameters.shape[:-1], 4), 0.25, dtype=torch.float64).log()

    model.graph.head = Uniform.model_construct(**model.graph.head.__dict__)
    found = calibrate(model, torch.full((2, 1, 2, 2), 2))
    assert found.pit.tolist() == pytest.approx([0] * 10 + [4] * 5 + [0] * 5)
    assert found.pit_distance == pytest.approx(0.5)


def test_eval_prints_calibration_and_orders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = [part for s in ("height=8", "width=8", "hidden=16", "members=2") for part in ("--set", s)]
    command = [
        "eval",
        "specs/made.yaml",
        *size,
        "--data",
        "digits",
        "--limit",
        "40",
        "--calibrate",
        "20",
        "--device",
        "cpu",
    ]
    assert main([*command, "--plot", str(tmp_path / "a.png")]) == 0
    told = capsys.readouterr().out
    assert "2 members averaged" in told and "one alone" in told and "calibration error" in told
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert main([*command, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["calibration"]["examples"] == 20 and len(record["calibration"]["pit"]) == 20
    assert main([*command, "--calibrate", "0", "--plot", str(tmp_path / "b.png")]) == 2
    assert main([*command, "--plot", str(tmp_path / "b.bmp")]) == 2


def test_averaged_orders_are_at_least_as_likely_as_one() -> None:
    from arspec.data import Examples

    model = tiny("categorical family")
    x = everything(model).numpy()
    found = evaluate(model, Examples(x, {}, "all", "", len(x)))
    with torch.no_grad():
        each = [-float(model.log_prob(torch.from_numpy(x), m).mean()) for m in range(model.members)]
        together = -float(model.mean_log_prob(torch.from_numpy(x)).mean())
    assert found.one_member_nats == pytest.approx(np.mean(each))
    assert found.nats < found.one_member_nats
    assert found.nats == pytest.approx(together)
