"""A run folder holds its spec as written and what was set from outside: all else follows anew,
as it does from the spec."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from arspec.cli.main import main
from arspec.diagnostics import InputError
from arspec.language.load import Spec, load
from arspec.model import Model, build
from arspec.saving.spec_file import check_same_spec, read_spec, write_spec
from arspec.training import load_model, save_model

ROOT = Path(__file__).parent.parent
EARLIER = Path(__file__).parent / "fixtures" / "earlier"
CHARS = {"width": 8, "layers": 1, "levels": 8}
WAVES = {"layers": 3, "cycle": 3, "residual": 4, "skip": 4, "speakers": 1}


def saved(spec: Spec, folder: Path) -> Spec:
    folder.mkdir(exist_ok=True)
    write_spec(spec, folder)
    return read_spec(folder)


def as_earlier(spec: Spec, folder: Path) -> None:
    """Puts the whole data section into the settings, as earlier versions did."""
    path = folder / "spec.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "data": spec.data.model_dump(mode="json")}, indent=2) + "\n")


def values(spec: Spec) -> dict[str, Any]:
    """The data section."""
    return spec.data.model_dump()


def drawn(model: Any, steps: int) -> torch.Tensor:
    given = {name: torch.zeros(1, dtype=torch.long) for name in model.spec.condition}
    return torch.cat(list(model.stream(1, steps=steps, seed=3, **given)), 1)


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize(("name", "own"), [("char_rnn", CHARS), ("wavenet", WAVES)])
@pytest.mark.parametrize("length", [16, 32, 50, 65, 96])
def test_a_run_streams_as_its_spec_does(
    name: str, own: dict[str, Any], length: int, earlier: bool, tmp_path: Path
) -> None:
    spec = load(ROOT / "specs" / f"{name}.yaml", {**own, "length": length})
    model = build(spec, seed=1)
    save_model(model, tmp_path)
    if earlier:
        as_earlier(spec, tmp_path)
    run: Any = load_model(tmp_path, "cpu")
    assert values(run.spec) == values(spec) and run.spec.changes == {}
    assert run.spec.variant(params={"length": 70}).data.length == 70
    assert torch.equal(drawn(run, 200), drawn(model.eval(), 200))


def test_what_was_set_from_outside_stays(tmp_path: Path) -> None:
    spec = load(ROOT / "specs" / "char_rnn.yaml", CHARS, {"content": "tokens", "length": 50})
    run = saved(spec, tmp_path / "run")
    assert run.changes == {"content": "tokens", "length": 50} and run.params == spec.params
    assert run.variant(params={"length": 70}).data.length == 50, "the length was set beside its parameter"
    as_earlier(spec, tmp_path / "run")
    assert read_spec(tmp_path / "run").changes == {"content": "tokens"}
    assert json.loads((tmp_path / "run" / "spec.json").read_text())["params"] == CHARS


def test_a_spec_that_needs_what_was_set(tmp_path: Path) -> None:
    text = (ROOT / "specs" / "char_rnn.yaml").read_text().replace("length: 50", "length: 0")
    (tmp_path / "x.yaml").write_text(text)
    spec = load(tmp_path / "x.yaml", CHARS, {"length": 12})
    assert saved(spec, tmp_path / "run").data.length == 12
    as_earlier(spec, tmp_path / "run")
    assert values(read_spec(tmp_path / "run")) == values(spec)


@pytest.mark.parametrize("earlier", [False, True])
def test_a_run_goes_on_with_the_same_spec_alone(earlier: bool, tmp_path: Path) -> None:
    spec = load(ROOT / "specs" / "char_rnn.yaml", CHARS, {"length": 40})
    saved(spec, tmp_path / "run")
    if earlier:
        as_earlier(spec, tmp_path / "run")
    check_same_spec(spec, tmp_path / "run")
    for params, data in ((CHARS, {}), ({**CHARS, "width": 9}, {"length": 40}), ({**CHARS, "length": 40}, {})):
        with pytest.raises(InputError, match=r"spec\.json differs") as told:
            check_same_spec(load(ROOT / "specs" / "char_rnn.yaml", params, data), tmp_path / "run")
        assert told.value.code == "AR814"


@pytest.mark.parametrize(("name", "param"), [("chars", {"length": 100}), ("sound", {"frames": 25})])
def test_earlier_runs_have_any_length(name: str, param: dict[str, int], tmp_path: Path) -> None:
    model: Any = load_model(EARLIER / "runs" / name, "cpu")
    assert model.spec.changes == {} and model.spec.variant(params=param).data.length == 100
    longer = Model(model.spec.variant(params=param))
    longer.load_state_dict(model.state_dict())
    whole = longer.double().eval().sample(1, seed=3, method="once")
    assert torch.equal(drawn(model.double(), 100), whole)
    out = tmp_path / "x.npy"
    assert main(["sample", str(EARLIER / "runs" / name), "--length", "100", "--device", "cpu", "-o", str(out)]) == 0
    assert np.load(out).shape == (1, 100)


def test_an_earlier_run_is_written_anew_when_it_goes_on(tmp_path: Path) -> None:
    shutil.copytree(EARLIER / "runs" / "digits", tmp_path / "run")
    model: Any = load_model(tmp_path / "run", "cpu")
    check_same_spec(model.spec, EARLIER / "runs" / "digits")
    save_model(model, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "spec.json").read_text())["data"] == {}
    assert values(read_spec(tmp_path / "run")) == values(model.spec)
