"""The thin twin keeps what a spec is about: every offset that reaches something reaches something in the twin."""

from __future__ import annotations

import pytest

from arspec.analysis.offsets import lost, reached
from arspec.analysis.twin import VARIABLES, thin
from arspec.language.load import from_text, load
from arspec.verification.verifying import verify
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
    assert [test.name for test in report.tests] == ["twin"] and report.tests[0].unbuilt == whole.graph().parameters
    assert "not built at full size" in str(report)
    assert [test.name for test in verify(whole, full=True).tests] == ["twin", "full size"]


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
