"""Models as graphs of ONNX: each operator as torch computes it, passes and steps equal, samples equal in integers."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import arspec
from arspec.cli.main import main
from arspec.exporting.onnx import export as exporting
from arspec.exporting.onnx.building import Building
from arspec.exporting.onnx.export import export_onnx, opened
from arspec.exporting.onnx.operators import OPERATORS
from arspec.exporting.onnx.tracing import BATCH, BY, Given, Settable, Untraceable, traced
from arspec.extras import need
from arspec.language.load import from_text
from arspec.model import Model, build
from arspec.verification.subject import random_conditions
from tests.small import CHARS, SHIPPED, random_data, randomised, refuses, small

ort = need("onnxruntime")
need("onnx")

# -- operators -------------------------------------------------------------------------------------------------------

X, INDEX = torch.float32, torch.tensor([2, 0, 0, 4])
COMPUTED: dict[str, Callable[[torch.Tensor], Any]] = {
    "pointwise": lambda x: [torch.relu(x), x.sigmoid(), x.tanh(), x.exp(), (x * x + 1).log(), x.expm1(), x.abs()],
    "activations": lambda x: [F.gelu(x), F.gelu(x, approximate="tanh"), F.elu(x), F.silu(x), F.softplus(x), F.celu(x)],
    "powers": lambda x: [x**2, (x * x + 1).rsqrt(), (x * x) ** 1.5, 1 / (x * x + 1), (x * x).sqrt(), x.sign()],
    "compared": lambda x: [(x > 0).float(), ((x <= 0.5) & (x != 0) | (x > 1)).float(), x.clamp(-1, 0.5)],
    "whole numbers": lambda x: [x.long() % 3, (x * 9).long() // 4, x.round(), x.floor() % 2.5, (x * 3).remainder(2)],
    "chosen": lambda x: [torch.where(x > 0, x, -1.0), x.masked_fill(x < 0, 7.0), torch.maximum(x, x.flip(-1))],
    "reduced": lambda x: [x.sum(-1), x.mean((1, 2)), x.amax(2, True), (x > 0).any(-1), (x > 9).all(1), x.cumsum(1)],
    "highest": lambda x: [x.argmax(-1), *x.max(1), *x.topk(2, -1), *torch.sort(x, stable=True, descending=True)],
    "softmax": lambda x: [x.softmax(-1), x.log_softmax(1), x.logsumexp(2), x.var(-1), x.norm(dim=-1)],
    "norms": lambda x: [F.layer_norm(x, (5,), W[0, 0, :1].repeat(5), W[0, 0, :1].repeat(5)), F.group_norm(x, 2)],
    "shapes": lambda x: [x.view(len(x), 20), x.transpose(1, 2), x.permute(2, 0, 1), x.unsqueeze(1), x[:, :, 0], x.mT],
    "joined": lambda x: [torch.cat([x, x[:, :1]], 1), *x.split([1, 3], 1), *x.unbind(1), x.repeat(1, 2, 1)],
    "padded": lambda x: [F.pad(x, (1, 2)), F.pad(x, (-1, 1, 2, 0), value=3.0), x.roll(2, -1), F.pad(x > 0, (1, 0))],
    "made": lambda x: [x.new_zeros(len(x), 2), torch.ones_like(x), torch.arange(5) + x, x.new_full((len(x),), 3)],
    "written": lambda x: [_written(x), _every_other(x), _added(x)],
    "indexed": lambda x: [x.index_select(2, INDEX), x[:, [0, 3]], x[:, [[0], [1]], INDEX], x.gather(2, x.argsort(-1))],
    "scattered": lambda x: [x.scatter(2, x.argmax(-1, True), 9.0), x.scatter_add(2, x.argmax(-1, True), x[:, :, :1])],
    "products": lambda x: [x @ x.mT, x @ ONES.T, F.linear(x, ONES, ONES[:, 0]), x[:, :0].mT @ x[:, :0]],
    "convolutions": lambda x: [F.conv1d(x, W, W[:, 0, 0], 2, 2, 2), F.conv1d(x, W[:, 2:], None, 1, 1, 1, 2)],
    "pictures": lambda x: [F.conv2d(x.view(-1, 1, 4, 5), W[:, :1, None], stride=2, padding=(1, 2))],
    "transposed": lambda x: [F.conv_transpose1d(x, W[:4], stride=2)],
    "attention": lambda x: [F.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None], is_causal=True)],
    "solved": lambda x: [torch.linalg.solve_triangular(torch.ones(4, 4).tril(), x, upper=False, unitriangular=True)],
    "searched": lambda x: [torch.searchsorted(x.cumsum(1).abs().sort(-1).values, x, right=r) for r in (True, False)],
}  # fmt: skip
W, ONES = torch.linspace(-1, 1, 6 * 4 * 3).view(6, 4, 3), torch.ones(2, 5)


def _written(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[:, 1:3] += 1
    y[:, 0] = 5
    y[:, :, -1].mul_(2)
    return y


def _every_other(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[:, :, ::2] = 0
    y[:, INDEX % 3, INDEX] = -1
    return y


def _added(x: torch.Tensor) -> torch.Tensor:
    return x.clone().index_add_(2, INDEX, x[:, :, :4])


def ran(model: Any, given: dict[str, Any]) -> list[Any]:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, given)


def written(computation: Callable[..., Any], dtype: torch.dtype) -> tuple[Any, int]:
    b = Building(OPERATORS)
    given = b.input("x", dtype, (BATCH, 4, 5))
    b.sizes[BATCH] = b.node("Gather", [b.node("Shape", ["x"]), b.array(np.asarray([0]))])
    found = b.run(traced(computation, [Given((BY, 4, 5), dtype)]), [given])
    for k, value in enumerate(found):
        b.output(f"y{k}", b.name(value), value.dtype, [f"n{k}_{d}" for d in range(value.rank)])
    return b.model("one", "", "tests"), len(found)


@pytest.mark.parametrize("name", COMPUTED)
def test_an_operator_computes_what_torch_does(name: str) -> None:
    computation = COMPUTED[name]
    model, count = written(computation, X)
    for batch in (1, 3, 0)[: 2 if name in ("norms", "softmax") else 3]:  # a step may have nothing to compute
        x = torch.randn(batch, 4, 5, generator=torch.Generator().manual_seed(batch))
        wanted, found = computation(x), ran(model, {"x": x.numpy()})
        assert len(wanted) == len(found) == count
        for a, b in zip(wanted, found, strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(b, a.numpy(), rtol=2e-5, atol=2e-5)


def test_a_convolution_in_float64_is_a_sum_of_products() -> None:
    def convolved(x: torch.Tensor) -> Any:
        own = W.double()
        return [F.conv1d(x, own, own[:, 0, 0], 2, 2, 2), F.conv2d(x.view(-1, 1, 4, 5), own[:, :1, None], padding=1)]

    x = torch.randn(3, 4, 5, dtype=torch.float64)
    for a, b in zip(convolved(x), ran(written(convolved, torch.float64)[0], {"x": x.numpy()}), strict=True):
        np.testing.assert_allclose(b, a.numpy(), rtol=0, atol=1e-13)


def test_what_has_no_form_is_told() -> None:
    given = [Given((BY, 4), X)]
    with pytest.raises(Untraceable, match="takes numbers out of tensors"):
        traced(lambda x: x * float(x.sum()), given)
    with pytest.raises(Untraceable, match="at one size"):
        traced(lambda x: x * (len(x) + 1), given)
    with pytest.raises(Untraceable, match="otherwise for other sizes"):
        traced(lambda x: x.exp() if len(x) > 12 else x.sin(), given)
    with pytest.raises(Untraceable, match="at one size"):
        traced(lambda x, t: x * (t + 1), given, Settable())  # a number that is made of a settable one is another one
    with pytest.raises(Untraceable, match="translation"):
        written(lambda x: torch.special.bessel_j0(x), X)


# -- models ----------------------------------------------------------------------------------------------------------

TOLD = ("gpt", "wavenet", "pixelcnn")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Model, Path, Any]]:
    """By the name of a spec: its small model in float32, its folder of graphs, and what the export said."""
    known: dict[str, tuple[Model, Path, Any]] = {}

    def made(name: str) -> tuple[Model, Path, Any]:
        if name not in known:
            model = randomised(small(Path(f"specs/{name}.yaml"), 1)).float()
            folder = tmp_path_factory.mktemp(name) / "onnx"
            known[name] = model, folder, export_onnx(model, folder)
        return known[name]

    return made


def arrays(conditions: dict[str, Any]) -> dict[str, Any]:
    return {k: v.numpy() if v.dtype == torch.int64 else v.float().numpy() for k, v in conditions.items()}


def holds(model: Model, folder: Path, exported: Any) -> None:
    """Holds a folder to its model: numbers to 1e-5, samples to the integers of the same draws."""
    assert exported.forward <= 1e-5 and exported.step <= 1e-5 and exported.steps[0] == exported.steps[1]
    sampler = opened(folder / "sample.py").Sampler(folder, threads=1)
    for n, temperature in ((1, 1.0), (5, 0.7), (2, 0.0)):
        under = random_conditions(model, 1, n)
        wanted = model.sample(n, seed=n, temperature=temperature, **under).numpy()
        assert np.array_equal(sampler.sample(n, n, temperature, arrays(under)), wanted)


@pytest.mark.parametrize("name", TOLD)
def test_forward_and_steps_are_torchs_and_samples_equal_in_integers(name: str, folders: Any) -> None:
    holds(*folders(name))


def test_the_manifest_says_what_the_graphs_take_and_give(folders: Any) -> None:
    _, folder, _ = folders("wavenet")
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, told in manifest["graphs"].items():
        session = ort.InferenceSession(str(folder / told["file"]), providers=["CPUExecutionProvider"])
        for own, ports in ((session.get_inputs(), told["inputs"]), (session.get_outputs(), told["outputs"])):
            assert [(p["name"], p["shape"]) for p in ports] == [(one.name, one.shape) for one in own], name
    state = {one["name"]: one for one in manifest["state"]}
    assert {one["name"] for one in manifest["graphs"]["start"]["outputs"]} == state.keys()
    assert sorted(site for own in manifest["order"]["steps"] for site in own) == [*range(manifest["variables"])]
    assert manifest["scalars"] == [*range(24)] and manifest["opset"] == 18 and manifest["dtype"] == "float32"


def test_the_driver_needs_neither_arspec_nor_torch(
    folders: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, folder, _ = folders("wavenet")
    nodes = [*ast.walk(ast.parse((folder / "sample.py").read_text()))]
    names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
    assert names == {"__future__", "argparse", "json", "numpy", "onnxruntime", "pathlib", "typing"}
    monkeypatch.setattr(
        "sys.argv",
        ["sample.py", "-n", "2", "--seed", "3", "--out", str(tmp_path / "x.npy"), "--condition", "speaker=1"],
    )
    opened(folder / "sample.py").main()
    assert "2 of the shape (24,)" in capsys.readouterr().out
    assert np.array_equal(np.load(tmp_path / "x.npy"), model.sample(2, seed=3, speaker=1).numpy())


def test_what_cannot_be_written_is_refused_before_anything_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, folder = build(from_text(CHARS)), tmp_path / "graphs"
    export_onnx(model, folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setitem(exporting.CLOSE, torch.float32, 0.0)  # what differs is refused too, and the folder stays so
    refuses("AR909", lambda: export_onnx(model, folder), "differs from torch")
    refuses(
        "AR809", lambda: export_onnx(model, tmp_path / "one.onnx"), "named as a file", f"such as {tmp_path / 'one'};"
    )
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    monkeypatch.delitem(OPERATORS, "relu")
    refuses("AR909", lambda: export_onnx(model, tmp_path / "new"), "(relu)", "operator relu", "--forward-only")
    assert not (tmp_path / "new").exists()


def test_the_forward_pass_alone_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = randomised(small(Path("specs/made.yaml")))  # in float64
    model.save(tmp_path / "run")
    assert (
        main(["export", str(tmp_path / "run"), "--onnx", str(tmp_path / "out"), "--forward-only", "--member", "1"]) == 0
    )
    assert "forward equal to" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"forward.onnx", "manifest.json"}
    x = random_data(model, 3, 5)
    session = ort.InferenceSession(str(tmp_path / "out" / "forward.onnx"), providers=["CPUExecutionProvider"])
    parameters, nats = session.run(["parameters", "log_prob"], {"x": x.numpy()})
    opened_again = arspec.open(tmp_path / "run", device="cpu")
    with torch.no_grad():
        np.testing.assert_allclose(parameters, opened_again(x, 1).numpy(), rtol=0, atol=1e-5)
        np.testing.assert_allclose(nats.sum(1), opened_again.log_prob(x, 1).numpy(), rtol=0, atol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_every_shipped_spec(path: Path, tmp_path: Path) -> None:
    model = randomised(small(path)).float()
    exported = export_onnx(model, tmp_path / "onnx")
    holds(model, tmp_path / "onnx", exporting.ExportedOnnx(exported.folder, exported.graphs, 0, 0, exported.steps))
    assert max(exported.forward, exported.step or 0) <= 5e-5
