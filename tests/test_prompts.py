"""Sequences that begin with a prompt, examples that are there in part, and standard output as the place to write to."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import arspec
from arspec.cli.main import main
from arspec.data.begun import usual_split
from arspec.heads.truncation import Truncation
from arspec.language.load import from_text, load
from arspec.model import Model, build
from arspec.sampler.drive.drawing import noise_for
from arspec.sampler.drive.priming import prime
from arspec.sampler.drive.sampler import sampler_of
from arspec.sampler.drive.stream import PIECE, SHORT, stream_of
from arspec.sampler.run.executor import Executor
from arspec.sampler.run.kernel import kernel
from arspec.sampler.run.skinny_matmul import KernelProduct
from tests.small import CHARS as SMALL_TEXT
from tests.small import randomised, refusal

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("chars", "gpt", "char_rnn", "wavenet")
CHARS = SMALL_TEXT.replace("content: text", 'content: text, alphabet: "abcé \\n"').replace("levels: 128", "levels: 6")
ATTENTION = CHARS.replace(
    "  relu: {layer: relu}\n", "  relu: {layer: attention, from: mixed, keys: mixed, values: mixed, mask: so_far}\n"
)
SOUND = CHARS.replace(', content: text, alphabet: "abcé \\n"', ", content: audio, rate: 8000").replace(
    "levels: 6", "levels: 256"
)
TOKENS = CHARS.replace(', content: text, alphabet: "abcé \\n"', "")
IMAGE = """
arspec: 1
data: {kind: image, height: 4, width: 4, levels: 2}
graph:
  s: {layer: scale, from: x}
  c: {layer: conv, kernel: 3, mask: earlier, out: $head}
head: {kind: bernoulli, from: c}
"""


def shipped(name: str) -> Model:
    """A small model in float64 whose distributions differ from step to step."""
    params: dict[str, dict[str, Any]] = {
        "gpt": {"length": 12, "levels": 7, "width": 8, "heads": 2, "layers": 2},
        "char_rnn": {"length": 12, "levels": 7, "width": 8},
        "wavenet": {"length": 12, "levels": 16, "layers": 4, "cycle": 2, "residual": 4, "skip": 4},
    }
    spec = (
        from_text(CHARS, params={"length": 12})
        if name == "chars"
        else load(ROOT / "specs" / f"{name}.yaml", params[name])
    )
    model = build(spec, seed=1).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)
    return model


def condition(model: Model, n: int) -> dict[str, Any]:
    return {name: torch.arange(n) % section.classes for name, section in model.spec.condition.items()}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("given", [1, 5, 11])
def test_what_follows_a_prompt_is_what_the_module_gives_step_by_step(name: str, given: int) -> None:
    model, n, seed = shipped(name), 6, 3
    levels, under = model.spec.data.levels, condition(model, n)
    prefix = torch.randint(levels, (n, given), generator=torch.Generator().manual_seed(0))
    noise, asked = noise_for(model, seed, 0, n), Truncation(top_k=5, top_p=0.95)
    wanted = torch.zeros(n, 12, dtype=torch.long)
    wanted[:, :given] = prefix
    with torch.no_grad():
        for step in range(given, 12):
            chances = asked((model(wanted, **under)[:, step] / 0.9).softmax(-1))
            wanted[:, step] = (chances.cumsum(-1) <= noise[:, step]).sum(-1).clamp(max=levels - 1)
    how: dict[str, Any] = {"seed": seed, "temperature": 0.9, "top_k": 5, "top_p": 0.95, **under}
    for method in ("once", "depth", "fixed-point"):
        assert torch.equal(model.sample(n, prefix=prefix, method=method, **how), wanted), method
    known = torch.arange(12) < given
    assert torch.equal(model.complete(wanted, known, **how), wanted)
    if name != "gpt":
        streamed = torch.cat(list(model.stream(n, steps=12, prefix=prefix, compiled=False, **how)), 1)
        assert torch.equal(streamed, wanted)
    one = model.sample(n, prefix=prefix[0], **how)
    assert (one[:, :given] == prefix[0]).all() and torch.equal(one[0], wanted[0])


OF_LENGTH = {
    "rotary": "turned: {layer: rotary, scaling: {kind: longrope, short: [1, 2], long: [3, 9], original: 16}}\n"
    "  seen: {layer: attention, from: turned, keys: turned, values: h, scale: 9, mask: so_far}",
    "kernel": "seen: {layer: long_conv, kernel: {kind: implicit, width: 3, waves: 2}}",
    "kernel of a length": "seen: {layer: long_conv, kernel: {kind: implicit, width: 3, waves: 2, length: $length}}",
}


@pytest.mark.skipif(kernel() is None, reason="no C++ compiler")
@pytest.mark.parametrize("many", [1, 1 << 20])
@pytest.mark.parametrize("copied", [0, 1 << 30])
@pytest.mark.parametrize("name", ["chars", "gpt", "wavenet"])
def test_products_of_the_steps_take_in_a_prompt(
    name: str, copied: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for constant, value in {"BUSY": 0, "SMALL": 0, "SHORT": 0, "COPIED": copied, "MANY": many}.items():
        monkeypatch.setattr(f"arspec.sampler.run.skinny_matmul.{constant}", value)
    rows: list[int] = []
    of_many = KernelProduct.of_many

    def counted(self: KernelProduct, x: torch.Tensor) -> torch.Tensor:
        rows.append(x.shape[0] * x.shape[1])
        return of_many(self, x)

    monkeypatch.setattr(KernelProduct, "of_many", counted)
    model, given = shipped(name), condition(shipped(name), 3)
    whole = model.sample(3, seed=3, method="once", **given)
    for count in (5, 11):
        rows.clear()
        known = torch.arange(12) < count
        there = torch.where(known, whole, 0)
        sampler = sampler_of(model)
        assert torch.equal(model.sample(3, seed=3, method="once", prefix=whole[:, :count], **given), whole)
        executor = sampler.executor
        by_steps, at_once = (executor.begin(3, given) for _ in range(2))
        values = model.by_variable(whole)
        for step in range(count):
            row, cut = sampler._row(step), sampler._cuts[step]
            executor.step(row, cut, by_steps, step)
            executor.write(cut, by_steps, values[:, step : step + 1].double())
        prime(executor, at_once, there, given, count)
        for node, wanted in by_steps.caches.items():
            if node.name != "logits":
                torch.testing.assert_close(at_once.caches[node], wanted, rtol=0, atol=1e-9)
        assert rows or name != "gpt"
        assert all(one <= 3 * (count + 1) for one in rows)  # the last of them is that of the first that is drawn


@pytest.mark.parametrize("name", OF_LENGTH)
def test_a_prompt_is_taken_in_by_what_the_length_of_the_whole_decides(name: str) -> None:
    """A variant that is no longer than the prompt would turn, and fade, by another length."""
    length, more = 4 * SHORT, 8
    text = TOKENS.replace(
        "relu: {layer: relu}", "h: {layer: conv, out: 4}\n  " + OF_LENGTH[name] + "\n  again: {layer: long_conv}"
    )
    model = randomised(from_text(text, params={"length": length}))
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)
    prefix = torch.randint(6, (64, SHORT - 1), generator=torch.Generator().manual_seed(0))
    drawn = torch.cat([*model.stream(64, steps=SHORT + more, temperature=0.0, prefix=prefix, compiled=False)], 1)
    with torch.no_grad():
        told = model(torch.nn.functional.pad(drawn, (0, length - SHORT - more)))
    assert torch.equal(told.argmax(-1)[:, SHORT - 1 : SHORT + more], drawn[:, SHORT - 1 :])


def test_a_stream_goes_on_from_a_prompt_that_fills_a_variant() -> None:
    model = shipped("wavenet")
    under: dict[str, Any] = condition(model, 1)
    drawn = torch.cat(list(model.stream(1, steps=PIECE + 6, seed=3, compiled=False, **under)), 1)
    for given in (PIECE - 1, PIECE, PIECE + 1):
        more = model.stream(1, steps=PIECE + 6, seed=3, compiled=False, prefix=drawn[:, :given], **under)
        assert torch.equal(torch.cat(list(more), 1), drawn), given


def test_what_is_no_prompt() -> None:
    model = build(from_text(CHARS))
    for prefix in (torch.zeros(8), torch.zeros(9), torch.zeros(0)):
        error = refusal(lambda prefix=prefix: model.sample(1, prefix=prefix.long()))
        assert error.code == "AR862" and error.help == "a prompt of this model has from 1 to 7 steps"
    for shape in ((2, 3), (1, 1, 3)):
        assert (
            "[steps] or [3, steps]"
            in refusal(lambda shape=shape: model.sample(3, prefix=torch.zeros(shape).long())).message
        )
    assert refusal(lambda: model.sample(1, prefix=torch.tensor([6]))).code == "AR804"
    turned = build(from_text(CHARS.replace("graph:", "order: reversed\ngraph:").replace("steps: 1", "steps: -1")))
    assert "does not begin with the prompt" in refusal(lambda: turned.sample(1, prefix=torch.tensor([1]))).message
    assert "an image" in refusal(lambda: build(from_text(IMAGE)).sample(1, prefix=torch.tensor([1]))).message


def test_a_stream_takes_the_prompts_of_a_sample_and_refuses_others() -> None:
    model: Any = build(from_text(CHARS)).eval()

    def stream(n: int = 2, steps: int = 8, **how: Any) -> torch.Tensor:
        return torch.cat(list(model.stream(n, steps=steps, seed=3, **how)), 1)

    for prefix in ([1, 2], [[1, 2]], [[1, 2], [3, 0]], np.array([1, 2], np.uint8), torch.tensor([1.0, 2.0])):
        drawn = model.sample(2, seed=3, prefix=prefix)
        assert torch.equal(stream(prefix=prefix), drawn), prefix
    for wrong, code in (([6], "AR804"), ([-1], "AR804"), ([0.5], "AR804"), ([float("nan")], "AR804"), (3, "AR862"),
                        (np.zeros((3, 1), int), "AR862"), (np.zeros((1, 1, 1), int), "AR862")):  # fmt: skip
        for draw in (stream, model.sample):
            assert refusal(lambda draw=draw, wrong=wrong: draw(2, prefix=wrong)).code == code, wrong
    assert refusal(lambda: stream(prefix=[1] * 9)).code == "AR862"
    wrong_ways: list[dict[str, Any]] = [
        {"steps": 0},
        {"chunk": 0},
        {"temperature": -1.0},
        {"temperature": float("nan")},
    ]
    for how in wrong_ways:
        assert refusal(lambda how=how: stream(**how)).code == "AR808", how


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, text in {
        "chars": CHARS,
        "attention": ATTENTION,
        "sound": SOUND,
        "tokens": TOKENS,
        "image": IMAGE,
    }.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def sample(place: Path, spec: str, *more: str) -> int:
    return main(["sample", str(place / f"{spec}.yaml"), "--device", "cpu", "--seed", "7", *more])


def model_of(place: Path, spec: str) -> Model:
    return arspec.compile(arspec.load(place / f"{spec}.yaml"), seed=7)


def text(rows: torch.Tensor) -> list[str]:
    return ["".join("abcé \n"[level] for level in row) for row in rows.tolist()]


def test_a_prompt_of_text(place: Path) -> None:
    out = place / "x.txt"
    assert sample(place, "chars", "--prompt", "é a", "-o", str(out)) == 0
    prefix, model = torch.tensor([3, 4, 0]), model_of(place, "chars")
    assert [out.read_text()] == text(model.sample(1, seed=7, prefix=prefix)) and out.read_text().startswith("é a")
    assert sample(place, "chars", "--prompt", "é a", "-n", "3", "-o", str(out)) == 0
    several = text(model.sample(3, seed=7, prefix=prefix))
    assert out.read_text() == f"\n{'-' * 72}\n".join(several) + "\n"
    (place / "p.txt").write_text("é a")
    assert sample(place, "chars", "--prefix", str(place / "p.txt"), "-n", "3", "-o", str(place / "y.txt")) == 0
    assert (place / "y.txt").read_bytes() == out.read_bytes()


def test_a_prompt_is_longer_than_the_spec_where_there_is_a_stream(place: Path) -> None:
    out, prompt = place / "x.npy", "abc é abc"
    assert sample(place, "chars", "--prompt", prompt, "-n", "2", "-o", str(out)) == 0
    given, model = torch.tensor(["abcé \n".index(c) for c in prompt]), model_of(place, "chars")
    wanted = torch.cat(list(model.stream(2, steps=9 + 8, seed=7, prefix=given.expand(2, -1))), 1)
    assert np.array_equal(np.load(out), wanted.numpy()) and (wanted[:, :9] == given).all()
    assert sample(place, "chars", "--prompt", prompt, "--length", "40", "-n", "2", "-o", str(place / "x.txt")) == 0
    wanted = torch.cat(list(model.stream(2, steps=40, seed=7, prefix=given.expand(2, -1))), 1)
    assert (place / "x.txt").read_text() == f"\n{'-' * 72}\n".join(text(wanted)) + "\n"


def test_a_prompt_of_a_model_without_a_stream(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, model = place / "x.txt", model_of(place, "attention")
    assert sample(place, "attention", "--prompt", "abcabca", "-o", str(out)) == 0  # one step less than the spec has
    assert [out.read_text()] == text(model.sample(1, seed=7, prefix=torch.tensor([0, 1, 2, 0, 1, 2, 0])))
    assert sample(place, "attention", "--prompt", "ab", "--length", "5", "-o", str(out)) == 0
    assert [out.read_text()] == text(model.sample(1, seed=7, prefix=torch.tensor([0, 1]))[:, :5])
    capsys.readouterr()
    assert sample(place, "attention", "--prompt", "abcabcab", "-o", str(place / "no.txt")) == 2
    told = capsys.readouterr().err
    assert (
        "AR862" in told
        and "the prompt has 8 steps, and 16 are to be written in all; the model draws 8 at the most" in told
    )
    assert "at most 7 steps" in told and not (place / "no.txt").exists()


def test_sounds_begin_with_sounds(place: Path) -> None:
    import soundfile

    soundfile.write(place / "p.flac", np.array([0.0, 0.1, -0.1, 0.5]), 8000)
    out = place / "x.npy"
    assert sample(place, "sound", "--prefix", str(place / "p.flac"), "-n", "3", "-o", str(out)) == 0
    drawn = np.load(out)
    assert (
        drawn.shape == (3, 8)
        and (drawn[:, :4] == drawn[0, :4]).all()
        and drawn[0, 3] > drawn[0, 1] > drawn[0, 0] > drawn[0, 2]
    )
    assert np.array_equal(
        drawn, model_of(place, "sound").sample(3, seed=7, prefix=torch.from_numpy(drawn[0, :4])).numpy()
    )
    assert (
        sample(
            place, "sound", "--prefix", str(place / "p.flac"), "--length", "20", "-n", "2", "-o", str(place / "x.wav")
        )
        == 0
    )
    lengths = [soundfile.info(place / f"x-{k}.wav").frames for k in range(2)]
    assert lengths == [20, 20] and not (place / "x.wav").exists()


def test_what_was_done_to_a_prefix_is_said_and_its_options_hold(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import soundfile

    soundfile.write(place / "p.wav", np.array([[0.0, 0.1], [0.2, 0.3]]), 8000)
    np.save(place / "p.npy", np.array([0, 4, 8, 15]))
    out = place / "x.npy"
    assert sample(place, "sound", "--prefix", str(place / "p.wav"), "-n", "1", "-o", str(out)) == 0
    assert "2 channels mixed to one, their mean" in capsys.readouterr().err
    assert sample(place, "tokens", "--prefix", f"{place / 'p.npy'}@levels=4", "-o", str(out)) == 0
    assert np.load(out)[0, :4].tolist() == [0, 1, 2, 3] and "16 levels to 4" in capsys.readouterr().err
    assert complete(place, "tokens", "--data", f"{place / 'p.npy'}@levels=4", "-o", str(out)) == 0
    assert np.load(out)[0, :4].tolist() == [0, 1, 2, 3]


def test_more_completions_than_memory_has_bytes_are_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(place / "p.npy", np.array([5, 1, 5]))
    more = ["--data", str(place / "p.npy"), "-o", str(place / "x.npy"), "--each", str(10**18)]
    assert complete(place, "tokens", *more) == 2 and "AR872" in capsys.readouterr().err


def test_tokens_begin_with_tokens(place: Path) -> None:
    np.save(place / "p.npy", np.array([5, 1, 5]))
    assert sample(place, "tokens", "--prefix", str(place / "p.npy"), "-o", str(place / "x.npy")) == 0
    drawn = np.load(place / "x.npy")
    assert drawn.shape == (1, 8) and drawn[0, :3].tolist() == [5, 1, 5]
    assert (
        sample(
            place, "tokens", "--prefix", str(place / "p.npy"), "-n", "2", "--length", "12", "-o", str(place / "x.txt")
        )
        == 0
    )
    rows = (place / "x.txt").read_text().split(f"\n{'-' * 72}\n")
    assert [len(row.split()) for row in rows] == [12, 12] and all(row.startswith("5 1 5 ") for row in rows)


@pytest.mark.parametrize(
    ("spec", "options", "code", "told"),
    [
        ("chars", ["--prompt", "a", "--prefix", "p.txt"], "AR808", "give one of them"),
        ("chars", ["--prompt", ""], "AR808", "--prompt is empty"),
        ("chars", ["--prompt", "abz"], "AR861", "'z' at character 3"),
        ("chars", ["--prompt", "abc", "--length", "3"], "AR808", "--prompt has 3 steps, and the whole is to have 3"),
        (
            "chars",
            ["--prompt", "abc", "--length", "2"],
            "AR808",
            "--length 8 adds 5 steps to it; or give a shorter one",
        ),
        ("chars", ["--prefix", "nothing.txt"], "AR803", "nothing.txt"),
        ("sound", ["--prompt", "a"], "AR808", "this model is of audio"),
        ("image", ["--prompt", "a"], "AR808", "are for sequences"),
        ("sound", ["--seconds", "nan"], "AR808", "--seconds is a number of seconds; nan came"),
        ("sound", ["--seconds", "inf"], "AR808", "--seconds is a number of seconds; inf came"),
        ("image", ["--columns", "-3"], "AR808", "--columns is at least 1"),
    ],
)
def test_prompts_that_are_refused(
    spec: str, options: list[str], code: str, told: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = place / ("x.png" if spec == "image" else "x.npy")
    assert sample(place, spec, *options, "-o", str(out)) == 2
    err = capsys.readouterr().err
    assert code in err and told in err and not out.exists()


# -- completion --------------------------------------------------------------------------------------------------------


def complete(place: Path, spec: str, *more: str) -> int:
    return main(["complete", str(place / f"{spec}.yaml"), "--device", "cpu", "--seed", "7", *more])


@pytest.mark.parametrize("spec", ["chars", "attention"])
def test_what_is_shorter_is_completed(spec: str, place: Path) -> None:
    (place / "p.txt").write_text("é ab")
    out = place / "x.txt"
    assert complete(place, spec, "--data", str(place / "p.txt"), "--each", "2", "-o", str(out)) == 0
    x = torch.tensor([[3, 4, 0, 1, 0, 0, 0, 0]] * 2)
    wanted = model_of(place, spec).complete(x, torch.arange(8) < 4, seed=7)
    assert out.read_text() == f"\n{'-' * 72}\n".join(text(wanted)) + "\n"
    assert (
        complete(place, spec, "--data", str(place / "p.txt"), "--given", "prefix:2", "--each", "1", "-o", str(out)) == 0
    )
    assert out.read_text().startswith("é ") and len(out.read_text()) == 8
    assert complete(place, spec, "--data", str(place / "p.txt"), "--given", "prefix:5", "-o", str(place / "n.txt")) == 2
    assert complete(place, spec, "--data", str(place / "p.txt"), "--given", "suffix:2", "-o", str(place / "n.txt")) == 2
    assert not (place / "n.txt").exists()


def test_rows_and_whole_texts_are_completed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(place / "p.npy", np.array([[1, 2, 3], [4, 5, 0]]))
    assert complete(place, "tokens", "--data", str(place / "p.npy"), "--each", "2", "-o", str(place / "x.npy")) == 0
    assert np.load(place / "x.npy")[:, :3].tolist() == [[1, 2, 3]] * 2 + [[4, 5, 0]] * 2  # in the order of the file
    (place / "t.txt").write_text(
        "abc éabc" * 3
    )  # whole, not its last tenth; cut into pieces of which the first half is kept
    assert complete(place, "chars", "--data", str(place / "t.txt"), "--each", "1", "-o", str(place / "x.npy")) == 0
    assert np.load(place / "x.npy").shape == (3, 8) and (np.load(place / "x.npy")[:, :4] == [0, 1, 2, 4]).all()
    np.save(place / "w.npy", np.array([[1, 2, 9]]))
    capsys.readouterr()
    assert complete(place, "tokens", "--data", str(place / "w.npy"), "-o", str(place / "y.npy")) == 2
    assert "the value 9" in capsys.readouterr().err


def test_a_single_file_is_taken_whole(place: Path) -> None:
    (place / "a.txt").write_text("a")
    assert [
        usual_split(str(place / "a.txt")),
        usual_split(f"{place / 'a.txt'}@alphabet=auto"),
        usual_split("digits"),
    ] == [
        "all",
        "all",
        "test",
    ]
    np.savez(place / "a.npz", x=np.zeros(3))
    assert usual_split(str(place)) == usual_split(str(place / "a.npz")) == usual_split("nowhere") == "test"


# -- standard output ---------------------------------------------------------------------------------------------------


class _Standard(io.TextIOWrapper):
    """Standard output that is not UTF-8."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii")

    @property
    def content(self) -> bytes:
        self.flush()
        return self.buffer.getvalue()  # type: ignore[attr-defined]


@pytest.fixture
def standard(monkeypatch: pytest.MonkeyPatch) -> Callable[[], bytes]:
    """What has been written to standard output since the last call."""

    def taken() -> bytes:
        content = sys.stdout.content if isinstance(sys.stdout, _Standard) else b""
        monkeypatch.setattr(sys, "stdout", _Standard())
        return content

    return taken


def test_standard_output_takes_what_is_written_and_nothing_else(place: Path, standard: Callable[[], bytes]) -> None:
    out = place / "x.txt"
    for options in (["--prompt", "é"], ["--prompt", "é", "-n", "2"], ["--length", "200"], ["-n", "3"]):
        assert sample(place, "chars", *options, "-o", str(out)) == 0
        standard()
        assert sample(place, "chars", *options, "-o", "-", "--explain-method") == 0
        assert standard() == out.read_bytes(), options
    for spec, form in (("sound", "wav"), ("sound", "npy"), ("image", "png"), ("tokens", "txt"), ("tokens", "npy")):
        one = ["-n", "1"] if form == "wav" else ["-n", "2"]
        assert sample(place, spec, *one, "-o", str(place / f"x.{form}")) == 0
        standard()
        assert sample(place, spec, *one, "--format", form, "-o", "-") == 0
        assert standard() == (place / f"x.{form}").read_bytes(), (spec, form)
    (place / "p.txt").write_text("é ab")
    assert complete(place, "chars", "--data", str(place / "p.txt"), "--each", "1", "-o", str(out)) == 0
    standard()
    for to in (["-o", "-"], []):  # where text goes that no file is named for
        assert complete(place, "chars", "--data", str(place / "p.txt"), "--each", "1", *to) == 0
        assert standard() == out.read_bytes()
    assert sample(place, "chars", "-n", "2", "-o", str(out)) == 0
    standard()
    assert sample(place, "chars", "-n", "2") == 0
    assert standard() == out.read_bytes()


@pytest.mark.parametrize(
    ("spec", "options", "told"),
    [
        ("sound", [], "required: -o/--out"),
        ("tokens", [], "required: -o/--out"),
        ("sound", ["-o", "-"], "--format npy"),
        ("image", ["-o", "-"], "--format npy"),
        ("chars", ["-o", "x.txt", "--format", "txt"], "says it by its ending"),
        ("chars", ["-o", "-", "--format", "png"], "is not written as '.png'"),
        ("sound", ["-o", "-", "--format", "wav", "-n", "2"], "takes one sound; 2 came"),
        ("sound", ["-o", "-", "--format", "wav", "-n", "2", "--length", "9"], "takes one sound; 2 came"),
    ],
)
def test_what_standard_output_refuses(
    spec: str,
    options: list[str],
    told: str,
    place: Path,
    standard: Callable[[], bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    standard()
    assert sample(place, spec, *options) == 2
    assert told in capsys.readouterr().err and standard() == b""


PLACED = """arspec: 1
name: placed
data: {kind: sequence, length: 80, levels: 11, given: 1, start: 0}
graph:
  tokens: {layer: embedding, from: x, out: 8}
  places: PLACES
  input: {layer: add, from: [tokens, places]}
  k: {layer: conv, from: input, out: 8}
  seen: {layer: attention, from: input, keys: k, values: k, heads: 2, mask: so_far}
  next: {layer: conv, from: seen, out: $head}
  logits: {layer: shift, steps: 1}
head: {kind: categorical, from: logits}
"""


@pytest.mark.parametrize("places", ["{layer: position, out: 8}", "{layer: sinusoid, out: 8}"])
def test_a_short_pass_knows_the_places_behind_the_prompt(places: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(from_text(PLACED.replace("PLACES", places)), seed=1).double().eval()
    for weight in model.parameters():
        weight.data.mul_(4)
    x = model.sample(3, seed=5)
    passes: list[int] = []
    visit = Model.visit

    def told(self: Model, x: torch.Tensor, *rest: Any) -> None:
        passes.append(x.shape[1])
        visit(self, x, *rest)

    monkeypatch.setattr(Model, "visit", told)
    for count, short in ((3, 8), (7, 8), (8, 16), (16, 24), (63, 64), (64, 80)):
        passes.clear()
        assert torch.equal(torch.cat([*model.stream(3, steps=80, seed=5, prefix=x[:, :count])], 1), x)
        assert passes[0] == short


def test_one_pass_takes_in_a_prompt_and_gives_the_first_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is drawn, neither the head nor what leads to it alone is computed."""
    model = build(from_text(ATTENTION)).eval()
    passes: list[list[str]] = []
    visit = Model.visit

    def told(self: Model, x: Any, member: int, condition: Any, tap: Any, names: set[str], instead: Any) -> None:
        seen: list[str] = []
        passes.append(seen)

        def watched(node: Any, value: torch.Tensor) -> torch.Tensor:
            seen.append(node.name)
            return tap(node, value)

        visit(self, x, member, condition, watched, names, instead)

    monkeypatch.setattr(Model, "visit", told)
    steps: list[int] = []
    step = Executor.step

    def counted(
        self: Executor, row: Any, cut: Any, state: Any, number: Any, trace: Any = None, made: Any = None
    ) -> torch.Tensor:
        steps.extend([1] * (made is None))
        return step(self, row, cut, state, number, trace, made)

    prefix = torch.tensor([[1, 2, 3, 4, 5]])
    drawn = torch.cat(list(model.stream(1, steps=8, seed=0, prefix=prefix)), 1)
    assert torch.equal(drawn[:, :5], prefix)
    monkeypatch.setattr(Executor, "step", counted)
    steps.clear()
    assert torch.equal(torch.cat(list(model.stream(1, steps=8, seed=0, prefix=prefix)), 1), drawn)
    assert torch.equal(torch.cat(list(model.stream(1, steps=5, prefix=prefix)), 1), prefix)
    assert torch.equal(model.sample(1, seed=0, prefix=prefix, method="once"), drawn)
    first, again, nothing, sample = passes
    assert {"mixed", "relu"} <= {*first} and again == sample == first
    assert "mixed" in nothing and not {"relu", "logits"} & {*nothing}
    assert len(steps) == 2 * 2  # of three that are drawn, twice


@pytest.mark.skipif(kernel() is None, reason="no C++ compiler")
def test_the_first_draw_multiplies_the_rows_that_it_is_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits of one step, not of all that are given; and places that are added to tokens are nowhere kept."""
    for constant in ("BUSY", "SMALL", "SHORT"):
        monkeypatch.setattr(f"arspec.sampler.run.skinny_matmul.{constant}", 0)
    model = build(from_text(PLACED.replace("PLACES", "{layer: position, out: 8}")), seed=1).double().eval()
    x = model.sample(3, seed=5)
    rows: list[int] = []
    add = KernelProduct._add

    def counted(self: KernelProduct, y: torch.Tensor, given: torch.Tensor, *rest: Any) -> None:
        if self.outputs == 11:
            rows.append(given.shape[0] * given.shape[1])
        add(self, y, given, *rest)

    monkeypatch.setattr(KernelProduct, "_add", counted)
    assert torch.equal(torch.cat([*model.stream(3, steps=80, seed=5, prefix=x[:, :20])], 1), x)
    assert rows == [3] * 60
    assert "places" not in {node.name for node in stream_of(model).executor.program.caches}
