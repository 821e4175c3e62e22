"""The tools: each is executable, says what it does, and parses; the benchmark measures and checks what it measures."""

from __future__ import annotations

import ast
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from arspec.sampler.plan.plans import METHODS
from tests.small import ROOT

TOOLS = sorted(path for path in (ROOT / "tools").iterdir() if path.is_file())
SMALL = {"height": 8, "width": 8, "channels": 1, "levels": 17, "features": 8, "layers": 2, "kernel": 3}


@pytest.mark.parametrize("path", [*TOOLS, ROOT / ".ci" / "run"], ids=lambda p: p.name)
def test_a_tool_is_a_program_that_says_what_it_does(path: Path):
    shebang, comment, *_ = path.read_text().splitlines()
    assert os.access(path, os.X_OK)
    assert comment.startswith(("# ", '"""'))
    if "python" in shebang:
        ast.parse(path.read_text())
    else:
        subprocess.run([shebang.split()[-1].removeprefix("#!"), "-n", path], check=True)


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Calls tools/bench as a program is called, in this process, which has torch already."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    monkeypatch.chdir(ROOT)

    def called(*args: str) -> Done:
        path = str(ROOT / "tools" / "bench")
        monkeypatch.setattr(sys, "argv", [path, *args])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(path, run_name="__main__")
        printed = capsys.readouterr()
        return Done(int(ended.value.code or 0), printed.out, printed.err)

    return called


def test_bench_sample_of_a_spec(bench: Callable[..., Done], tmp_path: Path):
    sizes = [part for name, value in SMALL.items() for part in ("--set", f"{name}={value}")]
    file = tmp_path / "bench.json"
    done = bench("sample", "specs/gated_pixelcnn_class.yaml", *sizes, "--batch", "1", "3", "--json", str(file))
    assert done.returncode == 0, done.stderr
    assert "ratio" in done.stdout and "its module once per step" in done.stdout
    found = json.loads(file.read_text())
    assert found["machine"]["threads"] >= 1 and found["machine"]["torch"]
    assert [row["batch"] for row in found["sample"]] == [1, 1, 3, 3]
    assert all(row["method"] in METHODS[1:] for row in found["sample"][1::2])  # what auto takes
    for row in found["sample"][::2]:
        assert row["steps"] == 64 and row["agreement"] == 1
        assert row["ratio"] == pytest.approx(row["forward"] * row["steps"] / row["seconds"])


@pytest.mark.parametrize("command", ["sample", "peers", "stream", "verify", "memory", "startup", "growth", "shadow"])
def test_bench_at_small_sizes(bench: Callable[..., Done], command: str, tmp_path: Path):
    file = tmp_path / "bench.json"
    done = bench(command, "--small", "--repeat", "1", "--batch", "2", "--json", str(file))
    assert done.returncode == 0, done.stderr
    rows = json.loads(file.read_text())[command]
    assert len(rows) >= 1
    for row in rows:
        assert row["seconds"] > 0 and row["name"] and row["setting"]
        assert row.get("ratio", 1) > 0 and ("ratio" in row) == ("baseline" in row)


def test_bench_says_what_is_wrong(bench: Callable[..., Done]):
    done = bench("sample", "specs/made.yaml", "--set", "hiden=3")
    assert done.returncode == 2 and "AR213" in done.stderr and "Traceback" not in done.stderr
    for wrong in (["stream", "specs/made.yaml"], ["sample", "--repeat", "0"], ["nothing"]):
        done = bench(*wrong)
        assert done.returncode == 2 and "Traceback" not in done.stderr
