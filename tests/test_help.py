"""Help that is followed: what the diagnostics of mistakes propose is what the next run takes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from test_errors import ERR, SPECS, told_of

from arspec.analysis.report import prove
from arspec.diagnostics import Diagnostic, InputError, Place, text
from arspec.language.load import from_text


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ERR)


def edited(text: str, edits: list[tuple[Place, str]]) -> str:
    """A text after edits of it, the last first."""
    for place, new in sorted(edits, key=lambda edit: edit[0].start, reverse=True):
        text = text[: place.start] + new + text[place.end :]
    return text


def after(text: str, name: str) -> tuple[Diagnostic, ...]:
    """What an edited spec gives."""
    try:
        return tuple(prove(from_text(text, name)).diagnostics)
    except InputError as error:
        return error.diagnostics


HELPED = [name for name in SPECS if not name.startswith("ar004")]  # which is no text


@pytest.mark.parametrize("name", HELPED)
def test_what_a_help_says_to_programs_is_taken(name: str) -> None:
    """Each edit removes its fault and makes none at its place; all together leave a mistake's spec without errors."""
    written = Path(name).read_bytes().decode("utf-8")
    every: list[tuple[Place, str]] = []
    for fault in told_of(name):
        if not fault.edits:
            continue
        every += fault.edits
        left = after(edited(written, list(fault.edits)), name)
        assert (fault.code, fault.message) not in {(d.code, d.message) for d in left}
        at = {place.line for place, _ in fault.edits} if name.startswith(("ar", "mistake")) else set[int]()
        before = Counter(d.place.line for d in told_of(name) if d.place is not None and d.level == "error")
        now = Counter(d.place.line for d in left if d.place is not None and d.level == "error")
        assert all(now[line] < before[line] or not now[line] for line in at), text(left)
    if every and name.startswith("mistake"):
        left = after(edited(written, every), name)
        assert not [d for d in left if d.level == "error"], text(left)


# What a person does who reads the help of a mistake that has no edit: [what is written, what becomes of it].
MENDS: dict[str, list[tuple[str, str]]] = {
    "condition_not_declared": [("params:", "condition: {label: {kind: class, classes: 10}}\nparams:")],
    "quote_not_closed": [('"a model', '"a model"')],
    "quote_closed_by_the_next": [('"earlier', '"earlier"')],
    "apostrophe_in_quotes": [("model's", "model''s")],
    "brace_not_closed": [("mask: earlier", "mask: earlier}")],
    "bracket_not_closed": [("[3, 3,", "[3, 3],")],
    "comma_missing": [("3 out", "3, out")],
    "colon_in_a_text": [("a model: the first", '"a model: the first"')],
    "key_too_deep": [("    layers", "  layers")],
    "indented_too_deep": [("   first", "  first")],
    "indented_too_little": [(" first", "  first")],
    "tab": [("\t", "  ")],
    "all_steps_given": [("given: 8", "given: 1")],
    "start_beyond_the_levels": [("start: 4", "start: 3")],
    "stride_that_does_not_divide": [("stride: 3", "stride: 2"), ("stride: 3", "stride: 2")],
    "stride_without_upsampling": [("  logits:", "  up: {layer: upsample, factor: 2}\n  logits:")],
    "concat_of_two_sizes": [
        ("  c:", "  up: {layer: upsample, from: d, factor: 2}\n  c:"),
        ("[first, d]", "[first, up]"),
    ],
    "condition_of_another_size": [
        ("  g:", "  up: {layer: upsample, from: m, factor: 2}\n  g:"), ("by: m", "by: up"),
        ("by: up}", "from: first, by: up}")
    ],
    "condition_as_second_input": [("{layer: conv, from: [first, label], out: 8}",
                                   "{layer: condition, from: first, by: label}")],
    "condition_added": [("{layer: add, from: [first, label]}", "{layer: condition, from: first, by: label}")],
    "series_for_an_image": [("{kind: series, length: 8}", "{kind: map, height: 8, width: 8}")],
    "map_added_to_a_sequence": [("{kind: map, height: 4, width: 4}", "{kind: series, length: 16, channels: 16}")],
    "head_from_a_hidden_layer": [
        ("head:", "  last: {layer: conv, from: first, out: $head, mask: so_far}\nhead:"),
        ("from: first}", "from: last}")
    ],
    "head_missing": [("  logits: {layer: conv, kernel: 1, out: $head}\n",
                      "  logits: {layer: conv, kernel: 1, out: $head}\nhead: {kind: categorical, from: logits}\n")],
    "head_as_text": [("head: categorical", "head: {kind: categorical, from: logits}")],
    "head_without_kind": [("{from", "{kind: categorical, from")],
    "key_activation": [("activation: relu, ", ""), ("  logits:", "  relu: {layer: relu}\n  logits:")],
    "key_in": [("in: 1, ", "")],
    "data_shape": [("shape: [8, 8]", "height: 8, width: 8")],
    "kind_linear": [("layer: linear", "layer: conv, kernel: 1")],
    "mask_causal": [("causal", "earlier")],
    "mask_with_ampersands": [("&&", "and")],
    "mask_without_site": [("row < 3", "that.row < this.row")],
    "masks_as_list": [("[rows_above, left]", "rows_above or left")],
    "coordinate_pos": [("that.pos >= this.pos", "that.position >= this.position")],
    "power_with_a_caret": [("^", " ** ")],
    "kernel_of_two_numbers_in_a_sequence": [("[3, 3]", "3")],
    "kernel_mask_of_one_row": [("[1, 1, 0]", "[[1, 1, 1], [1, 0, 0], [0, 0, 0]]")],
    "rows_of_a_sequence": [("rows: 1", "steps: 1")],
    "rows_in_a_mask_of_a_sequence": [("rows_above", "earlier")],
    "order_of_another_data": [("order: raster", "order: natural")],
    "graph_as_list": [("- s", "s"), ("- first", "first"), ("- logits", "logits")],
    "params_as_list": [("- features", "features")],
    "value_missing": [("out:,", "out: 16,")],
    "output_that_is_an_inner_node": [("outputs: {h: relu}", "outputs: {h: relu, conv: conv}")],
    "node_inside_a_block": [("outputs: {h: relu}", "outputs: {h: relu, conv: conv}"),
                            ("from: conv, ", "from: body.conv, ")],
    "node_outside_of_a_block": [
        ("inputs: {h: features}", "inputs: {h: features, first: of the first layer}"),
        ("{block: layer", "{block: layer, from: {h: first, first: first}"),
    ],
    "block_without_inputs": [("    params: {mask", "    inputs: [h]\n    params: {mask")],
    "block_without_outputs": [("graph:", "    outputs: {h: relu}\ngraph:")],
    "parameter_beside_params": [("mask: earlier}\n  logits", "params: {mask: earlier}}\n  logits")],
    "repeat_of_a_layer": [("repeat: 3, ", "")],
    "repeat_that_does_not_chain": [("outputs: {out: relu}", "outputs: {h: relu}")],
    "attention_without_keys": [
        ("  g:", "  k: {layer: conv, out: 16, from: first, mask: so_far}\n  g:"),
        ("from: first, mask: so_far}\n  logits", "from: first, keys: k, values: k, mask: so_far}\n  logits"),
    ],
    "extends_a_missing_file": [("pixelcnn.yml", "files/base.yaml")],
    "output_left_out_by_when": [
        ("    outputs: {h: sum}",
         "      alone: {layer: identity, from: conv, when: not $residual}\n    outputs: {h: [sum, alone]}")
    ],
    "head_left_out_by_when": [("when: false, ", "")],
    "block_not_declared": [
        ("graph:", "blocks: {layer: {inputs: [h], nodes: {relu: {layer: relu, from: h}}, outputs: {h: relu}}}\ngraph:")
    ],
    "upsample_without_stride": [("mask: earlier}", "stride: 2, mask: earlier}")],
    "mask_name_in_quotes": [('"left"', "left")],
    "mask_with_a_fraction": [("- 0.5", "- 1")],
    "ranks_too_few": [("[0, 1, 2]", str(list(range(64))))],
    "curly_quotes": [("“", ""), ("”", "")],
    "parameter_misspelt_in_a_parameter": [("4 * layrs", "4 * $layers"),
                                          ("{features: 4 * $layers, layers: 2", "{layers: 2, features: 4 * $layers")],
    "parameter_in_quotes": [('"16"', "16")],
    "order_in_the_data": [(", order: raster}", "}\norder: raster")],
    "nodes_as_list": [("- conv: {layer: conv, from: h}", "relu: {layer: relu, from: h}")],
    "tab_within_a_line": [("out:\t", "out: ")],
    "upsampling_by_nothing": [("[0, 2]", "1")],
    "dilation_of_nothing": [("[0, 1]", "[1, 1]")],
    "state_far_away": [("9223372036854775807", "-1")],
    "list_of_lines_for_a_number": [("out:\n    - 16", "out: 16")],
    "node_as_a_number": [("from: 3", "from: first")],
    "sum_of_nodes_in_a_reference": [("a + h", "[a, h]")],
    "nodes_with_a_comma": [('"a, h"', "[a, h]")],
    "section_loss": [("loss: cross_entropy\n", "")],
    "key_is_causal": [("is_causal: true", "mask: so_far")],
    "mask_of_bare_names": [("i < j", "that.row < this.row")],
    "mask_calls_abs": [("abs(this.row - that.row) < 2", "-2 < this.row - that.row < 2")],
    "value_that_is_a_comment": [("#features", "$features")],
    "parameter_without_a_value": [("features:,", "features: 16,")],
    "parameter_name_with_a_dash": [("n-features", "n_features"), ("out: $features", "out: $n_features")],
    "part_of_a_list": [("[16, 32]", "16"), ("$features[0]", "$features")],
    "parameter_of_a_section": [("$params.features", "$features")],
    "embedding_of_a_condition": [("{layer: embedding, from: label, out: 16}", "{layer: condition, by: label}")],
    "tied_weights_and_a_bias": [("weights: tokens", "bias: false, weights: tokens")],
    "repetition_in_brackets": [("body[0].h", "body.0.h")],
    "function_pow": [("pow(2, 4)", "2 ** 4")],
}  # fmt: skip
MISTAKES = [name for name in SPECS if name.startswith("mistake")]


def test_every_mistake_has_a_mend() -> None:
    by_hand = {f"mistake_{name}.yaml" for name in MENDS}
    assert {name for name in MISTAKES if not any(d.edits for d in told_of(name))} == by_hand
    assert len(MISTAKES) >= 100


@pytest.mark.parametrize("name", MENDS)
def test_a_person_who_reads_the_help_mends_the_spec(name: str) -> None:
    path = f"mistake_{name}.yaml"
    written = Path(path).read_text("utf-8")
    assert any(d.help for d in told_of(path))
    for old, new in MENDS[name]:
        assert old in written
        written = written.replace(old, new, 1)
    left = after(written, path)
    assert not [d for d in left if d.level == "error" or d.code == "AR216"], text(left)
