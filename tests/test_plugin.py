"""The plugin of pytest, in processes of its own, where plugins are found by their entry points."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch import Tensor, nn

from arspec.diagnostics import InputError
from arspec.testing import NotCausal, assert_causal

ROOT = Path(__file__).parent.parent

MODEL = """
import torch
from torch import nn

class Decoder(nn.Module):
    def __init__(self, ahead=0):
        super().__init__()
        self.ahead = ahead
        self.tokens, self.out = nn.Embedding(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        h = self.tokens(x)
        return self.out(h + torch.nn.functional.pad(h, (0, 0, -self.ahead, self.ahead)))
"""

TESTS = """
import pytest
from model import Decoder

def test_mended(assert_causal):
    assert_causal(Decoder(), size={"t": 6}, levels=4, offset=1, modes=["evaluation"])

def test_faulty(assert_causal):
    assert_causal(Decoder(1), size={"t": 6}, levels=4, offset=1, modes=["evaluation"])

@pytest.mark.causal(size={"t": 6}, levels=4, offset=1, modes=["evaluation"])
def test_marked():
    return Decoder(1)

@pytest.mark.causal
def test_nothing():
    pass

def test_other():
    raise AssertionError("it is not run with --causal")
"""

INI = """
[pytest]
filterwarnings = error
causal =
    model.py:Decoder {size: {t: 6}, levels: 4, offset: 1, modes: [evaluation]}
    model.py:Nobody {size: {t: 6}}
    model.py:Nobody {size: {t: 7}}
"""


def pytested(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A run of pytest in a folder, with the plugin as it is found where arspec is installed."""
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "GITHUB"))}
    surroundings |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **more}  # else it comes twice
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "arspec.pytest_plugin", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "test_mine.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(INI)
    return tmp_path


def test_what_is_not_causal_fails_on_one_screen(project: Path) -> None:
    """The fixture, the mark, targets of the ini file and annotations, in one run."""
    found = pytested(project, "--causal", GITHUB_ACTIONS="true")
    said = found.stdout
    assert found.returncode == 1, said + found.stderr
    assert "2 passed" in said
    assert "5 failed" in said
    for name in ("model.py:Nobody (line 2)", "model.py:Nobody (line 3)"):
        assert f"FAILED pytest.ini::{name} - " in said
    assert "1 deselected" in said
    for name in ("test_faulty", "test_marked", "test_nothing", "model.py:Nobody"):
        assert f"{name}" in said
    assert "error[AR990]: the output for (t" in said
    assert "torch.nn.functional.pad(h, (0, 0, -self.ahead, self.ahead))" in said
    assert "Traceback" not in said
    assert "::error file=model.py,line=13" in said
    assert "AR994" in said
    screens = [part for part in said.split("\n____") if "is not causal" in part]
    assert screens
    assert all(part.count("\n") <= 50 for part in screens)


def test_the_plugin_imports_no_torch_until_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "test_light.py").write_text("import sys\ndef test_light():\n    assert 'torch' not in sys.modules\n")
    found = pytested(tmp_path)
    assert found.returncode == 0, found.stdout


class Routed(nn.Module):
    """Sorts by a bit of each token, and puts back."""

    def forward(self, x: Tensor) -> Tensor:
        h = x.double()
        order = (h[0] > 1).long().argsort(stable=True)
        return h.new_zeros(h.shape).index_copy(1, order, h[:, order])[..., None]


class Open(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        h = x.double()[..., None]
        return h * 2 if float(h.sum()) > 1e9 else h


@pytest.mark.parametrize(("module", "accept"), [(Routed(), "given-route"), (Open(), "not-decided")])
def test_what_is_not_proven_passes_where_it_is_accepted(module: nn.Module, accept: str) -> None:
    with pytest.raises(NotCausal, match=f"accept='{accept}'") as caught:
        assert_causal(module, size={"t": 6}, levels=4, offset=1, modes=["evaluation"])
    assert isinstance(caught.value, AssertionError)
    assert caught.value.report.leaks == 0
    assert assert_causal(module, size={"t": 6}, levels=4, offset=1, modes=["evaluation"], accept=accept).modes
    with pytest.raises(InputError, match="cannot be accepted"):
        assert_causal(module, size={"t": 6}, levels=4, accept="givenroute")
