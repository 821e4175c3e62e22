"""The README: its spec is the one that is tested, its Python runs, and what it shows of arspec is up to date."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import torch

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def test_what_is_generated_is_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "tools" / "readme", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_python_of_the_readme_runs():
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    here = os.getcwd()
    os.chdir(ROOT)
    try:
        exec(compile(block, "README.md", "exec"), names)
    finally:
        os.chdir(here)
    x, y, nats, known = (names[name] for name in ("x", "y", "nats", "known"))
    assert isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor) and isinstance(known, torch.Tensor)
    assert x.shape == y.shape == (4, 1, 8, 8) and isinstance(nats, torch.Tensor) and nats.shape == (4,)
    assert torch.equal(x[:, known], y[:, known])


def test_the_pictures_and_files_that_it_names_exist():
    for path in re.findall(r"\]\(((?:specs|tests|tools|arspec)/[^)]*)\)", README):
        assert (ROOT / path).exists(), path
