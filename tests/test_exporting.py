"""Every spec as one file of plain torch: the same numbers, nothing of arspec in it, and proven by the audit."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch

import arspec
from arspec.analysis.twin import thin
from arspec.cli.main import main
from arspec.exporting import export_torch
from arspec.language.load import from_text, load
from arspec.network.module import Network
from tests import layer_cases
from tests.small import CHARS, ROOT, every_spec, random_data, randomised, refuses, shared, small


def opened(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location("exported", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def imports(text: str) -> set[str]:
    """The packages that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


@every_spec
def test_a_spec_as_plain_torch_gives_the_same_numbers(path: Path, tmp_path: Path) -> None:
    exported = export_torch(shared(path), tmp_path / "plain.py")  # compared at batches of 1 and 5
    assert exported.difference <= 1e-12
    assert imports(exported.module.read_text()) == {"__future__", "pathlib", "torch", "safetensors"}


@pytest.mark.parametrize("name", layer_cases.CASES)
def test_every_layer_can_be_written(name: str, tmp_path: Path) -> None:
    assert export_torch(randomised(layer_cases.case(name)), tmp_path / "plain.py").difference <= 1e-12


def test_a_file_stands_alone_and_is_proven_by_the_audit(tmp_path: Path) -> None:
    model = randomised(small(Path("specs/gpt.yaml")))
    file = export_torch(model, tmp_path / "plain.py").module
    (tmp_path / "elsewhere").mkdir()
    for each in (file, file.with_suffix(".safetensors")):
        each.rename(tmp_path / "elsewhere" / each.name)
    module = opened(tmp_path / "elsewhere" / "plain.py").load()
    x = random_data(model, 3)
    assert torch.allclose(module(x), model(x), rtol=1e-12, atol=1e-12)
    report = arspec.audit(module, "b t", "b t k", {"t": model.spec.data.length}, levels=model.spec.data.levels)
    assert report.verdict == "proven", str(report)


@pytest.mark.parametrize("name", ["llama", "hyena"])
def test_a_float32_file_is_exact_in_float64(name: str, tmp_path: Path) -> None:
    model = randomised(small(Path(f"specs/{name}.yaml"))).float()
    module: Any = opened(export_torch(model, tmp_path / "plain.py").module)
    exact = Network(model.spec).double()
    exact.load_state_dict(model.state_dict())
    x = random_data(model, 2)
    assert (module.load(dtype=torch.float64)(x) - exact.eval()(x)).abs().max() < 1e-12
    assert all(t.dtype in (torch.float32, torch.int64, torch.bool) for t in module.load().state_dict().values())


@pytest.mark.parametrize("name", ["wavenet", "gated_pixelcnn_class", "mamba", "made"])
def test_a_file_says_how_it_is_audited(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = export_torch(randomised(small(Path(ROOT / f"specs/{name}.yaml"))), Path("plain.py")).module.read_text()
    command = re.search(r"^    arspec (audit .*)$", text, re.MULTILINE)
    if name == "made":  # no line states a random order
        assert command is None
    else:
        assert command is not None and main(shlex.split(command[1])) == 0


def test_tokens_are_whole_in_16_bits(tmp_path: Path) -> None:
    model = randomised(from_text(CHARS.replace("levels: 128,", "levels: 3000,"))).float()
    module: Any = opened(export_torch(model, tmp_path / "plain.py").module)
    x = torch.arange(2984, 3000).view(2, 8)
    apart = (module.load(dtype=torch.bfloat16)(x) - module.load()(x)).abs().max()
    assert apart < 0.1 * module.load()(x).abs().max()


def test_nodes_may_have_names_that_python_has(tmp_path: Path) -> None:
    text = CHARS
    for old, new in (("tokens", "float"), ("logits", "len")):
        assert f"  {old}:" in text
        text = text.replace(old, new)
    written = export_torch(randomised(from_text(text)), tmp_path / "plain.py").module.read_text()
    assert "float_ = " in written and "len_ = " in written


def test_a_comment_names_the_file_of_a_line(tmp_path: Path) -> None:
    text = """
arspec: 1
name: two files
data: {kind: sequence, length: 4, levels: 4}
use: blocks/transformer
graph:
  tokens: {layer: embedding, from: x, out: 8}
  before: {layer: shift, steps: 1}
  body: {block: gpt_layer, params: {width: 8, heads: 2}}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""
    written = export_torch(randomised(from_text(text)), tmp_path / "plain.py").module.read_text()
    assert re.search(r"# norm, transformer\.yaml:\d+\n", written) and re.search(r"# shift, .*:8\n", written)
    assert "body = self.body(before)" in written  # a value has the name of the instance that gives it


def test_repeated_blocks_are_one_class_and_a_loop(tmp_path: Path) -> None:
    text = export_torch(randomised(small(Path("specs/gpt.yaml"))), tmp_path / "plain.py").module.read_text()
    classes = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    assert classes == ["Part", "Layer", "Model"]
    assert "for layer in self.body:" in text and "batch" in text
    assert text.count("F.scaled_dot_product_attention") == 1


def test_tied_weights_are_one_parameter(tmp_path: Path) -> None:
    model = randomised(small(Path("specs/gpt.yaml")))
    module = opened(export_torch(model, tmp_path / "plain.py").module).load()
    assert sum(p.numel() for p in module.parameters()) == sum(p.numel() for p in model.parameters())


def test_each_member_of_a_family_is_written_by_itself(tmp_path: Path) -> None:
    model = shared(Path("specs/made.yaml"))
    x = random_data(model, 2)
    files = [export_torch(model, tmp_path / f"plain_{k}.py", member=k).module for k in range(model.members)]
    results = [opened(file).load()(x) for file in files]
    assert len(results) > 1 and not any(torch.equal(results[0], other) for other in results[1:])
    refuses("AR816", lambda: export_torch(model, tmp_path / "plain.py", member=99))


def test_training_goes_on_from_a_file(tmp_path: Path) -> None:
    model = randomised(thin(load(Path("specs/wavenet.yaml")))).float()
    module = opened(export_torch(model, tmp_path / "plain.py").module).load()
    speaker = torch.zeros(2, dtype=torch.int64)
    module(random_data(model, 2), speaker=speaker).square().mean().backward()
    assert all(p.grad is not None for p in module.parameters())
    with torch.no_grad():
        assert torch.allclose(
            module(random_data(model, 2), speaker), model(random_data(model, 2), speaker=speaker), atol=1e-5
        )


def test_the_command_writes_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "mine.yaml"
    spec.write_text(CHARS)
    assert main(["export", str(spec), "--set", "width=6", "--torch", str(tmp_path / "plain.py")]) == 0
    assert "plain.safetensors" in capsys.readouterr().out
    assert opened(tmp_path / "plain.py").load().tokens_weight.shape[-1] == 6
    assert main(["export", str(spec), "--torch", str(tmp_path / "plain.txt")]) == 2
    assert main(["export", str(spec), "--torch", str(tmp_path / "a-b.py")]) == 2
    assert "AR908" in capsys.readouterr().err


def test_texts_of_a_spec_cannot_leave_their_place(tmp_path: Path) -> None:
    text = CHARS.replace("name: chars", 'name: "a\\"\\"\\" \\\\ b"').replace(
        "data:", 'about: "\\"\\"\\"\\nimport os\\n\\0"\ndata:'
    )
    model = arspec.compile(from_text(text), check=False)
    assert imports(export_torch(model, tmp_path / "plain.py").module.read_text()) == {
        "__future__", "pathlib", "torch", "safetensors"}  # fmt: skip


def test_what_cannot_be_compared_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arspec.exporting.torch_file.CLOSE", -1.0)
    refuses("AR908", lambda: export_torch(shared(Path("specs/made.yaml")), tmp_path / "plain.py"), "differs")
    assert [*tmp_path.iterdir()] == []
