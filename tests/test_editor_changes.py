"""What an editor offers and changes: completions, renames, hints, folds, the outline, colours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from arspec.diagnostics import InputError
from arspec.editor.completion import Item, completions
from arspec.editor.document import Document
from arspec.editor.family import Classes, family
from arspec.editor.inlays import inlays
from arspec.editor.names import Symbol
from arspec.editor.outline import Entry, folds, symbols
from arspec.editor.rename import prepare, rename
from arspec.editor.stated import schema as shipped_schema
from arspec.editor.text import Edit, offset_at, position_at
from arspec.editor.tokens import tokens
from arspec.language.extends import SECTIONS
from arspec.language.load import from_text
from arspec.language.schema import schema
from arspec.layers import KINDS
from arspec.masks import READY_MADE
from tests.editing import CURSOR, ROOT, marked, place, shipped, text_at
from tests.small import SHIPPED, small
from tests.test_editor import TWO

NEW = "_new"


def offered(text: str, file: str = "mine.yaml", **keys: object) -> dict[str, Item]:
    """What is offered at the cursor of a text."""
    document, position = marked(text, file, **keys)
    return {one.label: one for one in completions(document, position)}


def at(old: str, new: str, name: str | None = None) -> dict[str, Item]:
    """What is offered where a piece of a text is replaced by one with a cursor, in a document that loaded before."""
    document = Document("two.yaml", TWO) if name is None else shipped(name)
    assert document.text.count(old) >= 1
    return offered(document.text.replace(old, new, 1), document.file, good=document.spec)


@pytest.mark.parametrize(
    "old, new, there, absent",
    [
        ("from: [conv, h]", f"from: [conv, {CURSOR}]", ("conv", "h", "x"), ("sum", "first", "body", "layer")),
        ("from: body.h,", f"from: {CURSOR},", ("first", "body", "body.h", "body.*.h", "x"), ("logits", "conv", "h")),
        ("from: body.h, out: $head}", f"from: body.{CURSOR}", ("body.h", "body.*.h"), ("first",)),
        ("from: body.h, out: $head}", f"from: body.*.{CURSOR}", ("body.*.h",), ("body.h",)),
        ("from: first, params", f"from: {{{CURSOR}}}, params", ("h",), ("first",)),
        ("params: {mask: near}", f"params: {{{CURSOR}}}", ("mask",), ("features", "near")),
        ("params: {mask: near}", f"params: {{mask: {CURSOR}}}", ("near", "earlier", "so_far", "this."), ("first",)),
        ("block: layer", f"block: {CURSOR}", ("layer",), ("conv", "first")),
        ("kernel: 3, out: $features, mask: near}", f"ker{CURSOR}", ("kernel", "out", "mask", "stride"), ("layer",)),
        ("{layer: conv, from: body.h, out: $head}", f"{{{CURSOR}", ("layer", "block", "experts"), ("out",)),
        ("{layer: conv, from: body.h, out: $head}", f"{{layer: {CURSOR}", tuple(KINDS), ("layer", "first")),
        ("out: $head", f"out: $f{CURSOR}", ("$features", "$head", "$levels"), ("$mask",)),
        ("out: $features, mask: $mask", f"out: ${CURSOR}, mask: $mask", ("$features", "$mask", "$i"), ()),
        ("from: logits", f"from: {CURSOR}", ("logits", "body", "first"), ("conv",)),
        ("kind: categorical", f"kind: {CURSOR}", ("categorical", "logistic_mixture", "bernoulli"), ("image",)),
        ("kind: image", f"kind: {CURSOR}", ("image", "sequence", "vector"), ("categorical",)),
        ("levels: 4}", f"levels: 4, {CURSOR}}}", ("channels", "auxiliary"), ("height", "levels", "length")),
        ("mask: near}\n  body", f"mask: this.{CURSOR}}}\n  body", ("this.row", "this.rank"), ("that.row", "near")),
        ("near: earlier", f"near: earl{CURSOR}", ("earlier", "left", "that."), ("near",)),
        ("name: two", f"or{CURSOR}", ("order", "condition", "use"), ("data", "graph", "graph+")),
        ("outputs: {h: sum}", f"outputs: {{h: {CURSOR}}}", ("sum", "conv", "h"), ("first",)),
        ("mask: near}\n  body", f"pad{CURSOR}}}\n  body", ("padding",), ("mask_of",)),
        ("out: $features, mask: near}", f"padding: {CURSOR}}}", ("same", "causal", "valid"), ("first",)),
        ("masks: {near", f"order: {{scan: {CURSOR}}}\nmasks: {{near", ("raster", "hilbert"), ("natural",)),
    ],
)  # fmt: skip
def test_what_may_stand_at_a_place_is_offered(
    old: str, new: str, there: tuple[str, ...], absent: tuple[str, ...]
) -> None:
    found = at(old, new)
    assert not [name for name in there if name not in found], [*found]
    assert not [name for name in absent if name in found], [*found]


def test_what_is_offered_says_what_it_is() -> None:
    masks = at("mask: near}\n  body", f"mask: {CURSOR}}}\n  body")
    assert set(READY_MADE) <= set(masks)
    assert all(READY_MADE[name][1] in masks[name].about for name in READY_MADE)
    assert "■ ■ ○ · ·" in masks["earlier"].about
    kinds = at("layer: add, from: [conv, h]", f"layer: {CURSOR}")
    assert all(one.about for one in kinds.values())
    nodes = at("from: [conv, h]", f"from: [{CURSOR}]")
    assert nodes["conv"].detail == "conv  4×6×6"
    sections = offered(CURSOR)
    assert set(SECTIONS) <= set(sections) and sections["graph"].about == SECTIONS["graph"]


def test_libraries_and_specs_are_offered(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(TWO)
    file = str(tmp_path / "mine.yaml")
    assert {"gpt", "base.yaml"} <= offered(f"arspec: 1\nextends: {CURSOR}", file).keys()
    assert "blocks/transformer" in offered(f"arspec: 1\nuse: {CURSOR}", file)
    used = f"arspec: 1\nuse: blocks/transformer\ngraph:\n  body: {{block: {CURSOR}}}\n"
    assert {"gpt_layer", "llama_layer"} <= offered(used, file).keys()
    below = f"arspec: 1\nextends: base.yaml\ngraph+:\n  {CURSOR}"
    assert {"first+", "body+", "logits+"} <= offered(below, file).keys()
    assert "graph+" in offered(f"arspec: 1\nextends: base.yaml\n{CURSOR}", file)


def test_what_is_chosen_stands_for_the_word_that_was_begun() -> None:
    document, position = marked(TWO.replace("out: $head", f"out: 2*$he{CURSOR}"), "two.yaml")
    (head,) = [one for one in completions(document, position) if one.label == "$head"]
    start, end = (offset_at(document.source, place) for place in head.range)
    assert document.text[start:end] == "$he"


def test_a_key_that_has_its_colon_gets_no_second_one() -> None:
    found = at("kernel: 3, out: $features, mask: near}", f"ker{CURSOR}nel: 3, out: $features, mask: near}}")
    assert found["kernel"].text == "kernel"
    assert at("kernel: 3, out: $features, mask: near}", f"ker{CURSOR}}}")["kernel"].text == "kernel: "


def test_the_schema_is_the_shipped_one() -> None:
    assert shipped_schema() == schema()


# -- renames -----------------------------------------------------------------------------------------------------------


def applied(text: str, edits: list[Edit], file: str = "two.yaml") -> str:
    """A text with edits made."""
    source = Document(file, text).source
    spans = sorted(
        ((offset_at(source, e.range.start), offset_at(source, e.range.end), e.text) for e in edits), reverse=True
    )
    for start, end, new in spans:
        text = text[:start] + new + text[end:]
    return text


@pytest.mark.parametrize("path", SHIPPED, ids=[p.stem for p in SHIPPED])
def test_a_spec_with_every_name_changed_is_the_same_but_for_the_names(path: Path) -> None:
    """All names of a spec at once, in all of its files: it loads, and `describe` differs in the names alone."""
    document = Document(str(path), path.read_text("utf-8"))
    documents = family(document)
    classes = Classes(documents)
    spots = {spot: one.symbol for one in document.names.found if one.defines for spot in classes.of(one.spot)}
    assert spots
    texts = {one.file: one.text for one in documents}
    for spot in sorted(spots, reverse=True):
        text = texts[spot.file]
        assert text[spot.start : spot.end] == spots[spot].name
        texts[spot.file] = text[: spot.end] + NEW + text[spot.end :]
    before = small(path)
    own = Symbol("param", None, "")
    params = {
        f"{n}{NEW}" if document.definitions(own._replace(name=n)) else n: before.params[n] for n in before.overridden
    }
    after = from_text(texts[document.file], document.file, texts=texts).variant(params=params, data=before.changes)
    described = after.graph().describe()
    assert described.count(NEW) > before.graph().describe().count("\n")
    assert described.replace(NEW, "") == before.graph().describe()


def renamed(around: str, word: str, name: str) -> str:
    """The text of TWO with a name changed."""
    document = Document("two.yaml", TWO)
    return applied(TWO, rename(document, place(document, around, word), name)["two.yaml"])


@pytest.mark.parametrize(
    "around, word, name, changed",
    [
        ("first: {layer", "first", "begin", ("begin: {layer", "from: begin,")),
        (
            "params: {features",
            "features",
            "width",
            ("{width: 4}", "out: $width, mask: $mask", "out: $width, mask: near"),
        ),
        ("masks: {near", "near", "close", ("{close: earlier", "mask: close}\n  body", "params: {mask: close}")),
        ("params: {mask: so_far}", "mask", "seen", ("{seen: so_far}", "mask: $seen}", "params: {seen: near}")),
        ("  layer:\n", "layer", "step", ("  step:\n", "block: step,")),
        (
            "inputs: {h",
            "h",
            "stream",
            ("{stream: what", "from: stream,", "[conv, stream]", "{stream: sum}", "body.stream"),
        ),
        ("[conv, h]", "conv", "mixed", ("mixed: {layer: conv", "[mixed, h]")),
    ],
)
def test_a_name_is_changed_wherever_it_stands(around: str, word: str, name: str, changed: tuple[str, ...]) -> None:
    text = renamed(around, word, name)
    for piece in changed:
        assert piece in text, text
    back = from_text(text, "two.yaml").graph().describe()
    assert len(back.splitlines()) == len(from_text(TWO).graph().describe().splitlines())


def test_a_name_is_changed_in_the_files_that_extend_a_spec(tmp_path: Path) -> None:
    base, mine = tmp_path / "base.yaml", tmp_path / "mine.yaml"
    base.write_text(TWO)
    mine.write_text(
        "arspec: 1\nextends: base.yaml\nparams: {features: 8}\n"
        "graph+:\n  first+: {kernel: 5}\n  more: {layer: relu, from: first}\n  body+: {from: more}\n"
    )
    for file in (base, mine):
        document = Document(str(file), file.read_text())
        start = document.text.index("first: {layer" if file is base else "first+")
        edits = rename(document, position_at(document.source, start), "begin")
        assert edits.keys() == {str(base), str(mine)}
        text = applied(mine.read_text(), edits[str(mine)])
        assert "begin+: {kernel: 5}" in text and "from: begin}" in text
        texts = {str(base): applied(TWO, edits[str(base)])}
        after = from_text(text, str(mine), texts=texts).graph().describe()
        assert after.replace("begin", "first") == from_text(mine.read_text(), str(mine)).graph().describe()


def test_a_name_of_a_library_is_changed_in_the_specs_that_use_it(tmp_path: Path) -> None:
    library, mine = tmp_path / "own.yaml", tmp_path / "mine.yaml"
    library.write_text(
        "arspec: 1\nblocks:\n  layer:\n    inputs: {h: what comes in}\n    params: {size: 8, wide: 2 * $size}\n"
        "    nodes:\n"
        "      up: {layer: conv, from: h, out: $wide}\n      down: {layer: conv, out: $size}\n    outputs: {h: down}\n"
    )
    mine.write_text(
        "arspec: 1\nuse: own.yaml\ndata: {kind: sequence, length: 8, levels: 4}\nparams: {size: 4}\ngraph:\n"
        "  first: {layer: conv, from: x, kernel: 3, out: $size, mask: earlier}\n"
        "  body: {block: layer, from: {h: first}, params: {size: $size}, repeat: 2}\n"
        "  logits: {layer: conv, out: $head}\nhead: {kind: categorical, from: logits}\n"
    )
    document = Document(str(mine), mine.read_text())
    edits = rename(document, place(document, "params: {size: $size}", "size"), "width")
    assert len(edits[str(library)]) == 3 and len(edits[str(mine)]) == 1
    assert "params: {width: $size}" in applied(mine.read_text(), edits[str(mine)])
    of_spec = rename(document, place(document, "params: {size: 4}", "size"), "width")
    assert of_spec.keys() == {str(mine)} and len(of_spec[str(mine)]) == 3
    inputs = rename(document, place(document, "from: {h: first}", "h"), "stream")
    assert len(inputs[str(library)]) == 3 and len(inputs[str(mine)]) == 1


@pytest.mark.parametrize(
    "around, word, name, words",
    [
        ("first: {layer", "first", "body", "the node 'body' has that name"),
        ("first: {layer", "first", "two words", "is no name"),
        ("first: {layer", "first", "1st", "is no name"),
        ("first: {layer", "first", "x", "is the data"),
        ("params: {features", "features", "head", "a parameter that arspec gives"),
        ("masks: {near", "near", "earlier", "a ready-made mask"),
        ("params: {mask: so_far}", "mask", "features", "would mean something else"),
        ("inputs: {h", "h", "conv", "has that name"),
        ("[conv, h]", "conv", "h", "has that name"),
        ("kind: categorical", "categorical", "other", "no name of the spec stands here"),
        ("out: $head", "head", "other", "comes with arspec"),
        ("from: x", "x", "other", "comes with arspec"),
    ],
)
def test_what_cannot_be_called_so_is_refused(around: str, word: str, name: str, words: str) -> None:
    document = Document("two.yaml", TWO)
    with pytest.raises(InputError) as caught:
        rename(document, place(document, around, word), name)
    assert caught.value.code == "AR941" and words in str(caught.value), str(caught.value)


def test_specs_of_the_installation_are_not_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arspec.editor.rename.PACKAGE", ROOT)
    text = "arspec: 1\nextends: gpt\nblocks+: {layer+: {nodes+: {norm1+: {kind: rms}}}}\n"
    document = Document(str(tmp_path / "mine.yaml"), text)
    with pytest.raises(InputError, match=r"stands in gpt\.yaml too, which belongs to the installed arspec"):
        rename(document, place(document, "norm1+", "norm1"), "first_norm")


def test_nothing_is_renamed_in_a_text_that_cannot_be_read() -> None:
    document = Document("two.yaml", TWO.replace("from: [conv, h]}", "from: [conv, h"))
    with pytest.raises(InputError, match="line 12 can't be read"):
        prepare(document, place(document, "first: {layer", "first"))


def test_nothing_is_renamed_while_another_file_may_name_it_where_it_cannot_be_read(tmp_path: Path) -> None:
    base, mine = tmp_path / "base.yaml", tmp_path / "mine.yaml"
    base.write_text(TWO)
    mine.write_text(
        "arspec: 1\nextends: base.yaml\ngraph+:\n  more: {layer: relu, from: [first\n  body+: {from: first}\n"
    )
    document = Document(str(base), TWO)
    with pytest.raises(InputError, match=r"mine\.yaml:4 can't be read, and may name the node 'first'"):
        rename(document, place(document, "first: {layer", "first"), "begin")
    assert rename(document, place(document, "masks: {near", "near"), "close").keys() == {str(base)}


def test_a_name_in_a_text_with_escapes_is_not_edited() -> None:
    document = Document("two.yaml", TWO.replace("out: $features, mask: near", 'out: "\\x24features", mask: near'))
    with pytest.raises(InputError, match="escapes"):
        rename(document, place(document, "params: {features", "features"), "width")


def test_what_can_be_renamed_is_told_with_its_range() -> None:
    document = Document("two.yaml", TWO)
    found = prepare(document, place(document, "mask: $mask", "$mask"))
    assert found.name == "mask" and text_at(document, found.range.start.line)[found.range.start.column :].startswith(
        "mask}"
    )


# -- hints, folds, outline, colours ------------------------------------------------------------------------------------


def test_hints_tell_the_types_of_nodes() -> None:
    document = Document("two.yaml", TWO)
    hints = {text_at(document, one.position.line).split(":")[0].strip(): one for one in inlays(document)}
    assert {name: one.text for name, one in hints.items()} == {
        "first": "4×6×6", "conv": "4×6×6", "sum": "4×6×6", "body": "4×6×6", "logits": "4×6×6",
    }  # fmt: skip
    for one in hints.values():
        assert one.position.column == len(text_at(document, one.position.line))
    broken = document.changed(TWO.replace("from: [conv, h]}", "from: [conv, h"), 2)
    assert {one.text for one in inlays(broken)} == {"4×6×6"} and len(inlays(broken)) == 4
    assert inlays(Document("two.yaml", TWO.replace("near}", "neer}"))) == []


def test_hints_tell_what_changes_from_one_repetition_to_the_next() -> None:
    text = shipped("pixelcnn_pp").text.replace(
        "height: 32, width: 32, filters: 160, resnets: 5", "height: 8, width: 8, filters: 4, resnets: 1"
    )
    document = Document("pp.yaml", text)
    hints = {text_at(document, one.position.line).split(":")[0].strip(): one.text for one in inlays(document)}
    assert (hints["act1"], hints["up0"], hints["half0"]) == ("8×8×8 … 8×2×2", "4×8×8", "4×4×4")


def _names(entries: tuple[Entry, ...] | list[Entry]) -> list[str]:
    return [one.name for one in entries]


def test_the_outline_has_sections_blocks_and_nodes() -> None:
    document = Document("two.yaml", TWO)
    outline = {one.name: one for one in symbols(document)}
    assert [*outline] == ["arspec", "name", "data", "params", "masks", "blocks", "graph", "head"]
    assert _names(outline["graph"].inside) == ["first", "body", "logits"]
    assert outline["graph"].inside[1].detail == "block layer × 2" and outline["graph"].inside[1].sort == "repeat"
    (layer,) = outline["blocks"].inside
    assert _names(layer.inside) == ["inputs", "mask", "conv", "sum", "outputs"]

    def nested(entry: Entry) -> None:
        assert entry.range.start <= entry.own.start and entry.own.end <= entry.range.end
        for one in entry.inside:
            assert entry.range.start <= one.range.start and one.range.end <= entry.range.end
            nested(one)

    for entry in outline.values():
        nested(entry)


def test_sections_blocks_and_long_entries_fold() -> None:
    document = shipped("deltanet_hybrid")
    found = {text_at(document, one.first).strip(): one for one in folds(document)}
    assert {"blocks:", "graph:", "params:", "delta:", "nodes:"} <= {key.split("  ")[0] for key in found}
    states = next(one for key, one in found.items() if key.startswith("states: {layer"))
    assert states.last == states.first + 1
    assert all(one.first < one.last < len(document.source.line_starts) for one in found.values())


def test_names_are_coloured_by_what_they_stand_for() -> None:
    document = Document("two.yaml", TWO)
    found = {}
    for one in tokens(document):
        line = text_at(document, one.position.line)
        found.setdefault(line[one.position.column : one.position.column + one.length], set()).add(
            (one.type, one.declares)
        )
    assert found["near"] == {("function", True), ("function", False)}
    assert found["features"] == {("enumMember", True), ("enumMember", False)}
    assert ("class", True) in found["layer"] and ("type", False) in found["add"]
    assert [one.position for one in tokens(document)] == sorted(one.position for one in tokens(document))


def test_nothing_of_this_fails_on_texts_that_are_cut_off_anywhere() -> None:
    """While a spec is typed from its first character to its last, every function answers."""
    asked: list[Callable[[Document], object]] = [symbols, folds, tokens, inlays]
    for end in range(0, len(TWO), 37):
        document = Document("two.yaml", TWO[:end])
        for ask in asked:
            ask(document)
        completions(document, position_at(document.source, end))
