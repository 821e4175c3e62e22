"""Sequences of any length: a stream gives the samples of a spec of that length, from caches that do not grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from arspec.cli.main import main
from arspec.diagnostics import InputError
from arspec.language.load import from_text, load
from arspec.model import Model, build
from arspec.network.module import Network
from arspec.sampler.drive.noise import uniforms
from arspec.sampler.drive.stream import Stream
from arspec.sampler.plan.endless import endless
from arspec.sampler.plan.lengths import at_length
from arspec.sampler.run.compiled import can_compile, compiled_step
from arspec.sampler.run.instructions import Gather, LinearInto, Put, PutBlock
from arspec.sampler.run.memory import zeros

ROOT = Path(__file__).parent.parent
SMALL = {
    "wavenet": {"layers": 6, "cycle": 3, "residual": 6, "skip": 6, "speakers": 3},
    "causal_tcn": {},
    "char_rnn": {"hidden": 8},
    "fast_generation_toy": {},
    "mamba": {"levels": 11, "width": 6, "inner": 8, "states": 3, "rank": 2, "layers": 2},
}

LOOKING_BACK = {
    "gpt": {"levels": 11, "width": 8, "heads": 2, "layers": 2},
    "llama": {"levels": 11, "start": 3, "width": 8, "keys": 4, "heads": 2, "kv_heads": 1, "hidden": 6, "layers": 2},
}


def model_of(name: str, length: int) -> Model:
    spec = load(ROOT / "specs" / f"{name}.yaml")
    known = {key: value for key, value in SMALL[name].items() if key in spec.params}
    model = build(spec.variant(params=known), seed=1).double().eval()
    return at_length(model, length)


def conditions(model: Network, batch: int) -> dict[str, Any]:
    return {name: torch.arange(batch) % section.classes for name, section in model.spec.condition.items()}


@pytest.mark.parametrize(
    ("name", "length"),
    [("wavenet", 200), ("causal_tcn", 150), ("char_rnn", 150), ("fast_generation_toy", 96)],
)
def test_a_stream_is_the_sample_of_that_length(name: str, length: int) -> None:
    model = model_of(name, length)
    given = conditions(model, 2)
    whole = model.sample(2, seed=3, method="once", **given)
    pieces = list(model.stream(2, steps=length, seed=3, chunk=64, **given))
    assert [p.shape[1] for p in pieces] == [64] * (length // 64) + ([length % 64] if length % 64 else [])
    assert torch.equal(torch.cat(pieces, 1), whole)
    # a prefix is taken in, by one parallel pass or step by step, and what follows is drawn as it would have been
    for count in (1, length // 2, length - 3):
        assert torch.equal(
            torch.cat(list(model.stream(2, steps=length, seed=3, prefix=whole[:, :count], **given)), 1), whole
        )


def test_caches_do_not_grow_with_the_length() -> None:
    found = endless(model_of("wavenet", 100), 0)
    rows = sum(kept.size for kept in found.program.caches.values())
    longer = endless(model_of("wavenet", 5000), 0)
    assert rows == sum(kept.size for kept in longer.program.caches.values())
    dilations = [2 ** (k % 3) for k in range(6)]
    kernel = found.model.spec.params["kernel"]
    # a queue for each layer, as long as its dilation makes it, and a little for what only the next step reads
    assert rows < sum((kernel - 1) * d + 2 for d in dilations) + 3 * len(found.program.caches)
    assert found.period is not None and found.period.length == 1


@pytest.mark.parametrize("name", LOOKING_BACK)
def test_caches_of_all_that_is_known_hold_the_steps_that_are_asked_for(name: str) -> None:
    """A model that looks at all steps before, asked for a tenth of its length, with a prompt and without."""
    model = build(load(ROOT / "specs" / f"{name}.yaml", params={**LOOKING_BACK[name], "length": 60}), seed=1).double()
    executor, whole = Stream(model.eval()).executor, model.sample(2, seed=3, method="once")
    for steps in (2, 6):
        state = executor.begin(2, {}, steps=steps)
        rows = {state.caches[node].shape[1] for node in executor.program.whole if node in executor.program.caches}
        assert rows and max(rows) <= steps + 2
        for prefix in (None, whole[:, :5]):
            if steps > 5 or prefix is None:
                drawn = torch.cat([*model.stream(2, steps=steps, seed=3, prefix=prefix)], 1)
                assert torch.equal(drawn, whole[:, :steps])


def test_zeros_are_zeros_however_many() -> None:
    like = torch.zeros(0, dtype=torch.float64)
    for shapes in ([(2, 3)], [(2, 0, 5), (1, 70_001), (3, 40_000, 1)], [(2, 0, 5), (1 << 23,), (7, 3)]):
        found = zeros(like, shapes)
        assert [tuple(x.shape) for x in found] == [tuple(s) for s in shapes]
        assert all(x.dtype == like.dtype and x.is_contiguous() and not x.any() for x in found)
        for number, x in enumerate(found):  # none is a part of another
            x.fill_(number + 1)
        assert all((x == number + 1).all() for number, x in enumerate(found))


def test_a_recurrence_keeps_one_state() -> None:
    found = endless(model_of("mamba", 100), 0)
    rows = {node.name: kept.size for node, kept in found.program.caches.items()}
    scans = [size for name, size in rows.items() if name.endswith(".scan")]
    assert scans == [3, 3], "the state before the first step, the one that is read, the one that is written"
    assert max(rows.values()) <= 5, "and what the convolution reads of the steps before"
    assert found.period is not None and found.period.length == 1


def test_a_strided_net_has_a_period() -> None:
    period = endless(model_of("fast_generation_toy", 96), 0).period
    assert period is not None and period.length == 4


def test_series_run_over_the_whole_stream() -> None:
    spec = load(ROOT / "specs" / "wavenet_local.yaml", {"layers": 4, "cycle": 2, "residual": 6, "skip": 6, "frames": 3})
    model = build(spec, seed=1).double().eval()
    node = model.graph.conditions["mel"]
    mel = torch.randn(1, node.out.channels, *node.out.grid, dtype=torch.float64)
    whole = model.sample(1, seed=2, method="once", mel=mel)
    drawn = torch.cat(list(model.stream(1, steps=whole.shape[1], seed=2, mel=mel)), 1)
    assert torch.equal(drawn, whole)


@pytest.mark.parametrize("name", ["wavenet", "char_rnn", "mamba"])
@torch.no_grad()
def test_single_rows_are_read_as_they_lie_and_nothing_changes(name: str) -> None:
    stream, n = Stream(model_of(name, 100)), 2
    executor, given = stream.executor, conditions(stream.model, n)
    gathered, lying = (executor.begin(n, given) for _ in range(2))
    seen = list[type]()
    for number, (row, cut, _) in enumerate(stream.rows(0, 60)):
        wanted, solid = executor.step(row, cut, gathered, None), executor.in_blocks(cut)
        assert executor.in_blocks(cut) is solid
        pieces: list[torch.Tensor | int] = [*torch.split_with_sizes(row, cut.sizes)]
        for section, at in solid.single:
            assert cut.sizes[section] == 1 and solid.sizes[section] == 0
            pieces[section] = int(row[at])
        torch.testing.assert_close(executor.step(pieces, solid, lying, None), wanted, rtol=0, atol=1e-12)
        value = torch.full((n, 1, 1), float(number * 37 % 11), dtype=torch.float64)
        executor.write(cut, gathered, value)
        executor.write(solid, lying, value)
        seen = [type(one) for one in solid.instructions]
    assert {PutBlock, LinearInto} & {*seen} and seen.count(Put) + seen.count(
        Gather
    ) <= 2  # of the head, which is drawn from later


def test_code_for_other_instructions_is_not_taken_out_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inductor's cache tells its options apart, and not the environment: what it was given differs."""
    found: list[object] = []

    def as_it_is(graph: Any, example: Any, options: dict[str, Any]) -> Any:
        found.append(options.get("cpp.simdlen"))
        return graph

    monkeypatch.setattr("torch._inductor.compile", as_it_is)
    monkeypatch.setattr("arspec.sampler.run.compiled.need_compiler", lambda device: None)
    for capability in (None, "avx2", "default"):
        model = model_of("wavenet", 20)
        monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
        if capability is not None:
            monkeypatch.setenv("ATEN_CPU_CAPABILITY", capability)
        list(model.stream(1, steps=20, seed=0, compiled=True, **conditions(model, 1)))
    assert found == [None, 256, 1]


@pytest.mark.timeout(900)  # compilers and their headers are many seconds, the first time on a machine
@pytest.mark.skipif(not can_compile(torch.device("cpu")), reason="no C++ compiler")
def test_compiled_steps_are_the_plain_ones() -> None:
    stream = Stream(model_of("wavenet", 100))
    given, n = conditions(stream.model, 1), 1
    plain, quick = (stream.executor.begin(n, given) for _ in range(2))
    graph = stream.executor.model.graph
    noise = torch.from_numpy(uniforms(1, 0, n, 60, graph.head.uniforms(graph.support)))
    step = None
    for number, (row, cut, lasting) in enumerate(stream.rows(0, 60)):
        if lasting and step is None:
            step = compiled_step(stream.executor, cut, quick, row, noise[:, :1])
        wanted = stream.executor.step(row, cut, plain, None)
        now = noise[:, number : number + 1]
        if step is not None and lasting:
            values, got = step(row, now, quick)
            assert torch.equal(values, graph.head.draw(graph.support, wanted, now, 1.0))
            stream.executor.write(cut, plain, values.double())
            torch.testing.assert_close(got, wanted, rtol=0, atol=1e-12)
            continue
        got = stream.executor.step(row, cut, quick, None)
        torch.testing.assert_close(got, wanted, rtol=0, atol=1e-12)
        value = torch.full((n, 1, 1), float(number * 37 % 256), dtype=torch.float64)
        for state in (plain, quick):
            stream.executor.write(cut, state, value)
    assert step is not None


@pytest.mark.parametrize(("text", "told"), [
    ("{kind: sequence, length: 8, levels: 4}", "reads everything that came before"),
    ("{kind: vector, size: 8, levels: 4}", "a stream is of a sequence, and .* is of vector data"),
])  # fmt: skip
def test_what_has_no_stream(text: str, told: str) -> None:
    graph = (
        "e: {layer: embedding, from: x, out: 4}\n  s: {layer: shift, steps: 1}\n  a: {layer: attention, keys: s, "
        "values: s, mask: so_far}\n"
    )
    if "vector" in text:
        graph = "d: {layer: dense, from: x, out: 4, mask: earlier}\n"
    head = "a" if "vector" not in text else "d"
    spec = from_text(f"arspec: 1\ndata: {text}\ngraph:\n  {graph}head: {{kind: categorical, from: {head}}}\n")
    with pytest.raises(InputError, match=told):
        build(spec).stream(steps=20)


def test_the_command_writes_as_it_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--set", "layers=4", "--set", "cycle=2", "--set", "residual=4", "--set", "skip=4", "--set", "rate=8000"]
    model = [str(ROOT / "specs" / "wavenet.yaml"), *small, "--condition", "speaker=1", "--device", "cpu"]
    assert main(["sample", *model, "--seconds", "0.02", "-o", str(tmp_path / "x.npy")]) == 0
    drawn = np.load(tmp_path / "x.npy")
    assert drawn.shape == (1, 160)
    np.save(tmp_path / "prefix.npy", drawn[0, :100])
    assert (
        main(
            [
                "sample",
                *model,
                "--length",
                "160",
                "--prefix",
                str(tmp_path / "prefix.npy"),
                "-o",
                str(tmp_path / "y.npy"),
            ]
        )
        == 0
    )
    assert np.array_equal(np.load(tmp_path / "y.npy"), drawn)
    assert main(["sample", *model, "--seconds", "0.02", "-o", str(tmp_path / "x.wav")]) == 0
    assert (tmp_path / "x.wav").stat().st_size == 44 + 2 * 160
    capsys.readouterr()
    assert (
        main(
            [
                "sample",
                *model,
                "--length",
                "50",
                "--prefix",
                str(tmp_path / "prefix.npy"),
                "-o",
                str(tmp_path / "z.npy"),
            ]
        )
        == 2
    )
    assert "--prefix has 100 steps" in capsys.readouterr().err
    assert not (tmp_path / "z.npy").exists()
