"""The benchmarks: every baseline computes the numbers of its spec, and what they measure by is right."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import arspec
from arspec.model import build
from tests.small import ROOT
from tools.benchmarks import agreement, measure
from tools.benchmarks.floors import weights_read
from tools.benchmarks.measure import apart, bandwidth, exponent, floor, interleaved, medians, row, spec_path
from tools.benchmarks.plain.wavenet import RingWaveNet
from tools.benchmarks.stream import followed


@pytest.mark.parametrize("kernel", [2, 3])
def test_the_ring_buffers_are_the_spec(kernel: int):
    agreement.wavenet(kernel)


def test_the_cached_keys_are_the_spec():
    agreement.gpt()


def test_plain_pixelcnn_pp_is_the_spec():
    agreement.pixelcnn_pp()


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch):
    step = RingWaveNet.step
    monkeypatch.setattr(RingWaveNet, "step", lambda self, h, slots: step(self, h, slots) + 1e-8)
    with pytest.raises(AssertionError):
        agreement.wavenet(2)


def test_weights_read():
    """Every step reads every layer's weights once; of a causal kernel of two the first step finds one tap inside."""
    params = {"length": 6, "levels": 4, "residual": 3, "skip": 2, "layers": 1, "cycle": 1, "speakers": 2}
    model = arspec.compile(arspec.load(spec_path("wavenet"), params=params))
    numbers = {n.name: sum(w.count for w in n.layer.weights(n).values()) for n in model.graph.live}
    assert weights_read(model, False) == 4 * sum(
        v * (5.5 if k in ("first", "body.0.conv") else 6) for k, v in numbers.items()
    )
    assert weights_read(model, True) == weights_read(model, False)  # no step of a sequence can be computed with another
    params = {"height": 8, "width": 8, "filters": 8, "resnets": 1}
    image = build(arspec.load(spec_path("pixelcnn_pp"), params=params), worth=1)
    assert 4 * weights_read(image, True) < 3 * weights_read(image, False)


def test_exponents():
    assert exponent([1, 2, 4, 8], [3, 6, 12, 24]) == pytest.approx(1)
    assert exponent([10, 100, 1000], [5, 5, 5]) == pytest.approx(0)
    assert exponent([8, 16], [64, 256]) == pytest.approx(2)


def test_rounds_interleave_and_end_with_the_budget():
    order: list[str] = []
    found = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == ["a", "b"] * 3 and len(found["a"]) == 3 and set(medians(found)) == {"a", "b"}
    assert len(interleaved({"a": lambda: time.sleep(0.01)}, 100, budget=0.02)["a"]) < 10
    assert row("x", "y", 2.0, "z", 6.0)["ratio"] == 3 and floor("x", "y", 2.0, "z", 4.0)["ratio"] == 0.5


def test_bandwidth_is_bytes_over_seconds(monkeypatch: pytest.MonkeyPatch):
    read: list[float] = []

    def seconds(run: Callable[[], torch.Tensor]) -> float:
        read.append(float(run()))
        return 0.5

    monkeypatch.setattr(measure, "seconds", seconds)
    assert bandwidth(16, 2) == 2 * (16 << 20)
    assert read == [16 << 18] * 2  # ones of four bytes


def test_memory_is_that_of_the_act_alone():
    params = {"height": 8, "width": 8, "features": 6, "head_features": 6, "blocks": 1}
    fixed = {"act": "forward", "spec": str(spec_path("pixelcnn")), "params": params}
    small, large = apart([{**fixed, "batch": batch} for batch in (1, 200)])
    assert large["seconds"] > 0 and large["bytes"] > small["bytes"] + 20e6  # 200 examples of 192 variables, 256 logits


def test_a_stream_is_followed():
    chunks = [torch.zeros(1, 7, dtype=torch.long)] * 2 + [torch.zeros(1, 3, dtype=torch.long)]
    found = followed(iter(chunks), 17, time.perf_counter())
    assert len(found["memory"]) == 3 and found["rate"] > 0 and found["first"] <= found["seconds"]
    assert abs(found["growth"]) < 50e6
    with pytest.raises(RuntimeError, match="14 of 17"):
        followed(iter(chunks[:2]), 17, time.perf_counter())


def test_every_file_says_what_it_measures():
    for path in Path(ROOT / "tools" / "benchmarks").rglob("*.py"):
        assert path.read_text().startswith('"""'), path
