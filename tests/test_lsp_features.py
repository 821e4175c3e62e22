"""What the language server knows of names, over the protocol: one server for all tests of this file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from editing import CURSOR, ROOT
from speaking import Client
from test_editor import TWO

from arspec.diagnostics import Source
from arspec.editor.text import Position as At
from arspec.editor.text import offset_at, position_at


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    one = Client(tmp_path_factory.mktemp("lsp"), {"status": True, "delay": 0, "contexts": False})
    yield one
    one.stop()
    assert not [line for line in one.log if "Traceback" in line], one.log


@pytest.fixture
def two(tmp_path: Path, client: Client) -> Iterator[str]:
    """The URI of a spec that is open and proven."""
    (tmp_path / "two.yaml").write_text(TWO)
    uri = (tmp_path / "two.yaml").as_uri()
    client.open(uri, TWO)
    client.status(uri, "proof")
    yield uri
    client.close(uri)


def place(text: str, around: str, word: str) -> dict[str, int]:
    """The place behind the first character of a word, as the protocol has it."""
    at = position_at(Source("two.yaml", text), text.index(around) + around.index(word) + 1)
    return {"line": at.line, "character": at.column}


def at(uri: str, position: dict[str, int], **more: Any) -> dict[str, Any]:
    """The parameters of a request about a place."""
    return {"textDocument": {"uri": uri}, "position": position, **more}


def cut(text: str, where: dict[str, Any]) -> str:
    """The characters of a range."""
    source = Source("two.yaml", text)
    start, end = (offset_at(source, At(where[k]["line"], where[k]["character"])) for k in ("start", "end"))
    return text[start:end]


def test_the_server_says_what_it_can(client: Client) -> None:
    for ability in ("hoverProvider", "completionProvider", "definitionProvider", "referencesProvider", "renameProvider",
                    "documentSymbolProvider", "foldingRangeProvider", "inlayHintProvider", "semanticTokensProvider",
                    "documentHighlightProvider"):  # fmt: skip
        assert client.able.get(ability), ability


def test_a_hover_tells_a_node_and_a_mask(client: Client, two: str) -> None:
    node = client.ask("textDocument/hover", at(two, place(TWO, "sum: {layer", "sum")))
    assert "4×6×6" in node["contents"]["value"] and cut(TWO, node["range"]) == "sum"
    mask = client.ask("textDocument/hover", at(two, place(TWO, "masks: {near", "near")))
    assert "■ ■ ○ · ·" in mask["contents"]["value"]
    assert client.ask("textDocument/hover", at(two, {"line": 99, "character": 0})) is None


def test_names_are_completed_while_the_text_is_broken(client: Client, two: str) -> None:
    text = TWO.replace("from: [conv, h]}", f"from: [{CURSOR}")
    broken = text.replace(CURSOR, "")
    client.change(two, broken, 2)
    position = place(text, f"from: [{CURSOR}", "[")
    found = client.ask("textDocument/completion", at(two, position))
    labels = {one["label"]: one for one in found["items"]}
    assert {"conv", "h", "x"} <= labels.keys() and labels["conv"]["detail"] == "conv  4×6×6"
    assert labels["conv"]["textEdit"]["range"] == {"start": position, "end": position}


def test_a_definition_and_the_references_of_a_name_are_found(client: Client, two: str) -> None:
    (stated,) = client.ask("textDocument/definition", at(two, place(TWO, "mask: near}\n", "near")))
    assert stated["uri"] == two and cut(TWO, stated["range"]) == "near" and stated["range"]["start"]["line"] == 4
    asked = at(two, place(TWO, "mask: near}\n", "near"), context={"includeDeclaration": True})
    assert [cut(TWO, one["range"]) for one in client.ask("textDocument/references", asked)] == ["near"] * 3
    marks = client.ask("textDocument/documentHighlight", at(two, place(TWO, "sum: {layer", "sum")))
    assert sorted(one["kind"] for one in marks) == [2, 3]


def test_a_name_is_changed_and_what_clashes_is_refused_in_words(client: Client, two: str) -> None:
    position = place(TWO, "first: {layer", "first")
    prepared = client.ask("textDocument/prepareRename", at(two, position))
    assert prepared["placeholder"] == "first" and cut(TWO, prepared["range"]) == "first"
    edit = client.ask("textDocument/rename", at(two, position, newName="begin"))
    assert [cut(TWO, one["range"]) for one in edit["changes"][two]] == ["first", "first"]
    refused = client.answer("textDocument/rename", at(two, position, newName="body"))["error"]
    assert "the node 'body' has that name" in refused["message"] and "Traceback" not in str(refused)
    nothing = client.answer("textDocument/prepareRename", at(two, place(TWO, "arspec: 1", "arspec")))
    assert "no name of the spec stands here" in nothing["error"]["message"]


def test_a_rename_edits_the_files_that_extend_the_spec(client: Client, two: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("arspec: 1\nextends: two.yaml\ngraph+: {first+: {kernel: 5}}\n")
    edit = client.ask("textDocument/rename", at(two, place(TWO, "first: {layer", "first"), newName="begin"))
    assert edit["changes"].keys() == {two, (tmp_path / "mine.yaml").as_uri()}


def test_hints_folds_symbols_and_colours_come(client: Client, two: str) -> None:
    everything = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
    document = {"textDocument": {"uri": two}}
    hints = client.ask("textDocument/inlayHint", {**document, "range": everything})
    assert [one["label"] for one in hints] == ["4×6×6"] * 5
    folds = client.ask("textDocument/foldingRange", document)
    assert {k: folds[0][k] for k in ("startLine", "endLine")} == {"startLine": 5, "endLine": 12}
    symbols = {one["name"]: one for one in client.ask("textDocument/documentSymbol", document)}
    assert [one["name"] for one in symbols["graph"]["children"]] == ["first", "body", "logits"]
    data = client.ask("textDocument/semanticTokens/full", document)["data"]
    legend = client.able["semanticTokensProvider"]["legend"]["tokenTypes"]
    lines = TWO.split("\n")
    line = column = 0
    words = set()
    for down, right, length, kind, _ in zip(*[iter(data)] * 5, strict=True):
        column = right if down else column + right
        line += down
        words.add((lines[line][column : column + length], legend[kind]))
    assert {("near", "function"), ("first", "variable"), ("features", "enumMember"), ("conv", "type")} <= words


def test_other_files_of_yaml_are_left_alone(client: Client, tmp_path: Path) -> None:
    uri = (tmp_path / "compose.yaml").as_uri()
    client.open(uri, "services:\n  web: {image: nginx}\n")
    for method in ("hover", "definition", "completion", "prepareRename"):
        assert client.ask(f"textDocument/{method}", at(uri, {"line": 1, "character": 4})) is None
    assert client.ask("textDocument/documentSymbol", {"textDocument": {"uri": uri}}) is None
    client.close(uri)


def test_a_shipped_spec_is_known_whole(client: Client) -> None:
    path = ROOT / "specs" / "gated_pixelcnn_class.yaml"
    uri, text = path.as_uri(), path.read_text("utf-8")
    client.open(uri, text)
    hover = client.ask("textDocument/hover", at(uri, place(text, "down: {layer", "down")))["contents"]["value"]
    assert "3·84×32×32" in hover and "(strict)" in hover
    (base,) = client.ask("textDocument/definition", at(uri, place(text, "extends: gated", "gated")))
    assert base["uri"].endswith("/specs/gated_pixelcnn.yaml")
    client.close(uri)
