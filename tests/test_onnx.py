"""Models as graphs of ONNX: each operator as torch computes it, passes and steps equal, samples equal in integers."""

from __future__ import annotations

import ast
import json
import shutil
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
from arspec.exporting.onnx.classes import MANY, classes_of
from arspec.exporting.onnx.export import export_onnx, opened
from arspec.exporting.onnx.operators import OPERATORS
from arspec.exporting.onnx.tracing import BATCH, BY, Given, Settable, Untraceable, traced
from arspec.extras import need
from arspec.language.load import from_text
from arspec.model import Model, build
from arspec.sampler.drive.sampler import sampler_of
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


def _transposed(x: torch.Tensor) -> list[torch.Tensor]:
    own, picture = W.double(), x.view(-1, 2, 2, 5)
    square = torch.linspace(-1, 1, 2 * 3 * 3 * 2, dtype=torch.float64).view(2, 3, 3, 2)
    return [
        F.conv_transpose1d(x, own[:4], own[:4, 0, 0], stride=2),
        F.conv_transpose1d(
            x, own[:4], own[:2, 0, 0].repeat(4), 3, 1, 2, 2, 2
        ),  # stride, padding, output, groups, dilation
        F.conv_transpose1d(x, own[:4, :, :1], stride=2, padding=1),  # of which some is cut off
        F.conv_transpose2d(picture, square, own[:3, 0, 0], (2, 1), (1, 0), (1, 0)),
    ]


IN_FLOAT64: dict[str, Callable[[torch.Tensor], Any]] = {
    "convolutions": lambda x: [
        F.conv1d(x, W.double(), W[:, 0, 0].double(), 2, 2, 2),
        F.conv2d(x.view(-1, 1, 4, 5), W[:, :1, None].double(), padding=1),
    ],
    "transposed": _transposed,
    "error function": lambda x: [F.gelu(x), torch.erf(x * 0.01), torch.erf(x * 5)],
}


@pytest.mark.parametrize("name", IN_FLOAT64)
def test_what_onnxruntime_has_in_float32_alone_is_made_of_other_operators(name: str) -> None:
    x = 2 * torch.randn(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[0, 0] = torch.tensor([0.0, -0.0, 30.0, -30.0, 1e-300])
    found = ran(written(IN_FLOAT64[name], torch.float64)[0], {"x": x.numpy()})
    for a, b in zip(IN_FLOAT64[name](x), found, strict=True):
        np.testing.assert_allclose(b, a.numpy(), rtol=1e-14, atol=1e-13)


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


BOUNDS: tuple[dict[str, Any], ...] = (
    {"top_k": 3}, {"top_p": 0.6}, {"min_p": 0.4}, {"top_k": 2, "top_p": 0.9, "min_p": 0.1},
    {"top_k": 1000, "top_p": 1.0, "min_p": 0.0},
)  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_top_k_top_p_and_min_p_leave_out_what_they_do_in_the_sampler(
    name: str, bounds: dict[str, Any], folders: Any
) -> None:
    model, folder, _ = folders(name)
    sampler, under = opened(folder / "sample.py").Sampler(folder, threads=1), random_conditions(model, 1, 3)
    for temperature in (1.0, 1.5, 0.0):
        wanted = model.sample(3, seed=4, temperature=temperature, **bounds, **under).numpy()
        assert np.array_equal(sampler.sample(3, 4, temperature, arrays(under), **bounds), wanted)


def test_equal_probabilities_are_kept_from_the_lowest_level_on() -> None:
    from arspec.heads.truncation import Asked, Truncation

    probabilities = torch.tensor([[0.1, 0.3, 0.3, 0.2, 0.1], [0.2, 0.2, 0.2, 0.2, 0.2]], dtype=torch.float64)
    for k, p, m in ((2, 1.0, 0.0), (3, 0.5, 0.0), (5, 0.61, 0.0), (4, 1.0, 0.9), (1, 0.1, 1.0)):
        asked = Asked(torch.tensor(k), torch.tensor(2.0 if p == 1 else p).double(), torch.tensor(m).double())
        assert torch.equal(asked(probabilities), Truncation(k, p, m)(probabilities))


@pytest.mark.parametrize("name", ("gpt", "wavenet"))
def test_a_prefix_is_gone_on_with_as_the_sampler_does(name: str, folders: Any) -> None:
    model, folder, _ = folders(name)
    driver = opened(folder / "sample.py")
    sampler, under = driver.Sampler(folder, threads=1), random_conditions(model, 1, 2)
    for prefix in ([1, 0, 2], [[1, 0, 2, 3, 1], [2, 2, 2, 0, 0]]):
        wanted = model.sample(2, seed=3, prefix=prefix, **under).numpy()
        assert np.array_equal(sampler.sample(2, 3, conditions=arrays(under), prefix=prefix), wanted)
    for wrong in ([], [[[1]]], [1] * model.spec.data.length, [-1]):
        with pytest.raises(SystemExit):
            sampler.sample(2, conditions=arrays(under), prefix=wrong)


def test_a_given_part_that_comes_first_is_completed(folders: Any) -> None:
    model, folder, _ = folders("pixelcnn")
    sampler, x = opened(folder / "sample.py").Sampler(folder, threads=1), random_data(model, 2, 3)
    known = torch.zeros(model.spec.data.shape, dtype=torch.bool)
    known[:, :3] = True
    found = sampler.sample(2, 5, given=x.numpy(), known=known.numpy(), top_k=4)
    assert np.array_equal(found, model.complete(x, known, how="order", seed=5, top_k=4).numpy())
    with pytest.raises(SystemExit, match="come first"):
        sampler.sample(2, 5, given=x.numpy(), known=~known.numpy())


def test_steps_that_compute_other_operations_have_graphs_of_their_own(folders: Any) -> None:
    """Each channel of a pixel is a step, whose operations are its own third of all."""
    model, folder, exported = folders("pixelcnn")
    manifest = json.loads((folder / "manifest.json").read_text())
    own = [name for name in exported.graphs if name.startswith("step")]
    assert len(own) == 3 and manifest["order"]["graphs"][:6] == own * 2
    computed = (sampler_of(model).executor.counts > 0).sum()
    nodes = [len(need("onnx").load(str(folder / f"{name}.onnx")).graph.node) for name in own]
    assert max(nodes) < 6 * computed / sampler_of(model).schedule.steps
    assert all(one["in_place"] for one in manifest["state"])


def test_classes_of_steps_are_put_together_where_that_costs_the_least() -> None:
    counts = np.zeros((40, 30), np.int64)
    counts[::2, :20], counts[1::2, 20:] = 1, 2
    counts[0, 5] = 0  # one step that has one operation less is no class
    even, odd = classes_of(counts)
    assert even.tolist() == [*range(0, 40, 2)] and odd.tolist() == [*range(1, 40, 2)]
    many = np.eye(100, 100, dtype=np.int64)  # no two steps alike
    found = classes_of(many)
    assert 1 < len(found) <= MANY and sorted(np.concatenate(found).tolist()) == [*range(100)]
    assert [own.tolist() for own in classes_of(np.ones((3, 2), np.int64))] == [[0, 1, 2]]


def test_a_state_that_may_not_be_written_where_it_lies_takes_turns(folders: Any, tmp_path: Path) -> None:
    model, folder, _ = folders("pixelcnn")
    shutil.copytree(folder, tmp_path / "copy")
    path = tmp_path / "copy" / "manifest.json"
    manifest = json.loads(path.read_text())
    for one in manifest["state"][::2]:
        one["in_place"] = False
    path.write_text(json.dumps(manifest))
    sampler = opened(path.with_name("sample.py")).Sampler(path.parent, threads=1)
    assert np.array_equal(sampler.sample(2, 1), model.sample(2, seed=1).numpy())
    assert np.array_equal(sampler.sample(3, 1), model.sample(3, seed=1).numpy())  # nothing of a sample is left


def test_classes_by_name_and_what_a_head_cannot_leave_out(tmp_path: Path) -> None:
    model = randomised(small(Path("specs/gated_pixelcnn_class.yaml"), 1)).float()
    (name,) = model.spec.condition
    classes = model.spec.condition[name].whole
    model.names = {name: tuple(f"kind {k}" for k in range(classes))}
    export_onnx(model, tmp_path / "classes")
    sampler = opened(tmp_path / "classes" / "sample.py").Sampler(threads=1)
    condition: dict[str, Any] = {name: [1, 0]}
    wanted = model.sample(2, seed=1, **condition).numpy()
    for given in ([1, 0], ["kind 1", "kind 0"]):
        assert np.array_equal(sampler.sample(2, 1, conditions={name: given}), wanted)
    for wrong in ({}, {name: "dog"}, {name: classes}, {"other": 1}):
        with pytest.raises(SystemExit):
            sampler.sample(2, 1, conditions=wrong)
    model = randomised(small(Path("specs/wavenet_mol.yaml"), 1)).float()
    exported = export_onnx(model, tmp_path / "mixture", all_steps=True)
    assert exported.steps[0] == exported.steps[1] and "--all-steps" not in str(exported)
    with pytest.raises(SystemExit, match="temperature alone"):
        opened(tmp_path / "mixture" / "sample.py").Sampler().sample(1, top_p=0.5)


def test_only_the_first_steps_are_compared_unless_all_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build(from_text(CHARS)).save(tmp_path / "run")
    monkeypatch.setattr(exporting, "STEPS", 2)
    command = ["export", str(tmp_path / "run"), "--onnx", str(tmp_path / "out")]
    assert main(command) == 0 and "2 of 8 steps" in (told := capsys.readouterr().out) and "--all-steps compares" in told
    assert main([*command, "--all-steps"]) == 0 and "8 of 8 steps" in (told := capsys.readouterr().out)
    assert "compares" not in told
    sampler = opened(tmp_path / "out" / "sample.py").Sampler()
    assert sampler.levels("aé") == [97, 195, 169]
    sampler.manifest["data"]["alphabet"] = "xyz"
    assert sampler.levels("zx") == [2, 0]
    with pytest.raises(SystemExit, match="alphabet"):
        sampler.levels("a")


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
        ["sample.py", "-n", "2", "--seed", "3", "--out", str(tmp_path / "x.npy"), "--condition", "speaker=1",
         "--top-k", "5", "--prefix", "[3, 1]"],
    )  # fmt: skip
    opened(folder / "sample.py").main()
    assert "2 of the shape (24,)" in capsys.readouterr().out
    wanted = model.sample(2, seed=3, speaker=1, top_k=5, prefix=[3, 1]).numpy()
    assert np.array_equal(np.load(tmp_path / "x.npy"), wanted)


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
