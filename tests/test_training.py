"""Training: exact resume, processes that agree with one, checkpoints, evaluation, and the commands around them."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import arspec
from arspec.cli import models
from arspec.cli.given import known_part
from arspec.cli.main import command as command_of
from arspec.data import load
from arspec.language.sections import SequenceData
from arspec.saving.tensors import read_tensors, weights_of
from arspec.training import Options, evaluate, load_model, save_model, trackers, train
from arspec.training.batches import Batches, draw_member
from arspec.training.optimizer import clip, make_optimizer
from tests.processes import OPTIONS as TOGETHER
from tests.processes import STAND_IN
from tests.small import ROOT, refuses

SMALL = """\
arspec: 1
name: small
data: {kind: image, height: 8, width: 8, channels: 1, levels: 17}
condition: {label: {kind: class, classes: 10}}
params: {width: 8}
graph:
  hot: {layer: one_hot, from: x}
  first: {layer: conv, kernel: 5, out: $width, mask: earlier}
  given: {layer: condition, by: label}
  bent: {layer: relu}
  dropped: {layer: dropout, rate: 0.1}
  second: {layer: conv, kernel: 3, out: $width, mask: so_far}
  bent_again: {layer: relu}
  logits: {layer: conv, kernel: 1, out: $head, mask: so_far}
head: {kind: categorical, from: logits}
"""

FAMILY = """\
arspec: 1
name: family
data: {kind: vector, size: 64, levels: 2}
order: {scan: random, seed: 1, members: 3}
graph:
  scaled: {layer: scale, from: x}
  hidden: {layer: dense, units: 40, mask: so_far}
  bent: {layer: relu}
  logits: {layer: dense, out: 1, mask: earlier}
head: {kind: bernoulli, from: logits}
"""

OPTIONS = Options(
    steps=12,
    batch=16,
    lr=1e-2,
    schedule="cosine",
    warmup=3,
    ema=0.9,
    log_every=1,
    eval_every=4,
    save_every=0,
    samples=0,
)


@pytest.fixture(autouse=True)
def one_thread():
    """Sums do not depend on how many threads a machine gives."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path / "small.yaml"


@pytest.fixture
def family(tmp_path: Path) -> Path:
    (tmp_path / "family.yaml").write_text(FAMILY)
    return tmp_path / "family.yaml"


def begin(spec: Path, seed: int = 0, **params: Any) -> Any:
    return arspec.compile(arspec.load(spec, params=params), seed=seed)


def digits(model: Any, split: str = "train") -> Any:
    return load("digits", model.spec.data, model.spec.condition, split)


def run(model: Any, folder: Path, options: Options = OPTIONS, **rest: Any) -> Any:
    return train(model, digits(model), digits(model, "valid"), folder, options, device="cpu", tensorboard=False, **rest)


def lines(folder: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    for line in found:
        line.pop("seconds", None)
    return found


# ------------------------------------------------------------------ the loop


def test_a_run_learns_and_leaves_what_it_says(small: Path, tmp_path: Path) -> None:
    options = Options(steps=80, batch=32, lr=1e-2, ema=0.95, log_every=10, eval_every=40, sample_every=40, samples=4)
    summary = train(
        begin(small), digits(begin(small)), digits(begin(small), "valid"), tmp_path / "run", options, device="cpu"
    )
    told = lines(tmp_path / "run")
    losses = [line["train_bits_per_dim"] for line in told if "train_bits_per_dim" in line]
    assert len(losses) == 8 and losses[-1] < losses[0] - 0.5
    assert summary.finished and summary.valid is not None and summary.valid.bits_per_dim < 3
    assert [line["step"] for line in told if "valid_nats" in line] == [40, 80]
    assert json.loads(json.dumps(summary.to_json()))["valid"]["examples"] == 179
    names = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    pictures = {"samples/step-0000040.png", "samples/step-0000080.png"}
    assert {"model.safetensors", "state.safetensors", "spec.yaml", "spec.json", "log.jsonl"} | pictures <= names
    assert any(name.startswith("tensorboard/events") for name in names)
    assert not any(Path(name).name.startswith(".") for name in names)


@pytest.mark.parametrize("optimizer", ["adamw", "rmsprop"])
def test_resume_is_exact(small: Path, tmp_path: Path, optimizer: str) -> None:
    options = Options(**{**vars(OPTIONS), "optimizer": optimizer})
    run(begin(small), tmp_path / "whole", options)
    assert not run(begin(small), tmp_path / "parts", options, stop_after=5).finished
    # what a killed run wrote after its checkpoint is forgotten
    with (tmp_path / "parts" / "log.jsonl").open("a") as file:
        file.write('{"step": 6, "train_bits_per_dim": 99.0}\n{"step": 7, "trai')
    assert run(begin(small, seed=9), tmp_path / "parts", options, resume=True).finished
    whole, parts = lines(tmp_path / "whole"), lines(tmp_path / "parts")
    parts = [line for line in parts if not (line["step"] == 5 and "valid_nats" in line)]  # told where it stopped
    assert parts == whole
    for name in ("model.safetensors", "state.safetensors"):
        one, other = read_tensors(tmp_path / "whole" / name)[0], read_tensors(tmp_path / "parts" / name)[0]
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_run_is_resumed_with_its_own_options(small: Path, tmp_path: Path) -> None:
    refuses("AR814", lambda: run(begin(small), tmp_path / "run", resume=True), "no training run")
    run(begin(small), tmp_path / "run", stop_after=1)
    refuses("AR810", lambda: run(begin(small), tmp_path / "run"), "--resume")
    other = Options(**{**vars(OPTIONS), "lr": 0.5})
    refuses("AR814", lambda: run(begin(small), tmp_path / "run", other, resume=True), "lr 0.01, not 0.5")
    other = Options(**{**vars(OPTIONS), "lr": 0.5, "beta1": 0.5})
    told = f"--lr 0.01 --beta1 {OPTIONS.beta1},"  # all at once, as they are written
    refuses("AR814", lambda: run(begin(small), tmp_path / "run", other, resume=True), told)
    wide = begin(small, width=9)
    refuses("AR801", lambda: run(wide, tmp_path / "run", resume=True), "of another shape")


def test_an_interrupt_saves_between_two_steps(small: Path, tmp_path: Path) -> None:
    model, calls = begin(small), []
    log_prob = model.log_prob

    def interrupt(*args: Any, **condition: Any) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return log_prob(*args, **condition)

    model.log_prob = interrupt
    before = signal.getsignal(signal.SIGINT)
    summary = run(model, tmp_path / "run", Options(**{**vars(OPTIONS), "ema": 0.0}))
    assert summary.steps == 3 and not summary.finished
    assert signal.getsignal(signal.SIGINT) is before
    assert read_tensors(tmp_path / "run" / "state.safetensors")[1]["step"] == 3


def test_divergence_is_told(small: Path, tmp_path: Path) -> None:
    wild = Options(**{**vars(OPTIONS), "lr": 1e30, "schedule": "constant", "warmup": 0})
    refuses("AR818", lambda: run(begin(small), tmp_path / "run", wild), "diverged", "--lr")


def test_mixed_precision_trains(small: Path, tmp_path: Path) -> None:
    summary = run(begin(small), tmp_path / "run", Options(**{**vars(OPTIONS), "precision": "bf16"}))
    assert math.isfinite(summary.valid.nats)
    weights, _ = read_tensors(tmp_path / "run" / "model.safetensors")
    assert all(tensor.dtype == torch.float32 for tensor in weights.values() if tensor.is_floating_point())


PAIRS = [("ddp", "small"), ("fsdp", "family")]
STOP = {"ddp": 8, "fsdp": 5}  # the step after which two processes end


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the specs, and for each kind the folder of a run of two processes."""
    folder = tmp_path_factory.mktemp("pairs")
    # dropout draws differ between the processes by intention
    (folder / "small.yaml").write_text(SMALL.replace("rate: 0.1", "rate: 0"))
    (folder / "family.yaml").write_text(FAMILY)
    trainings = [
        {
            "size": 2,
            "spec": str(folder / f"{spec}.yaml"),
            "folder": str(folder / kind),
            "kind": kind,
            "stop": STOP[kind],
        }
        for kind, spec in PAIRS
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.processes", json.dumps(trainings)],
        capture_output=True, text=True, env=environment, timeout=280, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize(("kind", "source"), PAIRS)
def test_two_processes_compute_what_one_does(
    kind: str, source: str, tmp_path: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, spec, two = STOP[kind], pairs / f"{source}.yaml", pairs / kind
    options = Options(**TOGETHER)
    run(begin(spec), tmp_path / "one", options)
    told = [json.loads(line) for line in (two / "told.jsonl").read_text().splitlines()]
    assert {rank for rank, *_ in told} == {"0"} and [what for _, what, *_ in told].count("begin") == 1
    assert sorted({step for _, what, step, *_ in told if what == "numbers"}) == [*range(1, stop + 1)]
    assert told[-1] == ["0", "close", stop == 8]
    if stop < 8:  # what two processes began, one goes on with
        monkeypatch.setitem(trackers.TRACKERS, "mlflow", STAND_IN)
        run(begin(spec), two, options, resume=True, log=["mlflow"])
        again = [json.loads(line)[1:] for line in (two / "told.jsonl").read_text().splitlines()][len(told) :]
        assert again[0] == told[0][1:] and again[1][:2] == ["numbers", stop + 1] and again[-1] == ["close", True]
    first = [line for line in lines(tmp_path / "one") if line["step"] != stop or "valid_nats" not in line]
    second = [line for line in lines(two) if line["step"] != stop or "valid_nats" not in line]
    assert len(first) == len(second) >= 9
    for mine, theirs in zip(first, second, strict=True):
        assert mine.keys() == theirs.keys()
        for key, value in mine.items():
            assert value == pytest.approx(theirs[key], abs=1e-9), key
    weights, others = (read_tensors(run / "model.safetensors")[0] for run in (tmp_path / "one", two))
    assert weights.keys() == others.keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(tensor, others[name], rtol=0, atol=1e-9)
    assert (two / "samples" / "step-0000004.png").exists()


# ------------------------------------------------------------------ its parts


def test_every_example_comes_once_a_pass(small: Path) -> None:
    examples = digits(begin(small)).first(50)
    batches = Batches(examples, 16, seed=3)
    order = np.concatenate([batches.indices(step) for step in range(25)])  # eight passes
    for start in range(0, 400, 50):
        assert sorted(order[start : start + 50]) == list(range(50))
    assert (order[:50] != order[50:100]).any()
    assert (Batches(examples, 16, seed=3).indices(7) == batches.indices(7)).all()
    assert (Batches(examples, 16, seed=4).indices(7) != batches.indices(7)).any()
    halves = [batches.at(2, part, 2)[0] for part in (0, 1)]
    assert (np.concatenate(halves) == batches.at(2)[0]).all()
    assert {draw_member(3, 0, step) for step in range(30)} == {0, 1, 2} and draw_member(1, 0, 5) == 0


def test_windows_are_drawn_from_any_place(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abcdefghij" * 100)
    text = SequenceData(kind="sequence", length=16, levels=128, content="text")
    batches = Batches(load(str(tmp_path / "a.txt"), text), 8, seed=0)
    starts = {int(index) % 16 for step in range(20) for index in batches.indices(step)}
    assert len(starts) > 12 and (batches.indices(4) == batches.indices(4)).all()


@pytest.mark.parametrize("limit", [0.0, 1.0, 1e9, math.nan])
def test_gradients_are_clipped_as_torch_does_and_else_left_alone(limit: float) -> None:
    draw, pairs = torch.Generator().manual_seed(0), list[tuple[nn.Parameter, nn.Parameter]]()
    for _ in range(3):
        one = torch.randn(40, 3, generator=draw)
        ours, theirs = nn.Parameter(one.clone()), nn.Parameter(one.clone())
        ours.grad, theirs.grad = one.clone(), one.clone()
        pairs.append((ours, theirs))
    if math.isnan(limit):
        limit = 1.0
        for ours, theirs in pairs[:1]:
            ours.grad[0], theirs.grad[0] = math.nan, math.nan  # pyright: ignore[reportOptionalSubscript]
    pairs.append((nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))))  # without a gradient
    norm = clip([ours for ours, _ in pairs], limit)
    wanted = nn.utils.clip_grad_norm_([theirs for _, theirs in pairs], limit or math.inf)
    torch.testing.assert_close(norm, wanted, rtol=0, atol=0, equal_nan=True)
    for ours, theirs in pairs[:-1]:
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=0, equal_nan=True)
        assert ours.grad is not None and (ours.grad._version > 0) == (limit == 1.0)


def test_adamw_goes_through_memory_once(small: Path) -> None:
    model: Any = arspec.compile(arspec.load(small))
    optimizer = make_optimizer(Options(steps=1, batch=1), model)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        optimizer.step()
    calls = {event.key: event.count for event in seen.key_averages()}
    assert calls["aten::_fused_adamw_"] == 1 and "aten::addcdiv_" not in calls


def test_learning_rates() -> None:
    cosine = Options(steps=110, lr=1.0, warmup=10, schedule="cosine", final=0.1)
    assert [round(cosine.learning_rate(step), 6) for step in (0, 4, 9, 10, 60, 110)] == [0.1, 0.5, 1.0, 1.0, 0.55, 0.1]
    assert Options(lr=2.0, schedule="exponential", decay=0.5).learning_rate(3) == 0.25
    assert Options(lr=2.0).learning_rate(999) == 2.0


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"batch": 0}, {"lr": 0.0}, {"lr": math.nan}, {"ema": 1.0}, {"optimizer": "sgd"}, {"seed": -1}],
)
def test_options_are_checked(wrong: dict[str, Any]) -> None:
    refuses("AR808", lambda: Options(**wrong), next(iter(wrong)))


def test_evaluation_is_the_mean_and_its_error(small: Path) -> None:
    model = begin(small)
    examples = digits(model, "test").first(50)
    found = evaluate(model, examples, batch=16)
    x, condition = examples.take(np.arange(50))
    with torch.no_grad():
        nats = -model.eval().log_prob(torch.from_numpy(x), label=torch.from_numpy(condition["label"])).double()
    assert found.nats == pytest.approx(nats.mean().item(), rel=1e-6)
    assert found.standard_error == pytest.approx(nats.std().item() / math.sqrt(50), rel=1e-5)
    assert found.bits_per_dim == pytest.approx(found.nats / (64 * math.log(2)))
    assert found.examples == 50 and "50 examples" in str(found)


def test_members_are_averaged_as_probabilities(family: Path, tmp_path: Path) -> None:
    model = begin(family)
    assert model.members == 3
    examples = digits(model, "test").first(20)
    x = torch.from_numpy(examples.take(np.arange(20))[0])
    with torch.no_grad():
        each = torch.stack([model.log_prob(x, member=member).double() for member in range(3)])
    assert evaluate(model, examples).nats == pytest.approx(-each.exp().mean(0).log().mean().item(), rel=1e-6)
    assert evaluate(model, examples, members=1).nats == pytest.approx(-each[0].mean().item(), rel=1e-6)
    summary = run(begin(family), tmp_path / "run")
    assert summary.valid.members == 3


# ------------------------------------------------------------------ model folders


def test_a_folder_gives_the_averaged_model_back(small: Path, tmp_path: Path) -> None:
    model = begin(small, width=6)
    summary = run(model, tmp_path / "run", Options(**{**vars(OPTIONS), "save_every": 12}))
    small.unlink()  # the folder stands alone
    for place in (tmp_path / "run", tmp_path / "run" / "model.safetensors"):
        loaded = load_model(place, "cpu")
        assert loaded.spec.params["width"] == 6 and not loaded.training
        assert evaluate(loaded, digits(loaded, "valid")).nats == pytest.approx(summary.valid.nats, rel=1e-7)
    kept = read_tensors(tmp_path / "run" / "state.safetensors")[0]
    averaged = read_tensors(tmp_path / "run" / "model.safetensors")[0]
    assert all(torch.equal(kept[f"average/{name}"], tensor) for name, tensor in averaged.items())
    assert any(not torch.equal(kept[f"weights/{name}"], tensor) for name, tensor in averaged.items())


def test_a_spec_that_extends_another_is_kept_whole(small: Path, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    child = tmp_path / "deep" / "child.yaml"
    np.save(tmp_path / "deep" / "ranks.npy", np.arange(64).reshape(8, 8).T)
    child.write_text(
        "arspec: 1\nextends: ../small.yaml\nparams: {width: 5}\norder: {scan: explicit, ranks: ranks.npy}\n"
    )
    model = begin(child)
    save_model(model, tmp_path / "model")
    for path in (small, child, tmp_path / "deep" / "ranks.npy"):
        path.unlink()
    loaded = load_model(tmp_path / "model", "cpu")
    assert loaded.spec.params["width"] == 5
    assert (loaded.spec.members[0].order.rank == model.spec.members[0].order.rank).all()
    assert all(torch.equal(a, b) for a, b in zip(weights_of(model).values(), weights_of(loaded).values(), strict=True))


def test_a_shipped_family_is_trained_at_the_size_of_the_data(tmp_path: Path) -> None:
    made = Path(__file__).parent.parent / "specs" / "made.yaml"
    spec = arspec.load(made, params={"hidden": 40, "members": 2}, data={"size": 64, "display": [8, 8]})
    options = Options(**{**vars(OPTIONS), "samples": 4})
    summary = run(arspec.compile(spec), tmp_path / "run", options)
    assert summary.valid.members == 2 and summary.valid.variables == 64
    loaded = load_model(tmp_path / "run", "cpu")
    assert loaded.spec.data.size == 64
    assert evaluate(loaded, digits(loaded, "valid")).nats == pytest.approx(summary.valid.nats, rel=1e-7)
    with Image.open(tmp_path / "run" / "samples" / "step-0000012.png") as image:
        assert image.size == (2 * 58 + 2, 2 * 58 + 2)


def test_wrong_weights_are_named(small: Path, tmp_path: Path) -> None:
    save_model(begin(small), tmp_path / "a")
    save_model(begin(small, width=5), tmp_path / "b")
    os.replace(tmp_path / "b" / "model.safetensors", tmp_path / "a" / "model.safetensors")
    refuses("AR801", lambda: load_model(tmp_path / "a", "cpu"), "of another shape", "first", "do not fit")
    (tmp_path / "a" / "model.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{broken")
    refuses("AR802", lambda: load_model(tmp_path / "a", "cpu"), "damaged")
    refuses("AR802", lambda: load_model(tmp_path / "c", "cpu"), "no model")
    (tmp_path / "b" / "model.safetensors").write_bytes(b"")
    refuses("AR802", lambda: load_model(tmp_path / "b", "cpu"), "damaged")
    save_model(begin(small), tmp_path / "d")
    (tmp_path / "d" / "spec.json").write_text("{")
    refuses("AR802", lambda: load_model(tmp_path / "d", "cpu"), "spec.json is damaged")
    model = begin(small)
    few = dict(list(weights_of(model).items())[1:])
    save_model(model, tmp_path / "e", {**few, "stray": torch.zeros(1)})
    refuses("AR801", lambda: load_model(tmp_path / "e", "cpu"), "1 missing", "1 unknown (stray)")
    refuses("AR815", lambda: load_model(tmp_path / "d", "cuda:9"), "cuda:9")


# ------------------------------------------------------------------ the commands


def command(name: str, *arguments: object) -> int:
    act, parser = command_of(name)
    return act(parser.read([str(argument) for argument in arguments]))


def test_the_commands_go_together(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    common = (small, "--data", "digits", "--out", out, "--device", "cpu", "--set", "width=6", "--lr", "1e-2", "--json")
    assert command("train", *common, "--epochs", "0.5", "--batch", "32", "--samples", "0", "--no-tensorboard") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["steps"] == math.ceil(0.5 * 1439 / 32) and summary["spec"] == "small"
    more = ("--steps", "25", "--batch", "32", "--samples", "0", "--no-tensorboard", "--resume")
    assert command("train", *common, *more) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 25
    refuses("AR814", lambda: command("train", *common[:6], *common[8:], *more), "another spec or other params")

    assert command("eval", out, "--data", "digits", "--device", "cpu", "--json") == 0
    trained = json.loads(capsys.readouterr().out)
    assert command("eval", small, "--set", "width=6", "--data", "digits", "--device", "cpu", "--json") == 0
    assert json.loads(capsys.readouterr().out)["nats"] > trained["nats"]

    picture = tmp_path / "s.png"
    assert command("sample", out, "-o", picture, "--condition", "label=0..9", "-n", "20", "--device", "cpu") == 0
    with Image.open(picture) as image:
        assert image.size == (10 * 58 + 2, 2 * 58 + 2)
    arrays = [tmp_path / "a.npy", tmp_path / "b.npy"]
    for path in arrays:
        assert (
            command("sample", out, "-o", path, "--condition", "label=3", "--seed", 5, "-n", 3, "--device", "cpu") == 0
        )
    assert (np.load(arrays[0]) == np.load(arrays[1])).all() and np.load(arrays[0]).shape == (3, 1, 8, 8)

    given = load("digits", arspec.load(small).data, {}, "test").x[:2]
    path = tmp_path / "c.npy"
    assert command("complete", out, "--data", "digits", "-o", path, "-n", 2, "--each", 3, "--device", "cpu") == 0
    completed = np.load(path).reshape(2, 3, 1, 8, 8)
    assert (completed[..., :4, :] == given[:, None, :, :4]).all()
    assert command("complete", out, "--data", "digits", "-o", path, "--given", "prefix:10", "--device", "cpu") == 0
    assert command("complete", out, "--data", "digits", "-o", tmp_path / "c.png", "--device", "cpu") == 0
    refuses(
        "AR805",
        lambda: command(
            "complete", out, "--data", "digits", "-o", path, "--given", "left-half", "--how", "order", "--device", "cpu"
        ),
    )


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("AR806", ("sample", "SPEC", "-o", "a.png")),
        ("AR807", ("sample", "SPEC", "-o", "a.png", "--condition", "label=10")),
        ("AR808", ("sample", "SPEC", "-o", "a.png", "--condition", "label=x")),
        ("AR808", ("sample", "SPEC", "-o", "a.png", "--condition", "lable=1")),
        ("AR808", ("sample", "SPEC", "-o", "a.png", "--temperature", "-1")),
        ("AR808", ("sample", "SPEC", "-o", "a.png", "-n", "0")),
        ("AR809", ("sample", "SPEC", "-o", "a.wav", "--condition", "label=1")),
        ("AR816", ("sample", "SPEC", "-o", "a.png", "--condition", "label=1", "--member", "1")),
        ("AR815", ("sample", "SPEC", "-o", "a.png", "--device", "abacus")),
        ("AR802", ("eval", "nowhere", "--data", "digits")),
        ("AR803", ("eval", "SPEC", "--data", "nothing")),
        ("AR808", ("eval", "SPEC", "--data", "digits", "--batch", "0")),
        ("AR808", ("complete", "SPEC", "--data", "digits", "-o", "a.png", "--given", "prefix:64")),
        ("AR808", ("complete", "SPEC", "--data", "digits", "-o", "a.png", "--given", "nothing.png")),
        ("AR808", ("train", "SPEC", "--data", "digits", "--out", "run", "--set", "width")),
        ("AR808", ("train", "SPEC", "--data", "digits", "--out", "run", "--steps", "5", "--epochs", "1")),
        ("AR808", ("train", "SPEC", "--data", "digits", "--out", "run", "--lr", "-1")),
        ("AR804", ("train", "SPEC", "--data", "digits@levels=4", "--out", "run")),
    ],
)
def test_bad_arguments_are_input_errors(code: str, arguments: tuple[str, ...], small: Path, tmp_path: Path) -> None:
    def place(argument: str) -> str:
        return str(small) if argument == "SPEC" else str(tmp_path / argument) if argument == "run" else argument

    refuses(code, lambda: command(*map(place, arguments)))
    assert not (tmp_path / "run").exists()


def test_a_mask_says_what_is_given(small: Path, tmp_path: Path) -> None:
    model = begin(small)
    mask = np.zeros((8, 8), np.uint8)
    mask[:3] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    assert (known_part(str(tmp_path / "mask.png"), model)[0] == (mask > 0)).all()
    assert known_part("top-half", model).sum() == 32
    assert known_part("prefix:11", model).reshape(-1)[:11].all()
    Image.new("L", (4, 4)).save(tmp_path / "small.png")
    refuses("AR804", lambda: known_part(str(tmp_path / "small.png"), model), "[4, 4]")
    assert models.params_of(["a=1", "b=1e-3", "c=no"]) == {"a": 1, "b": 1e-3, "c": "no"}


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys, arspec.cli.train, arspec.cli.evaluate, arspec.cli.generate; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
