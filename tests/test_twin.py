"""The thin twin keeps what a spec is about: every offset that reaches something reaches something in the twin."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from arspec.analysis.offsets import lost, reached
from arspec.analysis.twin import VARIABLES, thin
from arspec.language.load import from_text, load
from arspec.layers.base import Node
from arspec.network.module import Network
from arspec.verification.verifying import multiplications, verify
from tests.small import SHIPPED

IMAGE = "{kind: image, height: 24, width: 6, levels: 4}"
STEPS = "{kind: sequence, length: 512, levels: 4}"
SEQUENCE = "  s: {layer: shift, from: x, steps: 1}\n  e: {layer: conv, out: 8}\n"


def spec(data: str, nodes: str):
    text = (
        f"arspec: 1\ndata: {data}\ngraph:\n{nodes}\n  logits: {{layer: conv, out: $head}}\nhead: {{kind: "
        "categorical, from: logits}\n"
    )
    return from_text(text)


# (data, nodes, the size of the twin): what the smallest grid would leave idle
KEPT = {
    "a shift": (IMAGE, "  past: {layer: shift, from: x, rows: 6}", (1, 8, 6)),
    "several shifts": (IMAGE, "  a: {layer: shift, from: x, rows: 5}\n  b: {layer: shift, rows: 5}", (1, 12, 6)),
    "a dilation": (IMAGE,
                   "  s: {layer: scale}\n  c: {layer: conv, kernel: [3, 1], dilation: 7, padding: causal, out: 8, "
                   "mask: earlier}", (1, 16, 6)),
    "a kernel": (IMAGE, "  s: {layer: scale}\n  c: {layer: conv, kernel: [21, 1], out: 8, mask: earlier}", (1, 12, 6)),
    "a state": (STEPS, SEQUENCE + "  g: {layer: lstm, state: [[-30]]}", (32,)),
    "a crop and a pad": (IMAGE, "  s: {layer: scale}\n  p: {layer: pad, top: 9}\n  c: {layer: crop, bottom: 9}",
                         (1, 12, 6)),
    "a mask that holds far away": (STEPS,
                                   SEQUENCE
                                   + "  a: {layer: attention, from: e, keys: e, values: e, mask: that.step < this.step "
                                     "- 40}\n"
                                   "  b: {layer: add, from: [a, e]}", (48,)),
    "a mask that ends far away": (STEPS,
                                  SEQUENCE + "  a: {layer: attention, from: e, keys: e, values: e, mask: past and "
                                             "that.step >= this.step - 30}\n"
                                  "  b: {layer: add, from: [a, e]}", (32,)),
    "nothing far away": (IMAGE, "  past: {layer: shift, from: x, rows: 5}", (1, 6, 6)),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_a_twin_is_as_large_as_its_offsets_ask_for(name: str) -> None:
    data, nodes, shape = KEPT[name]
    whole = spec(data, nodes)
    twin = thin(whole)
    assert twin.data.shape == shape
    assert not lost(reached(whole), reached(twin))


def test_what_a_twin_cannot_keep_is_said() -> None:
    whole = spec("{kind: sequence, length: 4000, levels: 4}", "  s: {layer: shift, from: x, steps: 3000}")
    report = verify(whole, twin=True)
    assert report.tests[0].lost == ["s", "logits"]
    assert "too small for the offsets of s, logits" in str(report)
    assert report.tests[0].shape[0] <= VARIABLES


def test_a_module_of_too_many_weights_is_not_built_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = spec(*KEPT["a shift"][:2])
    monkeypatch.setattr("arspec.verification.verifying.MOST_BUILT", 1)
    report = verify(whole)
    assert [test.name for test in report.tests] == ["twin", "full grid"]
    assert report.tests[0].unbuilt == whole.graph().parameters and "not built at full size" in str(report)
    assert [test.name for test in verify(whole, full=True).tests] == ["twin", "full size"]


def test_what_is_too_much_to_run_is_tested_on_the_full_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """With few channels, of the same variables as at full size."""
    whole = load("gpt", params={"length": 100})
    assert [test.name for test in verify(whole).tests] == ["twin", "full size"]
    work = sum(
        100 * node.layer.weights(node)["weight"].count
        for node in whole.graph().live if "weight" in node.layer.weights(node) and node.layer.layer in ("conv", "dense")
    )  # fmt: skip
    assert multiplications(whole.graph()) >= work > 0
    monkeypatch.setattr("arspec.verification.verifying.MOST_WORK", work - 1)
    report = verify(whole)
    assert [(t.name, t.shape, t.rows, t.ok, t.missing) for t in report.tests[1:]] == [("full grid", (100,), 2, True, 0)]
    assert f"not run at full size: {multiplications(whole.graph()):,} multiplications" in str(report)
    assert report.tests[0].unbuilt == 0


def test_the_tests_run_few_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """At full size two with gradients, two changed ones and one that is not; of a large twin some of its variables."""
    ran: dict[tuple[int, ...], int] = {}
    run = Network.run

    def counted(self: Network, values: dict[Node, Tensor], *rest: Any, **more: Any) -> Tensor:
        ran[self.spec.data.shape] = ran.get(self.spec.data.shape, 0) + len(values[self.graph.data])
        return run(self, values, *rest, **more)

    monkeypatch.setattr(Network, "run", counted)
    whole = load("gpt", params={"length": 300})
    report = verify(whole)
    assert [t.name for t in report.tests] == ["twin", "full size"] and ran[300,] == 5
    ran.clear()
    large = spec("{kind: sequence, length: 4000, levels: 4}", "  s: {layer: shift, from: x, steps: 200}")
    assert verify(large, twin=True).tests[0].rows == 256
    mixed, labels, alone, suffixes, bases = 6, 1, 4 * 12, 3 * 12, 55
    assert ran[256,] <= mixed + labels + alone + suffixes + bases


def test_what_it_keeps_is_tested() -> None:
    report = verify(spec(*KEPT["a shift"][:2]), twin=True)
    assert report.tests[0].pairs > 0 and not report.tests[0].missing and not report.tests[0].lost


@pytest.mark.parametrize("path", SHIPPED, ids=[p.stem for p in SHIPPED])
def test_twins_of_shipped_specs_are_small_and_keep_all(path) -> None:
    whole = load(path)
    if whole.params.get("window", 0) > VARIABLES:  # which no twin keeps: `test_what_a_twin_cannot_keep_is_said`
        whole = load(path, params={"window": 16})
    twin = thin(whole, shallow=True)
    assert not lost(reached(whole), reached(twin))
    large = path.stem in ("wavenet_local", "image_transformer")  # frames of 256 samples, blocks of 256 pixels
    assert twin.data.variables <= (VARIABLES if large else 256)
