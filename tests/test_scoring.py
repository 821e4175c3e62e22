"""Scores: of the model they are computed from, and told apart as another library tells them."""

from __future__ import annotations

import csv
import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from arspec.cli.main import main
from arspec.diagnostics import InputError
from arspec.language.load import from_text, load
from arspec.scoring import CODECS, auroc, compressed_bits, curve, score
from arspec.scoring.complexity import default_codec
from arspec.training.batches import mutated
from arspec.verification.subject import random_conditions
from tests.small import every_spec, random_data, randomised, shared, small

SIZE = {"height": 8, "width": 8, "channels": 1, "levels": 17, "features": 8, "layers": 1, "kernel": 3}
SETTINGS = [part for name, value in SIZE.items() for part in ("--set", f"{name}={value}")]


def test_auroc_is_what_scikit_learn_gives() -> None:
    from sklearn.metrics import roc_auc_score  # takes two seconds to import

    random = np.random.default_rng(0)
    for levels in (3, 10_000):  # with many ties, and hardly any
        inside, outside = random.integers(levels, size=300) / levels, random.integers(levels, size=200) / levels + 0.1
        label = np.repeat([0, 1], [300, 200])
        assert auroc(inside, outside) == pytest.approx(roc_auc_score(label, np.concatenate([inside, outside])))
    false, hits = curve(inside, outside)
    assert (false[0], hits[0], false[-1], hits[-1]) == (0, 0, 1, 1)
    assert (np.diff(false) >= 0).all() and (np.diff(hits) >= 0).all()
    assert auroc(np.zeros(3), np.zeros(4)) == 0.5 and auroc(np.zeros(3), np.ones(4)) == 1


@every_spec
def test_scores_are_of_the_model(path: Path) -> None:
    model = shared(path)
    x, given = random_data(model, 3), random_conditions(model, 0, 3)
    found = model.score(x, batch=2, background=model, typical=5.0, **given)
    with torch.no_grad():
        bits = -model.mean_log_prob(x, **given).numpy() / math.log(2)
    np.testing.assert_allclose(found.bits, bits)
    np.testing.assert_allclose(found.bits_per_dim, bits / model.spec.data.dimensions)
    np.testing.assert_allclose(found.of["likelihood ratio"], 0, atol=1e-9)
    np.testing.assert_allclose(found.of["typicality"], np.abs(bits - 5))
    np.testing.assert_allclose(found.of["input complexity"], bits - found.compressed)
    assert found.heat.shape == (3, *model.graph.data.out.grid)
    if model.members == 1:
        np.testing.assert_allclose(found.heat.reshape(3, -1).sum(1), bits, rtol=1e-4)


def test_a_heat_map_has_each_variable_at_its_place() -> None:
    model = randomised(load("specs/pixelcnn_pp.yaml", {"height": 8, "width": 8, "filters": 4, "resnets": 1}))
    x = random_data(model, 2)
    with torch.no_grad():
        nats = model.log_probs(x)
    assert model.score(x).places[1, 0, 5, 3] == pytest.approx(-float(nats[1, 5 * 8 + 3]) / math.log(2), rel=1e-4)


@pytest.mark.parametrize("codec", CODECS)
def test_flat_pictures_are_short(codec: str) -> None:
    data = from_text_data("kind: image, height: 16, width: 16, channels: 3, levels: 256")
    noise = np.random.default_rng(0).integers(256, size=(2, 3, 16, 16))
    flat = np.zeros_like(noise)
    assert (compressed_bits(flat, data, codec) * 3 < compressed_bits(noise, data, codec)).all()
    if codec == "zlib":
        assert compressed_bits(noise, data, codec)[0] == 8 * len(zlib.compress(noise[0].astype(np.uint8).tobytes(), 9))


def test_what_is_no_picture_is_compressed_as_bytes() -> None:
    text = from_text_data("kind: sequence, length: 16, levels: 300")
    assert default_codec(text) == "zlib"
    x = np.random.default_rng(0).integers(300, size=(2, 16))
    assert (compressed_bits(x, text, "zlib") > 16 * 8).all()
    with pytest.raises(InputError, match="png holds pictures"):
        compressed_bits(x, text, "png")
    with pytest.raises(InputError, match="no codec"):
        compressed_bits(x, text, "pngg")
    assert default_codec(from_text_data("kind: image, height: 4, width: 4, levels: 2")) == "png"


def from_text_data(data: str) -> Any:
    from test_probability import CONVOLUTIONS, SPEC, STEPS

    steps = "sequence" in data
    text = SPEC.format(data=f"{{{data}}}", order="{scan: natural}" if steps else "{scan: raster}",
                       graph=(STEPS if steps else CONVOLUTIONS).format(), head="kind: categorical")  # fmt: skip
    return from_text(text).data


def test_mutation_replaces_a_share() -> None:
    x = np.full((50, 1, 8, 8), 3, np.int64)
    changed = mutated(x, 0.4, (1000,), [1, 2])
    assert 0.35 < (changed != x).mean() < 0.45 and changed.max() < 1000
    assert (changed == mutated(x, 0.4, (1000,), [1, 2])).all() and (changed != mutated(x, 0.4, (1000,), [1, 3])).any()
    assert mutated(x, 0, (17,), [0]) is x
    parts = mutated(np.full((50, 2, 8, 8), 1, np.int64), 0.4, (2, 1000), [1, 2])  # each channel has its own levels
    assert parts[:, 0].max() == 1 and parts[:, 1].max() > 100


def test_faults() -> None:
    model = randomised(load("specs/gated_pixelcnn.yaml", SIZE))
    other = randomised(load("specs/gated_pixelcnn.yaml", {**SIZE, "levels": 16}))
    with pytest.raises(InputError) as caught:
        score(model, random_data(model, 2), background=other)
    assert caught.value.code == "AR804"
    with pytest.raises(InputError) as caught:
        score(model, random_data(model, 0))
    assert caught.value.code == "AR803"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = [
        "train",
        "specs/gated_pixelcnn.yaml",
        *SETTINGS,
        "--data",
        "digits",
        "--steps",
        "30",
        "--quiet",
        "--samples",
        "0",
    ]
    train += ["--no-tensorboard", "--device", "cpu", "--limit-valid", "8", "--batch", "32", "--lr", "1e-2"]
    assert main([*train, "--out", str(tmp_path / "model")]) == 0
    assert main([*train, "--out", str(tmp_path / "background"), "--mutate", "0.5"]) == 0
    noise = np.random.default_rng(0).integers(17, size=(40, 1, 8, 8))
    np.savez(tmp_path / "noise.npz", x_test=noise)
    capsys.readouterr()
    out = tmp_path / "scores"
    command = [
        "score",
        str(tmp_path / "model"),
        "--data",
        "digits",
        "--against",
        str(tmp_path / "noise.npz"),
        "--limit",
        "60",
    ]
    command += ["--background", str(tmp_path / "background"), "--device", "cpu", "-o", str(out)]
    assert main([*command, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["auroc"]["likelihood"] == [1.0] and len(summary["auroc"]) == 5
    assert [one["examples"] for one in summary["sets"]] == [60, 40]
    for one in summary["sets"]:
        assert one.keys() - {"name", "examples"} == summary["units"].keys()
        assert one["likelihood"] == pytest.approx(64 * one["bits_per_dim"])  # of 8 by 8 numbers
    assert summary["units"]["likelihood"] == "bits for each example"
    assert summary["units"]["bits_per_dim"] == "bits for each number"
    rows = list(csv.DictReader((out / "scores.csv").read_text().splitlines()))
    assert len(rows) == 100 and float(rows[0]["bits"]) > 0
    assert {"input_complexity", "likelihood_ratio"} <= rows[0].keys() and all(map(str.isidentifier, rows[0]))
    assert json.loads((out / "summary.json").read_text()) == summary
    for name in ("heat.png", "histogram.png", "roc.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "AUROC" in told and "compressed length alone" in told and "input complexity (png)" in told
    assert main(["score", str(tmp_path / "model"), "--data", "digits", "--limit", "4", "--codec", "xz"]) == 0
    assert "AUROC" not in capsys.readouterr().out
    assert main(["score", str(tmp_path / "model"), "--data", "digits", "--against", "digits"]) == 2
    assert "given twice" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["made", "char_rnn", "pixelcnn_pp"])
def test_heat_maps_of_every_kind_of_data(name: str, tmp_path: Path) -> None:
    from arspec.pictures.heat import draw_heat

    model = randomised(small(Path("specs") / f"{name}.yaml"))
    x = random_data(model, 3)
    draw_heat(tmp_path / "heat.png", {"a": (x.numpy(), model.score(x).heat), "b": (x.numpy(), model.score(x).heat)},
              model.spec.data)  # fmt: skip
    assert (tmp_path / "heat.png").stat().st_size > 1000
