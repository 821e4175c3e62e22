"""The direction of imports: the contract that `tools/check` holds (`tool.importlinter` in pyproject.toml), and that it
tells what breaks it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import networkx as nx

ROOT = Path(__file__).parent.parent
PLANTED = {
    "layers/norm.py": "def _later() -> None:\n    from arspec.model import Model\n",
    "orders.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from arspec.language.load import Spec\n",
    "sampler/plan/sums.py": "from arspec.sampler.run.executor import Executor\n",
    "layers/pieces.py": "def _round() -> None:\n    from arspec.layers.windowed import boxed\n",
    "codec/coder.py": "from arspec.data._private import secret\n",
    "data/_private.py": "secret = 1\n",
    "network/weights.py": "def _for_users() -> None:\n    import arspec\n",
    "stray.py": "",
}
TOLD = (
    "arspec.layers is not allowed to import arspec.model",
    "arspec.layers.norm -> arspec.model (l.",
    "arspec.orders -> arspec.language.load (l.",
    "arspec.sampler.plan.sums -> arspec.sampler.run.executor (l.",
    "No cycles are allowed in arspec.layers.",
    "arspec.codec.coder -> arspec.data._private (l.",
    "arspec.network.weights -> arspec (l.",
)


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    """What the check says of the package in a folder."""
    code = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    command = [sys.executable, "-c", code, "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    environment = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def planted(folder: Path, names: list[str]) -> subprocess.CompletedProcess[str]:
    """What the check says of a copy of the package into which these of the imports are planted."""
    ignored = shutil.ignore_patterns("__pycache__", "*.npz", "*.md", "*.cpp", "*.h")
    shutil.copytree(ROOT / "arspec", folder / "arspec", ignore=ignored)
    for name in names:
        path = folder / "arspec" / name
        path.write_text((path.read_text("utf-8") if path.exists() else "") + "\n\n" + PLANTED[name], "utf-8")
    return checked(folder)


def test_every_import_goes_one_way_and_no_exception_is_listed() -> None:
    found = checked(ROOT)
    assert found.returncode == 0 and " kept, 0 broken" in found.stdout, found.stdout + found.stderr
    assert "ignore_imports" not in (ROOT / "pyproject.toml").read_text("utf-8")


def test_no_file_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph("arspec", cache_dir=None)
    edges = [(module, other) for module in graph.modules for other in graph.find_modules_directly_imported_by(module)]
    circles = [found for found in nx.strongly_connected_components(nx.DiGraph(edges)) if len(found) > 1]
    assert circles == []


def test_each_planted_import_is_told(tmp_path: Path) -> None:
    found = planted(tmp_path, [name for name in PLANTED if name != "stray.py"])
    assert found.returncode == 1 and "0 kept, 5 broken" in found.stdout, found.stdout
    assert [told for told in TOLD if told not in found.stdout] == [], found.stdout


def test_a_module_that_no_line_names_is_told(tmp_path: Path) -> None:
    found = planted(tmp_path, ["stray.py"])
    assert found.returncode == 1 and "arspec.stray" in found.stdout, found.stdout
