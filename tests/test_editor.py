"""Names of a spec in an editor: what they stand for, where they are stated and used, what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from arspec.analysis.entries import Entries
from arspec.analysis.report import prove
from arspec.diagnostics import Source
from arspec.editor.context import context
from arspec.editor.document import Document
from arspec.editor.facts import facts
from arspec.editor.hover import hover
from arspec.editor.names import Symbol
from arspec.editor.navigate import definition, highlights, references
from arspec.editor.reading import read
from arspec.editor.text import Position, offset_at, position_at
from arspec.language.built_in import BUILT_IN
from arspec.layers import KINDS
from arspec.masks import READY_MADE
from tests.editing import marked, place, shipped, sized, text_at
from tests.small import SPECS

TWO = """arspec: 1
name: two
data: {kind: image, height: 6, width: 6, levels: 4}
params: {features: 4}
masks: {near: earlier and this.row - that.row <= 1}
blocks:
  layer:
    inputs: {h: what comes in}
    params: {mask: so_far}
    nodes:
      conv: {layer: conv, from: h, kernel: 3, out: $features, mask: $mask}
      sum: {layer: add, from: [conv, h]}
    outputs: {h: sum}
graph:
  first: {layer: conv, from: x, kernel: 3, out: $features, mask: near}
  body: {block: layer, from: first, params: {mask: near}, repeat: 2}
  logits: {layer: conv, from: body.h, out: $head}
head: {kind: categorical, from: logits}
"""


def _given(symbol: Symbol) -> bool:
    """Whether a name is one that no spec states."""
    kinds = {"param": BUILT_IN, "mask": READY_MADE, "layer": KINDS, "data": ("x", "data")}
    return symbol.name in kinds.get(symbol.kind, ())


@pytest.mark.parametrize("path", SPECS, ids=[p.stem for p in SPECS])
def test_every_name_of_a_spec_is_stated_somewhere(path: Path) -> None:
    document = Document(str(path), path.read_text("utf-8"))
    assert document.names.found
    lost = [symbol for symbol in document.by_symbol if not document.definitions(symbol) and not _given(symbol)]
    assert not lost


READ = ("gated_pixelcnn_class", "pixelcnn_pp", "gpt", "deltanet_hybrid", "t5_decoder", "pixelcnn_aux", "qwen3")


@pytest.mark.parametrize("name", READ)
def test_a_reference_leads_to_the_entry_that_the_language_reads(name: str) -> None:
    """What a name stands for here is what the graph of the loaded spec has there."""
    document = shipped(name)
    spec = document.spec
    assert spec is not None
    entries, compared = Entries(spec), 0
    stated = {one.spot: one.symbol for one in document.names.found if not one.defines}
    for node in spec.graph().nodes:
        entry = entries.of(node)
        refs = entry.map.get("from") if entry is not None and not node.unwritten else None
        if entry is None or refs is None or len(node.inputs) != 1 or "$" in refs.place.text:
            continue
        source = entries.of(node.inputs[0])
        symbol = next((s for spot, s in stated.items() if spot[0] == refs.place.source.name
                       and spot[1] == refs.place.start), None)  # fmt: skip
        if symbol is None or symbol.kind != "node" or source is None or "layer" not in source.map.entries:
            continue
        if refs.place.text != symbol.name or source.block.name != symbol.block:
            continue
        assert source.name == symbol.name, (node.name, symbol)
        assert [one.spot.start for one in document.definitions(symbol)] == [source.key.start]
        compared += 1
    assert compared


@pytest.mark.parametrize(
    "around, word, where",
    [
        ("from: first,", "first", "first: {layer: conv"),
        ("mask: near}\n  body", "near", "masks: {near"),
        ("params: {mask: near}", "near", "masks: {near"),
        ("params: {mask: near}", "mask", "params: {mask: so_far}"),
        ("mask: $mask", "mask}", "params: {mask: so_far}"),
        ("body.h", "h", "outputs: {h: sum}"),
        ("block: layer", "layer", "layer:\n    inputs"),
        ("[conv, h]", "h", "inputs: {h"),
        ("out: $features, mask: near", "features", "params: {features"),
    ],
)
def test_a_definition_is_found(around: str, word: str, where: str) -> None:
    document = Document("two.yaml", TWO)
    if word == "mask}":
        around, word = "mask: $mask}", "mask}"
    (found,) = definition(document, place(document, around, word))
    line = TWO[: TWO.index(where)].count("\n")
    assert found.file == "two.yaml" and found.range.start.line == line, text_at(document, found.range.start.line)


def test_references_are_found_in_the_files_that_extend_a_spec() -> None:
    document = shipped("gated_pixelcnn")
    found = references(document, place(document, "  features: 126", "features"))
    files = {Path(one.file).name for one in found}
    assert files == {"gated_pixelcnn.yaml", "gated_pixelcnn_class.yaml", "gated_pixelcnn_location.yaml"}
    for one in found:
        text = Path(one.file).read_text("utf-8")
        source = Source(one.file, text)
        assert text[offset_at(source, one.range.start) : offset_at(source, one.range.end)] == "features"
    uses = references(document, place(document, "  features: 126", "features"), declaration=False)
    assert len(uses) < len(found)


def test_keys_with_a_plus_lead_below() -> None:
    document = shipped("qwen3")
    assert any(own.file == document.file for own, _ in document.merged_keys)
    for own, below in document.merged_keys:
        position = position_at(document.source, own.start)
        assert any(one.file == below.file for one in definition(document, position))


def test_what_is_extended_opens() -> None:
    document = shipped("gated_pixelcnn_class")
    (found,) = definition(document, place(document, "extends: gated_pixelcnn.yaml", "gated"))
    assert Path(found.file).name == "gated_pixelcnn.yaml"


def test_a_name_is_marked_where_it_stands() -> None:
    document = Document("two.yaml", TWO)
    found = highlights(document, place(document, "sum: {layer", "sum"))
    assert [stated for _, stated in found] == [True, False]


@pytest.mark.parametrize(
    "name, around, word, parts",
    [
        ("gated_pixelcnn", "down: {layer", "down", ("3·84×32×32", "strict", "coverage so far", "no parameters")),
        ("gated_pixelcnn", "hidden: {layer", "hidden", ("parameters 16,002", "strict", "3 groups of 42 channels")),
        ("gated_pixelcnn", "mask: rows_so_far}", "rows_so_far", ("■ ■ ● ■ ■", "that.row <= this.row")),
        ("gated_pixelcnn", "features: 126 ", "features", ("126", "uses")),
        ("gated_pixelcnn", "out: $head", "head", ("768", BUILT_IN["head"])),
        ("gated_pixelcnn", "skips: {layer", "skips", ("3·42×32×32",)),
        ("gated_pixelcnn", "body: {block", "body", ("15 of it", "output `h`", "vertical stack")),
        ("gated_pixelcnn", "relu2: {layer: relu}", "relu}", ("A function of one number",)),
        ("gated_pixelcnn", "scan: raster", "raster", ("raster", "scan")),
        ("gated_pixelcnn", "kernel: [1, $k", "kernel", ("Places of the window",)),
        ("gated_pixelcnn_class", "label: {kind", "label", ("condition", "class")),
        ("gated_pixelcnn", "channels: sequential", "sequential", ("generated one after another",)),
        ("gated_pixelcnn_class", "extends: gated", "gated", ("gated_pixelcnn.yaml", "Two stacks instead of one")),
        ("gpt", "mask: so_far}", "so_far", ("■ ■ ■ ■ ● · · · ·",)),
        ("gpt", "tokens: {layer", "tokens", ("128×64", "inclusive", "coverage so far 0.00%")),
    ],
)  # fmt: skip
def test_a_hover_says_what_a_name_is(name: str, around: str, word: str, parts: tuple[str, ...]) -> None:
    document = shipped(name)
    found = hover(document, place(document, around, word))
    assert found is not None
    for part in parts:
        assert part in found.text, found.text


def test_a_hover_on_experts_tells_all_of_them() -> None:
    document = sized("mixtral", length=16, layers=2, width=32, heads=4, kv_heads=2, size=8, inner=24)
    moe = hover(document, place(document, "moe: {experts", "moe"))
    assert moe is not None and "32×16" in moe.text and "2 of it" in moe.text and "experts `expert`" in moe.text
    inside = hover(document, place(document, "act: {layer", "act"))
    assert inside is not None and "24×16" in inside.text and "node of the block `expert`" in inside.text


@pytest.mark.parametrize("name", ["two", "pixelcnn"])
def test_the_coverage_of_the_head_is_that_of_the_report(name: str) -> None:
    """What a node sees so far, asked of the last node, is what the spec is said to see."""
    document = (
        Document("two.yaml", TWO)
        if name == "two"
        else sized("pixelcnn", height=8, width=8, channels=1, features=4, blocks=1)
    )
    spec = document.spec
    assert spec is not None
    share, report = facts(spec).share(spec.graph().head_node), prove(spec)
    assert share is not None and report.coverage is not None and report.pairs is not None
    assert 0.2 < report.coverage < 1
    assert (share.pairs, share.seen) == (report.pairs, report.pairs - (report.unseen or 0))


BROKEN = [
    ("first: {layer: conv, from: x, kernel: 3, out: $features, mask: near}", "first: {layer: conv, from: x, kernel: "),
    ("body: {block: layer, from: first,", "body: {block: layer, from: first, }}"),
    ("sum: {layer: add, from: [conv, h]}", "sum: {layer: add, from: [conv, h"),
    ("params: {features: 4}", "params: {features: 4"),
    ("name: two", "name: \"two"),
    ("inputs: {h: what comes in}", "inputs: {h: what comes in}\n    - "),
    ("name: two", "name: two\nord"),
    ("graph:", "graph:\n  new"),
]  # fmt: skip


@pytest.mark.parametrize("good, bad", BROKEN)
def test_names_are_found_while_a_line_is_broken(good: str, bad: str) -> None:
    assert TWO.count(good) == 1
    document = Document("two.yaml", TWO).changed(TWO.replace(good, bad), 2)
    assert document.spec is None and not document.reading.whole and len(document.reading.blanked) <= 3
    position = place(document, "from: logits", "logits")
    (found,) = definition(document, position)
    assert "logits: {layer" in text_at(document, found.range.start.line)
    said = hover(document, position)
    assert said is not None and "**logits**" in said.text


def test_sizes_are_the_last_ones_while_a_text_is_broken() -> None:
    document = Document("two.yaml", TWO)
    assert document.spec is not None
    broken = document.changed(TWO.replace("out: $head}", "out: $haed}"), 2)
    found = hover(broken, place(broken, "logits: {layer", "logits"))
    assert broken.spec is None and found is not None
    assert "4×6×6" in found.text and "last text that loaded" in found.text


def test_a_text_in_several_lines_is_no_fault() -> None:
    """Quotes and brackets of an `about` that goes on below its key close nothing and open nothing."""
    document = shipped("gated_pixelcnn")
    assert '"Conditional Image Generation\n' in document.text
    broken = Document(
        document.file, document.text.replace("h_sum: {layer: add, from: [h_conv, v_to_h]}", "h_sum: {layer")
    )
    line = broken.text[: broken.text.index("h_sum: {layer")].count("\n")
    assert broken.reading.blanked == {line}


def test_what_stands_above_a_fault_is_read_where_nothing_else_helps() -> None:
    document = Document("two.yaml", TWO.replace("graph:", "}]}\n\t- ?:" + "\n : - [" * 20 + "\ngraph:"))
    assert [*document.reading.tree.entries][:5] == ["arspec", "name", "data", "params", "masks"]


def test_what_can_be_read_keeps_its_places() -> None:
    for good, bad in BROKEN:
        text = TWO.replace(good, bad)
        found = read(Source("two.yaml", text))
        assert len(found.source.text) == len(text)
        assert found.source.text.split("\n")[-2] == "head: {kind: categorical, from: logits}"


@pytest.mark.parametrize(
    "text, path, key, word",
    [
        ("data: {kind: image, hei¦}", ("data",), None, "hei"),
        ("graph:\n  a: {layer: conv, from: [b, c¦\n  d: {layer: relu}", ("graph", "a"), "from", "c"),
        ("graph:\n  a: {block: b, from: {v: first.¦, h: x}}", ("graph", "a", "from"), "v", "first."),
        ("graph:\n  a:\n    layer: conv\n    ker¦\n    out: 3", ("graph", "a"), None, "ker"),
        ("graph:\n  a: {layer: conv,\n      mask: earlier and le¦, out: 3}", ("graph", "a"), "mask", "le"),
        ("blocks+:\n  l+:\n    nodes+:\n      n¦", ("blocks", "l", "nodes"), None, "n"),
        ("graph:\n  a: {layer: conv, out: 2 * $wi¦dth}", ("graph", "a"), "out", "$wi"),
        ("blocks:\n  up:\n    outputs: {u: b.u, all: [u, b.*.¦]}", ("blocks", "up", "outputs"), "all", "b.*."),
        ("gra¦", (), None, "gra"),
        ("graph:\n  a:\n    layer: add\n    from:\n      - b\n      - c¦\n", ("graph", "a"), "from", "c"),
        ("graph:\n  a:\n    layer: add\n    from:\n    - ¦\n", ("graph", "a"), "from", ""),
        ("order: ras¦", (), "order", "ras"),
        ('graph:\n  a: {layer: conv, about: "a, b: {", fr¦}', ("graph", "a"), None, "fr"),
    ],
)
def test_what_is_written_at_a_place_is_told(text: str, path: tuple[str, ...], key: str | None, word: str) -> None:
    document, position = marked(text)
    found = context(document.source, position)
    assert found is not None and (found.path, found.key, found.word) == (path, key, word)


def test_nothing_is_written_in_a_comment() -> None:
    document, position = marked("graph:\n  a: {layer: conv}   # of the na¦me")
    assert context(document.source, position) is None


def test_columns_are_those_of_utf_16() -> None:
    source = Source("a.yaml", "a: '𝔸b'\nc: 1\r\nd: 2")
    at = source.text.index("b")
    assert position_at(source, at) == Position(0, 6)
    assert offset_at(source, Position(0, 6)) == at
    assert position_at(source, source.text.index("d")) == Position(2, 0)
    assert offset_at(source, Position(1, 99)) == source.text.index("\r")
    assert offset_at(source, Position(9, 0)) == len(source.text)
