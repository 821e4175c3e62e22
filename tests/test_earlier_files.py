"""Run folders and containers that an earlier version wrote: they open, and give what they gave then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from arspec.cli.main import main
from arspec.saving.tensors import read_tensors
from arspec.training import load_model

HERE = Path(__file__).parent / "fixtures" / "earlier"
VALUES: dict[str, Any] = json.loads((HERE / "expected" / "values.json").read_text())
RUNS = ("chars", "digits", "sound")
FILES = {
    "pictures": ("digits", ("grey.png", "grey.pgm")),
    "array": ("digits", ("array.npy",)),
    "sound": ("sound", ("sound.wav",)),
    "codes": ("sound", ("codes.npy",)),
    "text": ("chars", ("text.txt",)),
}


def conditions(model: Any, count: int) -> dict[str, Tensor]:
    return {name: torch.arange(count) % section.classes for name, section in model.spec.condition.items()}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_scores_and_samples_as_it_did(name: str) -> None:
    model: Any = load_model(HERE / "runs" / name, "cpu").double()
    x = torch.tensor(VALUES[name]["x"])
    given = conditions(model, len(x))
    wanted = torch.tensor(VALUES[name]["log_prob"], dtype=torch.float64)
    torch.testing.assert_close(model.log_prob(x, **given), wanted, rtol=1e-9, atol=1e-9)
    assert torch.equal(model.sample(len(x), seed=5, **given), x)


@pytest.mark.parametrize("name", RUNS)
def test_the_commands_take_a_run(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = {"digits": "digits", "chars": HERE / "files/text.txt", "sound": HERE / "files/sound.wav"}[name]
    run = str(HERE / "runs" / name)
    assert main(["eval", run, "--data", str(data), "--limit", "4", "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["nats"] == pytest.approx(VALUES[name]["nats"], rel=1e-5)
    label = ["--condition", "label=3"] if name == "digits" else []
    assert main(["sample", run, "-n", "2", *label, "--device", "cpu", "-o", str(tmp_path / "x.npy")]) == 0
    assert np.load(tmp_path / "x.npy").shape[0] == 2


@pytest.mark.parametrize("name", FILES)
def test_a_container_gives_its_files_back(name: str, tmp_path: Path) -> None:
    run, files = FILES[name]
    container = str(HERE / "containers" / f"{name}.ars")
    assert main(["decompress", str(HERE / "runs" / run), container, "-o", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)
    for file in files:
        if file.endswith(".png"):  # the same pixels were promised
            restored, original = (np.asarray(Image.open(p)) for p in (tmp_path / file, HERE / "files" / file))
            assert np.array_equal(restored, original) and restored.dtype == original.dtype
        else:
            assert (tmp_path / file).read_bytes() == (HERE / "files" / file).read_bytes()


def test_a_run_is_resumed_as_if_it_had_not_been_left(tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(HERE / "runs" / "digits", run)
    own = ["--set", "height=8", "--set", "shades=17", "--set", "features=4", "--limit", "64", "--limit-valid", "16"]
    how = ["--steps", "6", "--ema", "0.5", "--batch", "8", "--precision", "float64", "--samples", "0"]
    more = ["--device", "cpu", "--no-tensorboard", "--quiet", "--log-every", "0", "--resume"]
    spec = str(HERE / "specs" / "digits.yaml")
    assert main(["train", spec, "--data", "digits", "--out", str(run), *own, *how, *more]) == 0
    found, _ = read_tensors(run / "model.safetensors")
    wanted, _ = read_tensors(HERE / "expected" / "resumed.safetensors")
    assert found.keys() == wanted.keys()
    for key in wanted:
        torch.testing.assert_close(found[key], wanted[key], rtol=1e-9, atol=1e-12)


def test_a_run_is_not_resumed_with_other_params(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    shutil.copytree(HERE / "runs" / "digits", run)
    own = ["--set", "height=8", "--set", "shades=17", "--set", "features=5"]
    spec = str(HERE / "specs" / "digits.yaml")
    assert main(["train", spec, "--data", "digits", "--out", str(run), *own, "--resume", "--device", "cpu"]) == 2
    assert "AR814" in capsys.readouterr().err
