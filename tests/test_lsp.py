"""The language server, over the protocol: one server for all tests of this file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from speaking import Client

ROOT = Path(__file__).parent.parent
SMALL = """arspec: 1
data: {kind: image, height: 5, width: 4, levels: 4}
graph:
  first: {layer: conv, from: x, kernel: 3, out: 8, mask: earlier}
  second: {layer: conv, kernel: 3, out: 8, mask: so_far}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""
LEAKING = SMALL.replace("mask: earlier", "mask: so_far")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    one = Client(tmp_path_factory.mktemp("lsp"), {"status": True, "delay": 0})
    yield one
    one.stop()
    assert not [line for line in one.log if "Traceback" in line], one.log


@pytest.fixture
def uri(request: pytest.FixtureRequest, tmp_path: Path, client: Client) -> Iterator[str]:
    """A document of the test's own, that is closed when it ends."""
    one = (tmp_path / "own.yaml").as_uri()
    yield one
    client.close(one)


def codes(client: Client, uri: str) -> list[str]:
    return [one["code"] for one in client.diagnostics[uri]]


def underlined(text: str, one: dict[str, Any]) -> str:
    """The characters of a range, by columns of UTF-16."""
    start, end = one["range"]["start"], one["range"]["end"]
    assert start["line"] == end["line"]
    line = text.replace("\r\n", "\n").split("\n")[start["line"]].encode("utf-16-le")
    return line[2 * start["character"] : 2 * end["character"]].decode("utf-16-le")


def test_a_spec_is_proven_and_then_its_contexts_are_found(client: Client, uri: str) -> None:
    client.open(uri, SMALL)
    assert client.status(uri, "proof")["verdict"].startswith("proven: 20 variables; ")
    assert client.diagnostics[uri] == []
    assert " of the legal pairs seen; " in client.status(uri, "contexts")["verdict"]
    assert codes(client, uri) == ["AR705"]


def test_a_leak_is_underlined_at_its_nodes(client: Client, uri: str) -> None:
    client.open(uri, LEAKING)
    assert client.status(uri, "proof")["proven"] is False
    leak, *path = client.diagnostics[uri]
    assert leak["code"] == "AR701" and leak["severity"] == 1 and underlined(LEAKING, leak) == "conv"
    assert leak["range"]["start"]["line"] == 3
    assert [one["location"]["range"]["start"]["line"] for one in leak["relatedInformation"]] == [3, 4, 5]
    assert [one["range"]["start"]["line"] for one in path] == [4, 5] and {one["severity"] for one in path} == {3}
    page = leak["codeDescription"]["href"].removeprefix("file://")
    assert Path(page).read_text("utf-8").startswith("AR701: a leak")


def test_a_broken_text_keeps_its_places_in_units_of_utf_16(client: Client, uri: str) -> None:
    text = SMALL.replace("graph:", "about: 𝒜 long 🐍 tale\ngraph:").replace("first: {", "first: {rate: '🐍🐍', ", 1)
    client.open(uri, text.replace("\n", "\r\n"))
    client.status(uri, "proof")
    (fault,) = client.diagnostics[uri]
    assert fault["code"] == "AR101" and underlined(text, fault) == "rate"
    other = text.replace("layer: conv", "layer: cnv", 1)
    client.change(uri, other, 2)
    client.status(uri, "proof", version=2)
    assert [underlined(other, one) for one in client.diagnostics[uri]] == ["cnv"]


def test_what_stands_in_a_base_is_shown_where_it_is_named(client: Client, uri: str, tmp_path: Path) -> None:
    """The base is read as it is open, not as it lies on the disk; a change of it is a change of what extends it."""
    (tmp_path / "base.yaml").write_text(SMALL)
    base = (tmp_path / "base.yaml").as_uri()
    own = "arspec: 1\nname: own\nextends: base.yaml\n"
    client.open(uri, own)
    assert client.status(uri, "proof")["proven"] is True
    client.open(base, LEAKING)
    while client.status(uri, "proof")["proven"]:
        pass
    leak = client.diagnostics[uri][0]
    assert leak["code"] == "AR701" and underlined(own, leak) == "base.yaml"
    assert leak["relatedInformation"][0]["location"]["uri"] == base
    there = [one for one in client.diagnostics[base] if one["message"].startswith("in own.yaml: a leak")]
    assert len(there) == 1 and underlined(LEAKING, there[0]) == "conv"
    client.close(base)
    assert client.status(uri, "proof")["proven"] is True
    assert not client.diagnostics[base]


def test_a_conversation_ends(tmp_path: Path) -> None:
    one = Client(tmp_path)
    assert one.end() == 0
