"""An installation: specs by their names, the digits that ship, what is done without, and what the wheel holds."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arspec
from arspec.cli.main import main
from arspec.diagnostics import InputError
from arspec.extras import EXTRAS
from arspec.language import shipped as by_name
from arspec.saving.spec_file import read_spec, write_spec
from tests.folders import gpt2_folder
from tests.small import ROOT, SHIPPED

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MINE = "arspec: 1\nname: mine\nextends: gpt\nparams: {layers: 1}\n"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a file, in which commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- specs by name ---------------------------------------------------------------------------------------------------


def test_list_shows_the_shipped_specs_from_any_folder(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    files = [row["file"] for row in json.loads(capsys.readouterr().out)]
    assert files == [str(path) for path in SHIPPED]
    (empty / "specs").mkdir()
    (empty / "specs" / "mine.yaml").write_text(MINE)
    assert main(["list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["file"] for row in rows] == [*files, "specs/mine.yaml"]


def test_list_cuts_descriptions_between_words(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about = " ".join(f"word{number}-of-it" for number in range(40))
    (empty / "long.yaml").write_text(f"{MINE}about: {about}\n")
    (empty / "short.yaml").write_text(f"{MINE}about: a few words\n")
    assert main(["list", "long.yaml", "short.yaml"]) == 0
    long, short = (line.strip() for line in capsys.readouterr().out.splitlines()[1::2])
    assert len(long) <= 110 and long.endswith(" ...") and short == "a few words"
    assert long.removesuffix(" ...").split() == about.split()[: len(long.split()) - 1]


@pytest.mark.parametrize("name", ["pixelrnn_row", "pixelrnn-row", Path("pixelrnn_row")])
def test_a_shipped_spec_is_taken_by_its_name(name: str | Path, empty: Path) -> None:
    spec = arspec.load(name, params={"layers": 1})
    assert spec.source.name == str(ROOT / "specs" / "pixelrnn_row.yaml") and spec.params["layers"] == 1


def test_commands_take_a_name_and_say_which_file_it_is(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "made", "--static", "--contexts", "none"]) == 0
    assert f"({ROOT / 'specs' / 'made.yaml'})" in capsys.readouterr().out
    assert main(["render", "made", "-o", "made.dot"]) == 0 and (empty / "made.dot").exists()
    small = ["--set", "hidden=8", "--set", "members=1"]
    assert main(["sample", "made", "-n", "1", "-o", "x.npy", "--device", "cpu", *small]) == 0
    assert f"{ROOT / 'specs' / 'made.yaml'} is a spec" in capsys.readouterr().err


@pytest.mark.parametrize("own", ["gpt", "gpt.yaml", "gpt.yml"])
def test_a_file_of_the_name_wins(own: str, empty: Path) -> None:
    (empty / own).write_text(MINE)
    spec = arspec.load("gpt")
    assert spec.name == "mine" and spec.source.name == own


def test_a_folder_of_the_name_holds_a_model_and_no_spec(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty / "made").mkdir()
    assert arspec.load("made").name == "made"
    assert main(["sample", "made", "-o", "x.npy"]) == 2
    assert "AR802" in capsys.readouterr().err


def test_a_name_that_nothing_has_is_told_with_the_nearest(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    eval_ = ["eval", "wavenets", "--data", "digits"]
    for command, code in ((["verify", "wavenets"], "AR900"), (eval_, "AR802"), (["list", "wavenets"], "AR900")):
        assert main(command) == 2
        said = capsys.readouterr().err
        assert code in said and "did you mean 'wavenet'" in said
    assert main(["verify", "specs/wavenet.yaml"]) == 2
    assert "arspec ships a spec of this name: write wavenet" in capsys.readouterr().err


def test_a_spec_extends_a_shipped_one_and_its_run_stands_alone(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty / "gpt.yaml").write_text(MINE)  # it does not mean itself
    spec = arspec.load("gpt.yaml")
    assert spec.params["layers"] == 1 and arspec.verify(spec, static=True).ok
    write_spec(spec, empty / "run")
    monkeypatch.setattr(by_name, "shipped", dict[str, Path])
    assert read_spec(empty / "run").data == spec.data
    with pytest.raises(InputError, match="AR112"):
        arspec.load("gpt.yaml")


# -- digits ----------------------------------------------------------------------------------------------------------


def test_the_digits_are_those_of_scikit_learn() -> None:
    from arspec.data.raw import split_indices
    from arspec.data.sets import SETS

    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    for split in ("train", "valid", "test", "all"):
        raw = SETS["digits"].read(split)
        chosen = split_indices(1797, split, shuffle=True)
        assert raw.x.dtype == np.uint8 and raw.labels is not None and raw.labels.dtype == np.int64
        assert np.array_equal(raw.x, digits.images[chosen, None]) and np.array_equal(raw.labels, digits.target[chosen])


def test_data_lists_the_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data"]) == 0
    said = capsys.readouterr().out
    assert "fetch it with: arspec data mnist" in said or "already there" in said
    assert main(["data", "digits", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["ready"] and row["file"] is None and "CC BY 4.0" in row["licence"]
    assert main(["data", "digits", "mnits"]) == 2
    assert "did you mean 'mnist'?" in capsys.readouterr().err


@pytest.mark.parametrize(("call", "told"), [
    (lambda m, x: m.sample(-1), "n is a whole number from 0 on; -1 came"),
    (lambda m, x: m.sample(1.5), "n is a whole number from 0 on; 1.5 came"),
    (lambda m, x: m.sample(1, first=-1), "first is a whole number from 0 on; -1 came"),
    (lambda m, x: next(m.stream(-1, steps=4)), "n is a whole number from 0 on; -1 came"),
    (lambda m, x: m.score(x, batch=0), "batch is at least 1; 0 came"),
    (lambda m, x: m.score(x, members=-1), "members is at least 0; -1 came"),
    (lambda m, x: m.sample(1, sed=0), "no condition 'sed'\n.*every keyword that the call has no argument for"),
])  # fmt: skip
def test_arguments_that_cannot_be_are_refused(call: Callable[[Any, Any], object], told: str) -> None:
    model = arspec.compile(arspec.load("fast_generation_toy"))
    with pytest.raises(InputError, match=told):
        call(model, model.sample(2, seed=0))


def test_a_spec_that_cannot_be_read_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_text("arspec: 1\nname: a\nextends: mde\n")
    (tmp_path / "b.yaml").write_text("arspec: 1\nname: b\nextends: made\n")
    assert main(["list", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out.startswith("b  ") and "error[AR112]" in said.err and "Traceback" not in said.err


def test_the_package_lists_its_functions() -> None:
    assert set(arspec.__all__) <= set(dir(arspec))


# -- what is done without --------------------------------------------------------------------------------------------

WITHOUT = """
import sys
import sysconfig
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in BLOCKED else super().find_spec(name, path, target)

BLOCKED = set(sys.argv[1].split(","))
sys.meta_path[sys.meta_path.index(PathFinder)] = Without
"""
ALONE = f"""{WITHOUT}
import json
from arspec.cli.main import main

for line in json.load(sys.stdin):
    print("===", flush=True)
    try:
        code = main(line)
    except SystemExit as stopped:
        code = stopped.code
    print(f"exit {{code}}", flush=True)
"""
IMPORTED = f"""{WITHOUT}
import pkgutil
from importlib import import_module

import arspec

for module in pkgutil.walk_packages(arspec.__path__, "arspec.", onerror=print):
    if not module.name.endswith("__main__") and not module.name.startswith("arspec.lsp."):  # pygls's own, as a whole
        import_module(module.name)

model = arspec.compile(arspec.load("fast_generation_toy"))
x = model.sample(2, seed=0)
for call in (lambda: model.compress(x), lambda: model.decompress(b"")):
    try:
        call()
    except arspec.InputError as error:
        print(error)
"""
SMALL = ["--set", "hidden=8", "--set", "members=1"]
MADE = ["made", "--set", "height=8", "--set", "width=8", "--set", "levels=17"]


def test_no_module_asks_for_an_extra_when_it_is_imported() -> None:
    """A model is built and sampled without any extra; what needs one refuses when it is called."""
    command, environment = [sys.executable, "-c", IMPORTED, ",".join(EXTRAS)], {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("error[AR910]: compressed containers need the package constriction") == 2, done.stdout
    assert done.stdout.count("\n") == 4, done.stdout


def without(packages: str, commands: list[list[str]], folder: Path) -> list[tuple[int, str]]:
    """The exit code and the output of commands in a process in which packages can't be imported."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    done = subprocess.run([sys.executable, "-c", ALONE, packages], input=json.dumps(commands), cwd=folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, timeout=250)  # fmt: skip
    parts = done.stdout.split("===\n")[1:]
    assert len(parts) == len(commands), done.stdout
    return [(int(part.rpartition("exit ")[2]), part) for part in parts]


def test_the_core_does_without_every_extra(tmp_path: Path) -> None:
    """In one process without them: what needs none works, and what needs one says so before it computes anything."""
    np.save(tmp_path / "x.npy", np.zeros((2, 1, 8, 8), np.uint8))
    (gpt2_folder(tmp_path / "gpt2") / "tokenizer.json").write_text("{}")
    for name in ("a.wav", "there.ars"):
        (tmp_path / name).write_bytes(b"RIFF")
    spec = ["gated_pixelcnn", *(f"--set={each}" for each in ("height=8", "width=8", "channels=1", "levels=17",
                                                             "features=8", "layers=1", "kernel=3"))]  # fmt: skip
    train = ["train", *spec, "--data", "digits", "--steps", "2", "--batch", "8", "--limit-valid", "8", "--device",
             "cpu", "--quiet"]  # fmt: skip
    works = [
        ["list"], ["verify", *spec], ["render", "made", "-o", "made.dot"], ["explain", "AR910"], ["data"], ["schema"],
        [*train, "--out", "run"], ["sample", "run", "-o", "a.png", "-n", "2"],
        ["score", "run", "--data", "digits", "--limit", "8"],
        ["score", "run", "--data", "digits", "--limit", "8", "-o", "scores"],
        ["eval", "run", "--data", "digits", "--limit", "8"],
        ["complete", "run", "--data", "digits", "-n", "1", "-o", "c.png"],
    ]  # fmt: skip
    refused = {
        "plots": [
            ["render", *spec, "--field", "-o", "f.png"], ["render", *spec, "--field", "--effective", "-o", "f.png"],
            ["render", *spec, "--schedule", "3", "-o", "f.png"], ["eval", "run", "--data", "digits", "--plot", "p.png"],
            ["audit", "m.py:f", "--input", "b t", "--output", "b t", "--picture", "p.png"],
        ],
        "train": [[*train, "--out", "other", "--tensorboard"]],
        "audio": [["eval", "wavenet", "--data", "a.wav"]],
        "codec": [["compress", "run", "x.npy", "-o", "x.ars"], ["decompress", "run", "there.ars", "-o", "out"]],
        "data": [["data", "mnist", "--again"]],
        "tokens": [["import", "gpt2", "-o", "imported"]],
        "lsp": [["lsp"]],
        "onnx": [["export", "run", "--onnx", "graphs"]],
        **{name: [[*train, "--out", "other", "--log", name]] for name in ("wandb", "mlflow", "trackio")},
    }  # fmt: skip
    commands = [*works, *(each for every in refused.values() for each in every)]
    said = without(",".join([*EXTRAS, "sklearn"]), commands, tmp_path)
    for command, (code, told) in zip(works, said, strict=False):
        assert code == 0, (command, told)
    assert "note: without TensorBoard's files" in said[6][1] and "pip install 'arspec[train]'" in said[6][1]
    assert "note: the figures are left out" in said[9][1] and "pip install 'arspec[plots]'" in said[9][1]
    assert sorted(path.name for path in (tmp_path / "scores").iterdir()) == ["scores.csv", "summary.json"]
    wanted = [name for name, every in refused.items() for _ in every]
    for name, command, (code, told) in zip(wanted, commands[len(works) :], said[len(works) :], strict=True):
        assert code == 2 and "error[AR910]" in told and f"help: pip install 'arspec[{name}]'" in told, (command, told)


def test_a_package_that_is_broken_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from arspec import extras

    def broken(name: str) -> None:
        raise OSError("libsndfile.so.1: cannot open shared object file")

    monkeypatch.setattr(extras, "import_module", broken)
    with pytest.raises(InputError, match=r"soundfile, which cannot be imported \(libsndfile.so.1: cannot open"):
        extras.need("soundfile")
    assert not extras.has("soundfile")


def test_the_extras_are_those_of_the_project() -> None:
    """The one list in the code names what pyproject.toml installs, and `all` and `dev` leave none of it out."""
    own = {name: set(packages) for name, packages in PROJECT["optional-dependencies"].items()}
    stated: dict[str, set[str]] = {}
    for package, extra in EXTRAS.items():
        stated.setdefault(extra.name, set()).add(package)
    every = own.pop("all"), own.pop("dev")
    named = {"mlflow-skinny": "mlflow"}  # distributions whose package has another name
    told = {
        name: {named.get(each := one.partition(">")[0], each) for one in packages} for name, packages in own.items()
    }
    assert told == stated
    whole = [name for name in own if name not in ("wandb", "mlflow", "trackio")]  # large, and a person has one at most
    assert every[0] == {f"arspec[{','.join(whole)}]"} and "arspec[all]" in every[1]
    assert not {each.partition(">")[0] for each in PROJECT["dependencies"]} & EXTRAS.keys()


# -- the wheel -------------------------------------------------------------------------------------------------------

BUILD = """
import sys
import sysconfig
from setuptools import build_meta

out = sys.argv[1]  # building one changes the arguments
build_meta.build_wheel(out)
build_meta.build_sdist(out)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel and the sdist, built of a copy."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("built")
    left_out = shutil.ignore_patterns("__pycache__")
    for name in ("arspec", "specs"):
        shutil.copytree(ROOT / name, copy / name, ignore=left_out)
    (copy / "tests").mkdir()
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "tests/test_library.py"):
        shutil.copy(ROOT / name, copy / name)
    subprocess.run([sys.executable, "-c", BUILD, str(out)], cwd=copy, check=True, capture_output=True, timeout=120)
    return out


def contents() -> set[str]:
    """What a wheel holds: modules, and files that are no code."""
    code = {str(path.relative_to(ROOT)) for path in ROOT.glob("arspec/**/*.py")}
    texts = {
        str(path.relative_to(ROOT))
        for kind in ("cpp", "h", "md", "pyi", "yaml")
        for path in ROOT.glob(f"arspec/**/*.{kind}")
    }
    specs = {f"arspec/specs/{path.name}" for path in SHIPPED}
    specs |= {f"arspec/specs/blocks/{path.name}" for path in ROOT.glob("specs/blocks/*.yaml")}
    more = {
        "arspec/py.typed",
        "arspec/data/sets/NOTICE",
        "arspec/data/sets/digits.npz",
        "arspec/exploring/NOTICE",
        "arspec/exploring/page.css",
        "arspec/exploring/page.js",
        "arspec/specs/arspec.schema.json",
        "arspec/specs/__init__.py",
    }
    return code | texts | specs | more


def test_the_wheel_and_the_sdist_hold_the_same_files(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        about = archive.read(f"arspec-{arspec.__version__}.dist-info/METADATA").decode()
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == contents()
    assert {name.rpartition("/")[2] for name in names - inside} >= {"LICENSE", "NOTICE", "entry_points.txt"}
    assert f"Version: {arspec.__version__}\n" in about and "License-Expression: Apache-2.0" in about
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    mapped = {name.replace("arspec/specs/", "specs/") for name in contents()}
    assert mapped | {"LICENSE", "arspec/data/sets/NOTICE", "README.md", "pyproject.toml"} <= there
    assert not any(name.startswith("tests/") for name in there)


def test_the_version_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"arspec {arspec.__version__}\n"
    assert "version" not in PROJECT and PROJECT["dynamic"] == ["version"]


# -- from the wheel, in an environment of its own --------------------------------------------------------------------

NEWCOMER = """
arspec list
arspec verify gated_pixelcnn SMALL
arspec render gated_pixelcnn -o gated.dot
arspec train gated_pixelcnn_class SMALL --data digits --out runs/digits --steps 3 --batch 8 --limit-valid 8 CPU
arspec train --resume --out runs/digits --steps 5 --device cpu
python -c "import arspec; m = arspec.open('runs/digits'); print(m.sample(2, seed=0, label=3).shape); m.save('mine')"
python -c "import arspec; m = arspec.open('mine'); print(m.figures['steps'], m.spec.name)"
arspec sample mine -n 2 --label 7 -o two.png
arspec audit net.py:build --input 'b t' --output 'b k t' --size t=6 --levels 4 --input-kind int
arspec compress mine two.npy --label 7 -o two.ars --check
arspec decompress mine two.ars -o back
"""
WORDS = {
    "SMALL": [f"--set={size}" for size in ("height=8", "width=8", "channels=1", "levels=17", "features=8", "layers=1")],
    "CPU": ["--samples", "0", "--device", "cpu"],
}
NET = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.conv = torch.nn.Embedding(4, 8), torch.nn.Conv1d(8, 4, 3)

    def forward(self, x):
        before = torch.nn.functional.pad(self.table(x).mT, (3, 0))[..., :-1]
        return self.conv(before)

def build():
    return Net()
"""


@pytest.mark.long
def test_a_newcomer_goes_from_the_wheel_to_a_model(built: Path, tmp_path: Path) -> None:
    """The lines of a first hour, in an empty folder: arspec comes from the wheel, what it needs from this
    environment."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    site = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    (wheel,) = built.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True)
    (site / "needs.pth").write_text(sysconfig.get_paths()["purelib"])
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "net.py").write_text(NET)
    np.save(empty / "two.npy", np.arange(128).reshape(2, 1, 8, 8) % 17)
    python = str(tmp_path / "venv" / "bin" / "python")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    said = ""
    for line in NEWCOMER.strip().splitlines():
        words = [part for word in shlex.split(line) for part in WORDS.get(word, [word])]
        command = [python, *(words[1:] if words[0] == "python" else ["-m", *words])]
        done = subprocess.run(command, cwd=empty, env=environment, text=True, capture_output=True, timeout=250)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        said += done.stdout
    assert f"{site / 'arspec' / 'specs' / 'gated_pixelcnn.yaml'}" in said
    assert "[2, 1, 8, 8]" in said and "5 gated-pixelcnn-class" in said
    assert np.array_equal(np.load(empty / "back" / "two.npy"), np.load(empty / "two.npy"))
