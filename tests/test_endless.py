"""Which models have a stream, found from their graphs: windows of attention, lengths written as numbers, and the
reasons of those that have none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from arspec.cli.main import main
from arspec.diagnostics import InputError
from arspec.language.load import from_text, load
from arspec.model import Model, build
from arspec.sampler.drive import stream as streams
from arspec.sampler.drive.stream import Stream
from arspec.sampler.plan.endless import endless

ROOT = Path(__file__).parent.parent
ATTENTION = """arspec: 1
name: windows
data: {kind: sequence, length: 20, levels: 5}
params: {window: 6}
graph:
  e: {layer: embedding, from: x, out: 8}
  s: {layer: shift, steps: 1}
  q: {layer: conv, from: s, out: 8}
  k: {layer: conv, from: s, out: 8}
  v: {layer: conv, from: s, out: 4}
  a: {layer: attention, from: q, keys: k, values: v, heads: 2, mask: MASK}
  again: {layer: attention, from: q, keys: k, values: a, mask: MASK}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""
NET = """arspec: 1
name: net
data: {kind: sequence, length: 24, levels: 5}
PARAMS
graph:
  e: {layer: embedding, from: x, out: 6}
  s: {layer: shift, steps: 1}
  c: {layer: conv, kernel: 3, dilation: 2, padding: causal, out: 6}
  EXTRA
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""
WINDOWS = {  # a mask, the period's length, and how many steps are kept of what is read by it
    "so_far and that.step > this.step - 7": (1, 7),
    "earlier and this.step - that.step < $window": (1, 6),
    "so_far and this.step - that.step < $window and (this.step - that.step) % 2 == 0": (1, 5),
    "so_far and that.step // 8 == this.step // 8": (8, 8),
    "so_far and this.step - that.step < 40": (1, 40),
    "earlier and this.step - that.step <= 3 and that.step % 2 == 0": (2, 2),
}


def attention(mask: str) -> Model:
    return build(from_text(ATTENTION.replace("MASK", f"'{mask}'")), seed=1).double().eval()


def net(extra: str = "", params: str = "", data: str = "") -> Model:
    text = NET.replace("EXTRA", extra).replace("PARAMS", params)
    return build(from_text(text.replace("length: 24", data, 1) if data else text), seed=1).double().eval()


def longer(model: Model, length: int) -> Model:
    found = build(model.spec.variant(data={"length": length})).double().eval()
    found.load_state_dict(model.state_dict())
    return found


def drawn(model: Model, steps: int, **how: Any) -> Tensor:
    return torch.cat(list(model.stream(2, steps=steps, seed=3, **how)), 1)


@pytest.mark.parametrize("mask", WINDOWS)
def test_a_window_of_attention_streams(mask: str) -> None:
    model, length = attention(mask), 150
    whole = longer(model, length).sample(2, seed=3, method="once")
    assert torch.equal(longer(model, length).sample(2, seed=3, method="fixed-point"), whole)
    assert torch.equal(drawn(model, length, chunk=64), whole)
    for count in (1, 30, 147):
        assert torch.equal(drawn(model, length, prefix=whole[:, :count]), whole)
    period, kept = WINDOWS[mask]
    course = endless(model, 0)
    assert course.period is not None and course.period.length == period
    rings = {node.name: cache.size - cache.outside for node, cache in course.program.caches.items()}
    assert kept <= rings["k"] <= kept + 2 and not course.program.whole


def test_what_is_kept_of_a_window_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, sizes = Stream(attention("so_far and that.step > this.step - 7")), list[int]()
    step = stream.executor.step

    def counted(row: Any, cut: Any, state: Any, number: Any, *, made: Any) -> Tensor:
        sizes.append(sum(cache.numel() for cache in state.caches.values()))
        assert number is None and made is None
        return step(row, cut, state, number)

    monkeypatch.setattr(stream.executor, "step", counted)
    for piece in stream.run(1, 700, {}, chunk=100):
        assert piece.shape == (1, 100)
    assert len(sizes) == 700 and len(set(sizes)) == 1


@pytest.mark.parametrize(
    "make", [lambda: attention("so_far and that.step > this.step - 7"), net], ids=["window", "net"]
)
def test_steps_are_traced_as_they_are(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is handed to the compiler computes what the plain steps do."""
    traced: list[object] = []

    def as_it_is(graph: Any, example: Any, options: Any) -> Any:
        traced.append(graph)
        return graph

    monkeypatch.setattr("torch._inductor.compile", as_it_is)
    monkeypatch.setattr("arspec.sampler.run.compiled.need_compiler", lambda device: None)
    model = make()
    assert torch.equal(drawn(model, 100, compiled=True), drawn(model, 100, compiled=False))
    assert len(traced) == 1


# -- lengths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "data"),
    [
        ("", ""),
        ("params: {width: 6}", ""),
        ("params: {length: 24}", "length: $length"),
        ("params: {frames: 6, hop: 4}", "length: $frames * $hop"),
        ("params: {half: 12}", "length: 2 * $half"),
        ("params: {more: 20}", "length: $more + 4"),
        ("", "length: 3"),
        ("", "length: 128"),
        ("", "length: 300"),
    ],
)
def test_a_length_may_be_written_in_any_way(params: str, data: str) -> None:
    model = net("", params, data)
    assert torch.equal(drawn(model, 200), longer(model, 200).sample(2, seed=3, method="once"))


def test_layers_stay_as_they_are_at_any_length() -> None:
    model = net("far: {layer: shift, steps: $length // 4}", "params: {length: 24}", "length: $length")
    assert torch.equal(drawn(model, 200), longer(model, 200).sample(2, seed=3, method="once"))
    assert endless(model, 0).model.graph.nodes[3].layer.steps == 6  # pyright: ignore[reportAttributeAccessIssue]


def test_strides_that_no_power_of_two_holds() -> None:
    extra = (
        "down: {layer: conv, kernel: 3, stride: 3, padding: causal, out: 4}\n  up: {layer: upsample, factor: 3}\n  "
        "late: {layer: shift, steps: 3}"
    )
    model = net(extra)
    assert torch.equal(drawn(model, 150), longer(model, 150).sample(2, seed=3, method="once"))
    course = endless(model, 0)
    assert course.period is not None and course.period.length in (3, 6)


ALONG = """arspec: 1
name: along
data: {kind: sequence, length: $frames * 4, levels: 5}
condition: {mel: {kind: series, channels: 2, length: $frames}}
params: {frames: 6}
graph:
  e: {layer: embedding, from: x, out: 6}
  s: {layer: shift, steps: 1}
  up: {layer: upsample, from: mel, factor: 4}
  k: {layer: conv, from: up, out: 6}
  a: {layer: attention, from: s, keys: k, values: k, mask: MASK}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""


def along(mask: str) -> Model:
    return build(from_text(ALONG.replace("MASK", f"'{mask}'")), seed=1).double().eval()


@pytest.mark.parametrize("mask", ["that.step <= this.step and this.step - that.step < 9", "that.step < 0"])
def test_conditions_that_run_along(mask: str) -> None:
    model = along(mask)
    mel = torch.randn(2, 2, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    other = build(model.spec.variant(params={"frames": 40})).double().eval()
    other.load_state_dict(model.state_dict())
    assert torch.equal(drawn(model, 160, mel=mel), other.sample(2, seed=3, method="fixed-point", mel=mel))


@pytest.mark.parametrize("mask", ["", ", mask: that.step <= this.step // 3"])
def test_a_condition_of_its_own_length_is_read_at_every_step(mask: str) -> None:
    """It is laid out once, so that what is kept has a bound however long the stream is."""
    model = net(
        "k: {layer: conv, from: mel, out: 6}\n"
        f"  m: {{layer: attention, from: c, keys: k, values: k, heads: 2{mask}}}",
        "condition: {mel: {kind: series, channels: 2, length: 5}}",
    )
    mel = torch.randn(2, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(drawn(model, 150, mel=mel), longer(model, 150).sample(2, seed=3, method="fixed-point", mel=mel))
    course = endless(model, 0)
    assert course.period is not None and not any(node.name == "k" for node in course.program.caches)


def test_the_course_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[object] = []

    def counted(model: Model, member: int) -> Any:
        found.append(model)
        return endless(model, member)

    monkeypatch.setattr(streams, "endless", counted)
    model = net()
    before = drawn(model, 60)
    model.get_parameter("nodes.c.weight").data.mul_(3)
    after = drawn(model, 60)
    assert len(found) == 1 and not torch.equal(before, after)
    assert torch.equal(after, longer(model, 60).sample(2, seed=3, method="once"))


# -- what has no stream ------------------------------------------------------------------------------------------------

REASONS = {
    "everything": (lambda: attention("so_far"), "'a' reads everything that came before"),
    "everything by its steps": (lambda: attention("that.step <= this.step"), "'a' reads everything that came before"),
    "the first steps": (
        lambda: attention("so_far and (that.step < 3 or this.step - that.step < 4)"),
        "'a' reads the first steps at all later ones",
    ),
    "places": (lambda: net("p: {layer: position, out: 6}\n  t: {layer: add, from: [c, p]}"),
               "the weight `weight` of 'p'"),
    "the end": (
        lambda: net("b: {layer: background, channels: [step]}\n  t: {layer: concat, from: [c, b]}"),
        "'b' tells a step by how far it is from the end",
    ),
    "a number of its own": (
        lambda: net("m: {layer: add, from: [c, mel]}", "condition: {mel: {kind: series, channels: 6, length: 24}}"),
        "the spec can't be of [0-9,]+ steps: AR",
    ),
    "a layer by the length": (
        lambda: net(
            "m: {layer: add, from: [c, mel]}\n  far: {layer: shift, steps: $n // 8}",
            "params: {n: 24}\ncondition: {mel: {kind: series, channels: 6, length: $n}}",
            "length: $n",
        ),
        "the layer 'far' depends on how long the sequence is",
    ),
    "all of a condition": (
        lambda: net(
            "m: {layer: attention, from: c, keys: mel, values: mel}",
            "params: {n: 24}\ncondition: {mel: {kind: series, channels: 6, length: $n}}",
            "length: $n",
        ),
        "'m' reads all steps of 'mel' at once",
    ),
    "what is to come": (
        lambda: along("this.step - that.step < 9 and that.step - this.step < 5"),
        "'a' reads steps of 'k' that are still to come",
    ),
    "backwards": (
        lambda: build(from_text(NET.replace("PARAMS", "order: reversed").replace("EXTRA", "").replace(
            "s: {layer: shift, steps: 1}",
            "s: {layer: shift, steps: -1}").replace("c: {layer: conv, kernel: 3, dilation: 2, padding: causal, out: 6}",
            "c: {layer: conv, out: 6}"))),
        "drawn from its beginning to its end, and the order 'reversed' draws step 0 at place 23",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REASONS)
def test_the_reason_is_told(name: str) -> None:
    make, reason = REASONS[name]
    model = make()
    with pytest.raises(InputError, match=reason) as told:
        model.stream(steps=model.spec.data.length + 1)
    diagnostic = told.value.diagnostics[0]
    assert told.value.code == "AR822" and diagnostic.help and "`arspec sample` draws" in diagnostic.help
    assert diagnostic.place is not None or name in ("a number of its own", "backwards")


@pytest.mark.parametrize(
    ("limit", "window"),
    [("LONGEST", "this.step - that.step < 100"),
     ("LONGEST_MATRIX", "this.step - that.step + that.step % 1 < 100")],
)  # fmt: skip
def test_a_window_that_is_too_long_is_told(limit: str, window: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs of steps that a mask compares one by one may be fewer than the steps of windows."""
    monkeypatch.setattr(f"arspec.sampler.plan.endless.{limit}", 256)
    model = attention(f"so_far and {window}")
    with pytest.raises(
        InputError, match="'a' reads 100 steps, up to 99 away from its own, where a window of 64 is the limit"
    ):
        model.stream(steps=100)


@pytest.mark.parametrize("window", [1, 2, 60, 300, 4096])
def test_what_is_kept_is_a_window_and_a_constant(window: int) -> None:
    """Rows of the ring that attention reads: as many as its window, the row that is written and the one outside; from
    the step on at which the window is full each step is the one before, moved on by one. 4,096 is Mistral's."""
    one = "".join(line for line in ATTENTION.splitlines(True) if "again" not in line)
    text = one.replace("MASK", f"so_far and this.step - that.step < {window}")
    course = endless(build(from_text(text)), 0)
    kept = {node.name: cache.size for node, cache in course.program.caches.items()}
    assert max(kept.values()) == max(window + 1, 2) and sum(kept.values()) <= 2 * window + 16
    assert course.period is not None and course.period.length == 1 and course.period.begin <= window + 1
    assert course.model.spec.data.length <= max(1024, window + 600)
    (late,) = course.period.each(10**6, 10**6 + 1)
    assert len(late) <= window + 8 and {*range(1, window + 1)} <= {
        *late.tolist()
    }  # the whole ring is read, once a step


def test_a_leak_is_told() -> None:
    model = build(from_text(NET.replace("EXTRA", "").replace("PARAMS", "").replace("steps: 1", "steps: 0"))).eval()
    with pytest.raises(InputError, match="leaks under the order"):
        model.stream(steps=4)


# -- as far as the own length ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["everything", "the first steps", "places", "the end"])
def test_without_a_stream_a_sequence_goes_on_to_its_own_length(name: str) -> None:
    model = REASONS[name][0]()
    own = model.spec.data.length
    whole = model.sample(2, seed=3, method="once")
    for steps in (1, own // 2, own):
        assert torch.equal(drawn(model, steps, chunk=7), whole[:, :steps])
        for count in (1, steps // 2, steps - 1):
            if 0 < count < steps:
                assert torch.equal(drawn(model, steps, prefix=whole[:, :count]), whole[:, :steps])


def test_the_command_goes_on_to_the_own_length(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = [
        f"{name}={value}" for name, value in {"length": 16, "width": 8, "heads": 2, "layers": 1, "levels": 8}.items()
    ]
    model = [str(ROOT / "specs" / "gpt.yaml"), *(part for each in sets for part in ("--set", each)), "--device", "cpu"]
    np.save(tmp_path / "prefix.npy", np.array([[1, 2, 3]]))
    out = tmp_path / "x.npy"
    assert main(["sample", *model, "--length", "12", "--prefix", str(tmp_path / "prefix.npy"), "-o", str(out)]) == 0
    assert np.load(out).shape == (1, 12) and np.load(out)[0, :3].tolist() == [1, 2, 3]
    capsys.readouterr()
    out.unlink()
    assert main(["sample", *model, "--length", "17", "-o", str(out)]) == 2
    told = capsys.readouterr().err
    assert "AR822" in told and "'places' has numbers for each of the 16 steps" in told and not out.exists()


def test_shipped_streams_are_those_that_have_windows() -> None:
    thin = {"residual": 2, "skip": 2, "speakers": 1, "width": 4, "heads": 1, "levels": 4, "layers": 2, "frames": 4}
    for name, has in (("char_rnn", True), ("causal_tcn", True), ("wavenet", True), ("gpt", False)):
        spec = load(ROOT / "specs" / f"{name}.yaml")
        model = build(spec.variant(params={k: v for k, v in thin.items() if k in spec.params}))
        assert (Stream(model).why_not is None) == has
