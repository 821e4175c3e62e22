"""The README: its spec is the one that is tested, its Python runs, and what it shows of arspec is up to date."""

from __future__ import annotations

import re
import runpy
import sys
from typing import Any

import pytest
import torch

from tests.small import ROOT

README = (ROOT / "README.md").read_text()


def run_python(page: str) -> dict[str, Any]:
    """Runs the only block of Python of a page, and gives its names."""
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, "page", "exec"), names)
    return names


def test_what_is_generated_is_up_to_date(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "argv", ["readme", "--check"])
    monkeypatch.syspath_prepend(str(ROOT / "tools"))  # as it is when the script is run
    main = runpy.run_path(str(ROOT / "tools" / "readme"))["main"]
    assert main() == 0, capsys.readouterr().out


def test_the_python_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    names = run_python(README)
    x, nats = names["x"], names["nats"]
    assert isinstance(x, torch.Tensor) and x.shape == (4, 1, 8, 8)
    assert isinstance(nats, torch.Tensor) and nats.shape == (4,)


def test_the_pictures_and_files_that_it_names_exist():
    named = re.findall(r"(?:\]\(|src=\")((?:specs|tests|tools|arspec)/[^)\"]*)[)\"]", README)
    assert len(named) > 20
    for path in named:
        assert (ROOT / path).exists(), path
