"""Text of others is shown and not sent to the terminal; files that are not below a spec's folder are not quoted."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import QUICK, SPEC, data_of, write_spec

import arspec
from arspec.cli.main import main
from arspec.cli.saying import say
from arspec.diagnostics import Collector, Place, Source, SpecError, github
from arspec.progress import Progress
from arspec.training import train

WILD = "\x1b]0;title\x07\x1b[31m\u202ered\x9b"
SECRET = "s3cret"


def quiet(said: str) -> None:
    """Nothing in it steers a terminal."""
    assert not [char for char in said if not char.isprintable() and char not in "\n\t"], ascii(said)


def test_what_is_said_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"a{WILD}\n\tb")
    say(WILD, file=sys.stderr)
    told = capsys.readouterr()
    assert told.out == "a\\x1b]0;title\\x07\\x1b[31m\\u202ered\\x9b\n\tb\n"
    quiet(told.err)


def test_annotations_and_progress_steer_no_terminal() -> None:
    faults = Collector()
    faults.add("AR105", WILD, Place(Source(WILD, WILD), 0, 3), WILD)
    quiet(github(faults.diagnostics))
    quiet(Progress(WILD, 3).line(1.0))


def test_commands_print_by_one_function() -> None:
    """But for diagnostics, which come in colour, and for what needs no name of others."""
    root = Path(arspec.__file__).parent
    for path in root.glob("cli/*.py"):
        if path.name in ("telling.py", "main.py"):
            continue
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        names = [call.func.id for call in calls if isinstance(call.func, ast.Name)]
        assert "print" not in names, path


@pytest.fixture
def wild(tmp_path: Path) -> Path:
    """A spec, whose name and about are wild, in a folder of such a name, with data beside it."""
    folder = tmp_path / "\x1b[31mfolder"
    folder.mkdir()
    data_of(folder)
    name = WILD.encode("unicode_escape").decode().replace("\\x9b", "\\x9B")
    (folder / "wild.yaml").write_text(SPEC.replace("name: little", f'name: "{name}"\nabout: "{name}"'))
    return folder


COMMANDS: dict[str, list[str]] = {
    "list": ["list", "FOLDER"],
    "verify": ["verify", "--static", "SPEC"],
    "json": ["verify", "--static", "--json", "SPEC"],
    "train": [
        "train",
        "SPEC",
        "--data",
        "DATA",
        "--out",
        "FOLDER/run",
        "--steps",
        "1",
        "--batch",
        "2",
        "--samples",
        "1",
    ],
    "eval": ["eval", "SPEC", "--data", "DATA", "--split", "all"],
    "score": ["score", "SPEC", "--data", "DATA", "--split", "all"],
    "sample": ["sample", "SPEC", "-n", "1", "-o", "FOLDER/x.npy"],
    "method": ["sample", "SPEC", "-n", "1", "-o", "FOLDER/x.npy", "--explain-method"],
    "complete": ["complete", "SPEC", "--data", "DATA", "--split", "all", "-n", "1", "-o", "FOLDER/x.png"],
    "compress": ["compress", "SPEC", "DATA", "-o", "FOLDER/x.ars"],
    "render": ["render", "SPEC", "-o", "FOLDER/x.dot"],
    "field": ["render", "--field", "SPEC", "-o", "FOLDER/x.png"],
    "missing": ["verify", "FOLDER/no\x1b[31m.yaml"],
    "unknown": ["verify", "--static", "SPEC", "--set", "\x1b[31m=3"],
    "command": ["\x1b[31mlist"],
    "option": ["list", "--\x1b[31m"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_sends_the_text_of_others(name: str, wild: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = {"FOLDER": str(wild), "SPEC": str(wild / "wild.yaml"), "DATA": str(wild / "little.npy")}
    arguments = COMMANDS[name]
    for key, value in named.items():
        arguments = [argument.replace(key, value) for argument in arguments]
    assert main(arguments) == (2 if name in ("missing", "unknown", "command", "option") else 0)
    told = capsys.readouterr()
    quiet(told.out)
    quiet(told.err)
    assert "\\x1b" in told.out + told.err or "\\u001b" in told.out


def test_a_name_that_is_no_unicode_is_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And so is one with half a character, which YAML can write and UTF-8 can't."""
    name = os.fsdecode(b"odd\xff.yaml")
    (tmp_path / name).write_text(SPEC.replace("name: little", 'name: "half \\ud800"'))
    path, out = str(tmp_path / name), os.fsdecode(os.fsencode(tmp_path) + b"/out\xff")
    assert main(["verify", "--static", path]) == 0
    assert main(["list", str(tmp_path)]) == 0
    assert main(["render", path, "-o", out + ".dot"]) == 0
    assert main(["sample", path, "-n", "1", "-o", out + ".npy"]) == 0
    assert np.load(out + ".npy").shape == (1, 1, 4, 4)
    spec = arspec.load(path)
    train(arspec.compile(spec), data_of(tmp_path)[1], None, tmp_path / "run", QUICK, device="cpu", tensorboard=False)
    assert main(["sample", str(tmp_path / "run"), "-n", "1", "-o", out + ".npy"]) == 0
    assert main(["compress", path, out + ".npy", "-o", str(tmp_path / "x.ars")]) == 2
    told = capsys.readouterr()
    assert "\\udcff" in told.out
    assert "AR808" in told.err


@pytest.mark.parametrize("settings", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}])
def test_streams_that_are_not_utf8_take_what_is_said(settings: dict[str, str], tmp_path: Path) -> None:
    """One process of its own: what Python makes of the surroundings is decided at its start."""
    spec = write_spec(tmp_path, SPEC.replace("name: little", 'name: "größer → 木"'))
    surroundings = {k: v for k, v in os.environ.items() if k not in ("PYTHONUTF8", "LANG")} | settings
    surroundings |= {"PYTHONCOERCECLOCALE": "0"}
    found = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-m", "arspec", "verify", "--static", str(spec)],
        capture_output=True,
        env=surroundings,
    )
    assert found.returncode == 0, found.stderr
    assert b"u6728" in found.stdout
    assert b"Traceback" not in found.stderr


# ------------------------------------------------------------------ files beside a spec


def _outside(tmp_path: Path, content: str, name: str) -> Path:
    """A spec in a folder, and above it a file that the spec has no business with."""
    (tmp_path / name).write_text(content)
    (tmp_path / "specs").mkdir()
    return tmp_path / "specs"


FILES = {
    "lines": f"root:{SECRET}:19000:0:99999:7:::\ndaemon:{SECRET}:1\n",
    "map": f"{SECRET}: 1\nname: [{SECRET}]\n",
    "sections": f"arspec: 1\ndata: {{kind: image, password: {SECRET}}}\ngraph:\n  {SECRET}: {{layer: {SECRET}}}\n",
    "tabs": f"a:\n\t- {SECRET}\n",
    "quote": f'a: "{SECRET}\n',
    "anchor": f"a: *{SECRET}\n",
    "twice": f"{SECRET}: 1\n{SECRET}: 2\n",
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("way", ["path", "link"])
def test_a_file_outside_is_not_quoted(kind: str, way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _outside(tmp_path, FILES[kind], "private.yaml")
    named = "../private.yaml"
    if way == "link":
        (folder / "inside.yaml").symlink_to(tmp_path / "private.yaml")
        named = "inside.yaml"
    text = SPEC.replace("arspec: 1", f"arspec: 1\nextends: {named}").replace("data:", "about: x\ndata:", 1)
    if kind == "sections":
        text = f"arspec: 1\nextends: {named}\nhead: {{kind: categorical, from: logits}}\n"
    (folder / "spec.yaml").write_text(text)
    for more in ([], ["--json"], ["--format", "github"]):
        assert main(["verify", "--static", str(folder / "spec.yaml"), *more]) == 2
        told = capsys.readouterr()
        assert SECRET not in told.out + told.err
    with pytest.raises(SpecError) as caught:
        arspec.load(folder / "spec.yaml")
    assert SECRET not in str(caught.value)
    assert "private" in str(caught.value) or "inside" in str(caught.value)


@pytest.mark.parametrize("kind", FILES)
def test_a_file_inside_is_quoted(kind: str, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(FILES[kind])
    (tmp_path / "spec.yaml").write_text("arspec: 1\nextends: base.yaml\n")
    with pytest.raises(SpecError, match=SECRET):
        arspec.load(tmp_path / "spec.yaml")


@pytest.mark.parametrize(
    ("name", "content"), [("x.txt", f"1, 2, {SECRET}"), ("x.csv", f"{SECRET}\n"), ("x.npy", SECRET)]
)
def test_ranks_outside_are_not_quoted(
    name: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _outside(tmp_path, content, name)
    (folder / "spec.yaml").write_text(SPEC.replace("{scan: raster}", f"{{scan: explicit, ranks: ../{name}}}"))
    assert main(["verify", "--static", str(folder / "spec.yaml")]) == 2
    told: Any = capsys.readouterr()
    assert SECRET not in told.out + told.err
    assert "AR504" in told.err
