"""Faults that public implementations have, written into the specs: what the proof and the coverage say of each.

(Those that the language cannot state, such as a softmax over a row that is masked whole, are modules in
`tests/audit_modules`.)"""

from __future__ import annotations

from typing import Any

import pytest

from arspec.analysis.report import Report, prove
from arspec.language.load import load
from tests.small import ROOT

SIZE = {"height": 12, "width": 12}
GREY = {**SIZE, "channels": 1, "levels": 4}


def proven(name: str, params: dict[str, Any], *edits: tuple[str, str]) -> Report:
    """The report of a spec with its text edited."""
    spec = load(ROOT / "specs" / f"{name}.yaml", params)
    text = spec.source.text
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        text = text.replace(old, new)
    return prove(spec.variant(text=text) if edits else spec)


def test_gated_pixelcnn_whose_vertical_stack_masks_its_own_row_in_every_layer():
    params = {**GREY, "features": 4, "layers": 12, "kernel": 3}
    report = proven("gated_pixelcnn", params, ("mask: rows_so_far}", "mask: rows_above}"))
    assert report.ok and report.blind_spots
    assert proven("gated_pixelcnn", params).unseen == 0


def test_gated_pixelcnn_whose_stacks_are_linked_in_the_first_layer_alone():
    params = {**GREY, "features": 4, "layers": 12, "kernel": 3}
    report = proven("gated_pixelcnn", params, ("from: [h_conv, v_to_h]}", "from: [h_conv, h_conv]}"))
    assert report.ok and report.blind_spots and report.coverage is not None and report.coverage < 0.6


def test_diagonal_bilstm_whose_right_to_left_map_is_not_moved_down():
    params = {**GREY, "features": 4, "head_features": 4, "layers": 2}
    report = proven("pixelrnn_diagonal", params, ("{layer: shift, rows: 1}", "{layer: identity}"))
    assert not report.ok and report.leaks
    assert any(step.node.name.endswith("down") for step in report.witnesses[0].path)


def test_diagonal_bilstm_whose_state_convolution_looks_one_row_down():
    # "same" padding of a 2×1 convolution over the skewed map: below, in the column before
    params = {**GREY, "features": 4, "head_features": 4, "layers": 2}
    report = proven("pixelrnn_diagonal", params, ("state: [[0, -1], [-1, 0]]", "state: [[0, -1], [1, -2]]"))
    assert not report.ok
    assert all(any(step.node.name.endswith("left") for step in w.path) for w in report.witnesses)


def test_pixelcnn_that_applies_mask_a_twice_loses_the_channels_of_the_pixel():
    params = {**SIZE, "channels": 3, "levels": 4, "features": 6, "head_features": 6, "blocks": 1}
    twice = proven("pixelcnn", params, ("logits: {layer: conv, kernel: 1, out: $head, mask: so_far}",
                                                         "logits: {layer: conv, kernel: 1, out: $head, mask: "
                                                         "earlier}"))  # fmt: skip
    matrix = twice.members[0].seen.matrix()  # type: ignore[union-attr]
    cells = matrix.shape[0] // 3
    here = range(cells)
    assert not any(matrix[cells + p, p] for p in here), "red is lost to green"
    assert not any(matrix[2 * cells + p, cells + p] for p in here), "green is lost to blue"
    assert all(matrix[2 * cells + p, p] for p in here), "red still reaches blue"


def test_pixelcnn_pp_whose_way_down_feeds_the_wrong_stack():
    params = {**SIZE, "filters": 4, "resnets": 1, "components": 2}
    report = proven(
        "pixelcnn_pp",
        params,
        ("dul: {block: resnet, from: {x_in: ul, a: both}", "dul: {block: resnet, from: {x_in: du, a: du}"),
    )
    clean = proven("pixelcnn_pp", params)
    assert report.ok and report.unseen is not None and clean.unseen is not None and report.unseen > clean.unseen


def test_a_single_stream_of_local_masks_has_a_blind_spot_in_raster_order():
    params = {"height": 8, "width": 8, "filters": 4, "resnets": 1}
    assert proven("lmconv", params).unseen == 0, "an S-curve comes back over what it has passed"
    text = (ROOT / "specs" / "lmconv.yaml").read_text()
    orders = text[text.index("order:") : text.index("params:")]
    report = proven("lmconv", params, (orders, "order: {scan: raster}\n"))
    assert report.ok and report.unseen == report.blind_spots == 322, "16 % of 2,016 pairs, at any depth"


def test_attention_behind_a_narrow_stem_misses_the_end_of_the_row_above():
    params = {"size": 8, "filters": 4, "blocks": 1, "resnets": 1, "components": 2}
    clean = proven("pixelsnail", params)
    report = proven("pixelsnail", params, ("kernel: [1, 3], out: $filters, ", "kernel: [1, 1], out: $filters, "),
                    ("content: {layer: concat, from: [image, body.h, background]}",
                     "content: {layer: concat, from: [body.h, background]}"),
                    ("width: $filters + 9", "width: $filters + 6"))  # fmt: skip
    assert clean.unseen == 0
    assert report.ok and report.unseen


@pytest.mark.parametrize("scan", ["zigzag", "diagonal", "hilbert", "spiral"])
def test_stacks_by_rows_are_refused_in_other_orders(scan: str):
    spec = load(ROOT / "specs" / "gated_pixelcnn.yaml", {**GREY, "features": 4, "layers": 2})
    report = prove(spec.variant(text=spec.source.text.replace("scan: raster", f"scan: {scan}")))
    assert not report.ok and report.witnesses
