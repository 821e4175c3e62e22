"""Trackers of runs: what they are told, that a run goes on in them where it goes on, and that none ends a training."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import arspec
from arspec.cli.main import main
from arspec.cli.train import add_arguments
from arspec.data import Examples
from arspec.language.load import from_text
from arspec.training import trackers
from tests.small import CHARS, refuses

HOW: dict[str, Any] = {"batch": 4, "log_every": 1, "eval_every": 2, "sample_every": 2, "samples": 1, "device": "cpu",
                       "tensorboard": False}  # fmt: skip


class Recorded:
    """A tracker that keeps what it is told. `fails`: at which call it raises."""

    def __init__(self, begun: trackers.Begun, told: list[tuple[Any, ...]], fails: int) -> None:
        self.key, self.told, self.fails = begun.known or begun.new, told, fails
        told.append(("begin", self.key, dict(begun.options)))

    def _tell(self, *what: Any) -> None:
        self.told.append(what)
        if len(self.told) == self.fails:
            raise ConnectionError("the network is gone\nfor good")

    def numbers(self, step: int, values: dict[str, float]) -> None:
        self._tell("numbers", step, values)

    def file(self, step: int, name: str, path: Path) -> None:
        assert path.is_file()
        self._tell("file", step, name, path.suffix)

    def close(self, finished: bool) -> None:
        self._tell("close", finished)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stands in for two trackers: what each is told; `fails` of either may be set."""
    kept: dict[str, Any] = {"wandb": [], "mlflow": [], "fails": {}}
    for name in ("wandb", "mlflow"):

        def begin(begun: trackers.Begun, name: str = name) -> Recorded:
            return Recorded(begun, kept[name], kept["fails"].get(name, 0))

        monkeypatch.setitem(sys.modules, f"stand_in_{name}", SimpleNamespace(begin=begin))  # type: ignore[arg-type]
        monkeypatch.setitem(trackers.TRACKERS, name, ("json", f"stand_in_{name}"))
    return kept


def examples(count: int = 12) -> Examples:
    x = np.random.default_rng(0).integers(97, 123, (count, 8))
    return Examples(x, {}, "letters", "", count)


def trained(folder: Path, **more: Any) -> Any:
    return arspec.train(from_text(CHARS), examples(), folder, valid=examples(3), **{**HOW, **more})


def test_a_tracker_is_told_of_a_run_and_of_its_going_on(told: dict[str, Any], tmp_path: Path) -> None:
    trained(tmp_path / "run", steps=2, log=["wandb"])
    (_, key, options), *rest = told["wandb"]
    assert options["steps"] == 2 and options["lr"] == 1e-3 and options["params.width"] == 12 and options["weights"] > 0
    assert [(what, step) for what, step, *_ in rest if what != "close"] == [
        ("numbers", 1), ("numbers", 2), ("numbers", 2), ("file", 2), ("file", 2),
    ]  # fmt: skip
    numbers = {**rest[1][2], **rest[2][2]}
    assert {"train_bits_per_dim", "valid_bits_per_dim", "learning_rate", "norm"} <= numbers.keys()
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert log[1]["train_bits_per_dim"] == numbers["train_bits_per_dim"]
    assert rest[3] == ("file", 2, "samples", ".txt") and rest[4] == ("file", 2, "surprise", ".png")
    assert rest[5:] == [("close", True)]
    told["wandb"].clear()
    trained(tmp_path / "run", steps=4, stop_after=1, samples=0, resume=True, log=["wandb", "mlflow"])
    assert told["wandb"][0][1] == key and told["wandb"][-1] == ("close", False)
    assert told["mlflow"][0][1] != key and told["mlflow"][1][:2] == ("numbers", 3)
    kept = json.loads((tmp_path / "run" / trackers.KEPT).read_text())
    assert kept == {"wandb": key, "mlflow": told["mlflow"][0][1]}


def test_a_tracker_that_fails_is_told_of_once_and_the_training_goes_on(told: dict[str, Any], tmp_path: Path) -> None:
    told["fails"] = {"wandb": 3}
    with pytest.warns(RuntimeWarning, match=r"^wandb fails \(the network is gone\); training goes on") as said:
        summary = trained(tmp_path / "run", steps=3, samples=0, log=["wandb", "mlflow"])
    assert summary.finished and len(said) == 1 and len(told["wandb"]) == 3
    assert told["mlflow"][-1] == ("close", True)


def test_a_tracker_that_does_not_begin_is_left_out(told: dict[str, Any], tmp_path: Path) -> None:
    def begin(_: trackers.Begun) -> Recorded:
        raise OSError

    sys.modules["stand_in_wandb"].begin = begin  # type: ignore[attr-defined]
    with pytest.warns(RuntimeWarning, match=r"wandb fails \(OSError\)"):
        assert trained(tmp_path / "run", steps=1, samples=0, log=["wandb"]).finished


def test_a_tracker_that_is_missing_is_told_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)
    out = tmp_path / "run"
    assert main(["train", "made", "--data", "nothing/there", "--out", str(out), "--log", "trackio"]) == 2
    assert "pip install 'arspec[trackio]'" in capsys.readouterr().err and not out.exists()
    refuses("AR808", lambda: trained(out, log=["wandbb"]), "did you mean 'wandb'")


def test_a_damaged_file_of_trackers_is_told_before_data_are_read(
    told: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    trained(folder, steps=1, samples=0)
    (folder / trackers.KEPT).write_text('{"wandb": ')
    assert trained(folder, steps=1, samples=0, resume=True).finished  # nothing asks for it
    monkeypatch.setattr("arspec.training.runs.proven", lambda *_: pytest.fail("it is too late"))
    refuses("AR814", lambda: trained(folder, steps=2, samples=0, resume=True, log=["wandb"]), "is damaged")
    assert main(["train", "--resume", "--out", str(folder), "--data", "nothing/there", "--log", "wandb"]) == 2
    said = capsys.readouterr().err
    assert "trackers.json is damaged" in said and f"help: {trackers.DAMAGED}" in said and not told["wandb"]


@pytest.mark.long
@pytest.mark.parametrize("name", [*trackers.TRACKERS])
def test_the_real_trackers_on_this_machine(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))  # which it reads when it is imported
    pytest.importorskip(trackers.TRACKERS[name][0])
    for variable in ("WANDB_MODE", "WANDB_PROJECT", "MLFLOW_TRACKING_URI", "TRACKIO_SPACE_ID"):
        monkeypatch.delenv(variable, raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages themselves
        warnings.filterwarnings("error", message=".*training goes on without it")
        trained(tmp_path / "run", steps=2, log=[name])
        before = json.loads((tmp_path / "run" / trackers.KEPT).read_text())
        trained(tmp_path / "run", steps=4, resume=True, log=[name])
    assert json.loads((tmp_path / "run" / trackers.KEPT).read_text()) == before
    written = {
        "wandb": tmp_path / "run" / "wandb",
        "mlflow": tmp_path / "run" / "mlflow",
        "trackio": tmp_path / "trackio",
    }
    found = b"".join(path.read_bytes() for path in written[name].rglob("*") if path.is_file())
    assert b"valid_bits_per_dim" in found or (name == "mlflow" and any(written[name].rglob("valid_bits_per_dim")))


def torchrun(*words: str, log: list[str], folder: Path, **environment: str) -> None:
    """Two processes that torchrun starts, which train a small model of the digits."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "arspec",
               "train", *words, "--device", "cpu", "--samples", "1"]  # fmt: skip
    command += [word for name in log for word in ("--tracker", name)]
    own = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **environment}
    done = subprocess.run(command, capture_output=True, text=True, env=own, cwd=folder, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "training goes on without it" not in done.stderr


@pytest.mark.long
def test_of_the_processes_that_torchrun_starts_one_speaks_with_the_real_trackers(tmp_path: Path) -> None:
    there = [name for name, (package, _) in trackers.TRACKERS.items() if find_spec(package)]
    log, place = ["tensorboard", *there], str(tmp_path / "trackio")
    first = ["made", "--data", "digits", "--set", "height=8", "--set", "width=8", "--set", "hidden=16", "--out", "run",
             "--steps", "2", "--batch", "8", "--limit", "16", "--limit-valid", "4"]  # fmt: skip
    torchrun(*first, log=log, folder=tmp_path, TRACKIO_DIR=place)
    run = tmp_path / "run"
    assert len(events := [*(run / "tensorboard").iterdir()]) == 1
    keys = json.loads((run / trackers.KEPT).read_text()) if there else {}
    assert keys.keys() == set(there)
    torchrun("--resume", "--out", "run", "--steps", "4", log=log, folder=tmp_path, TRACKIO_DIR=place)
    assert len([*(run / "tensorboard").iterdir()]) == 2 and events[0].exists()
    steps = [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(steps) and steps[-1] == 4
    assert not there or json.loads((run / trackers.KEPT).read_text()) == keys
    if "wandb" in there:  # a folder for each part of the run, of one name
        parts = [path.name for path in (run / "wandb").iterdir() if path.name.startswith("offline-run-")]
        assert len(parts) == 2 and all(part.endswith(keys["wandb"]) for part in parts)
    if "mlflow" in there:
        assert [path.parent.name for path in (run / "mlflow").rglob("metrics")] == [keys["mlflow"]]
        (norms,) = (run / "mlflow").rglob("norm")
        assert [int(line.split()[2]) for line in norms.read_text().splitlines()] == [2, 4]
    if "trackio" in there:
        (kept,) = (tmp_path / "trackio").glob("*.db")
        with sqlite3.connect(kept) as base:
            assert {name for (name,) in base.execute("SELECT DISTINCT run_name FROM metrics")} == {keys["trackio"]}


def test_torchrun_takes_no_option_of_train_for_its_own() -> None:
    """It looks among all words for its own options, and for what may be short for several of them."""
    from torch.distributed.run import get_args_parser

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    others = get_args_parser()
    for action in parser._actions:
        if action.option_strings and "--help" not in action.option_strings:
            free = [name for name in action.option_strings if not others._get_option_tuples(name)]
            assert free, action.option_strings  # one of its names at least
