"""A run that goes on: it needs no flag again, and what contradicts it is refused or takes effect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arspec
from arspec.cli.main import main
from arspec.diagnostics import InputError
from arspec.saving.tensors import read_tensors, write_tensors
from arspec.training.checkpoint import read_progress

SPEC = """
arspec: 1
name: little
data: {kind: vector, size: 12, levels: 4}
params: {units: 16}
graph:
  inner: {layer: dense, from: x, units: $units, mask: so_far}
  bent: {layer: relu}
  logits: {layer: dense, out: $head, mask: earlier}
head: {kind: categorical, from: logits}
"""
HOW = ["--batch", "8", "--lr", "0.02", "--schedule", "exponential", "--ema", "0.5", "--seed", "3", "--samples", "0",
       "--mutate",
       "0.1", "--clip", "0.7", "--save-every", "2", "--limit", "30", "--set", "units=8"]  # fmt: skip
QUIET = ["--device", "cpu", "--quiet", "--no-tensorboard"]


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec, data, and a run that was left after two of five steps."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SPEC)
    numbers = np.random.default_rng(0)
    np.savez("x.npz", x_train=numbers.integers(0, 4, (40, 12)), x_valid=numbers.integers(0, 4, (8, 12)))
    assert train("run", *START, "--steps", "5", "--stop-after", "2") == 0
    return tmp_path


START = ["s.yaml", "--data", "x.npz", *HOW]


def train(out: str, *more: str) -> int:
    return main(["train", "--out", out, *QUIET, *more])


def resumed(*more: str) -> int:
    return train("run", "--resume", *more)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_a_run_goes_on_by_its_folder_alone(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert resumed("--stop-after", "1") == 0
    assert "arspec train --resume --out run goes on" in capsys.readouterr().out
    assert resumed() == 0
    assert train("whole", *START, "--steps", "5") == 0
    for name in ("model.safetensors", "state.safetensors"):
        assert Path("run", name).read_bytes() == Path("whole", name).read_bytes()


def test_what_may_differ_takes_effect_and_is_told(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.npz").rename("y.npz")
    assert resumed() == 2
    assert "AR803" in told(capsys)
    assert resumed("--data", "y.npz", "--steps", "7", "--limit-valid", "4", "--json") == 0
    said = capsys.readouterr()
    assert "steps 7, no longer 5" in said.err and "data y.npz, no longer x.npz" in said.err
    summary = json.loads(said.out)
    assert (summary["steps"], summary["data"], summary["valid"]["examples"]) == (7, "y.npz", 4)
    assert read_progress(Path("run/state.safetensors"))["source"] == {"data": "y.npz", "limit": 30, "limit_valid": 4}
    assert resumed("--steps", "8", "--set", "units=8") == 0


@pytest.mark.parametrize(("given", "message"), [
    (["--lr", "0.01"], "lr 0.02, not 0.01"), (["--batch", "4"], "batch 8, not 4"),
    (["--limit", "20"], "--limit 30, not with --limit 20"),
    (["--seed", "4"], "seed 3, not 4"), (["--set", "units=9"], "another spec or other params"),
    (["s.yaml"], "another spec or other params"),
    (["--compile"], "compile False, not True"),
])  # fmt: skip
def test_what_contradicts_the_run_is_refused(
    given: list[str], message: str, begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert resumed(*given) == 2
    said = told(capsys)
    assert "AR814" in said and message in said


def test_what_a_start_needs_is_told(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"required: SPEC, --data\n": [], "required: --data\n": ["s.yaml"], "required: SPEC\n": ["--data", "x.npz"]}
    for message, arguments in given.items():
        assert train("other", *arguments) == 2
        assert message in told(capsys)
    for spec, data in ((None, None), ("s.yaml", None), (None, "x.npz")):
        with pytest.raises(InputError, match="a run that starts needs a spec and data"):
            arspec.train(spec, data, "other")
    assert main(["train", "s.yaml"]) == 2
    assert "required: --data, -o/--out\n" in told(capsys)
    assert train("other", "--resume") == 2
    assert "AR814" in told(capsys) and not Path("other").exists()


def rewritten(change: dict[str, Any]) -> None:
    """The state of the run with another record."""
    path = Path("run/state.safetensors")
    tensors, record = read_tensors(path)
    write_tensors(path, tensors, {key: value for key, value in {**record, **change}.items() if value is not None})


def test_a_run_of_an_earlier_version_needs_its_data_once_more(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewritten({"source": None})
    assert resumed() == 2
    assert "AR808" in (said := told(capsys)) and "--data NAME" in said
    assert resumed("--data", "x.npz", "--limit", "30") == 0


@pytest.mark.parametrize("change", [
    {"options": 3}, {"options": {"lr": "much"}}, {"options": {"steps": -1}}, {"options": {"steps": True}},
    {"source": []},
    {"source": {"data": 3}}, {"source": {"limit": -1}}, {"step": "two"},
])  # fmt: skip
def test_a_damaged_record_is_told(change: dict[str, Any], begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewritten(change)
    assert resumed() == 2
    assert "error[AR8" in told(capsys)
