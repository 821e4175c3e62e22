"""The language server, over the protocol: one server for all tests of this file."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from speaking import Client

from arspec.cli.main import main
from arspec.diagnostics import InputError, Source
from arspec.lsp.background import Background
from arspec.lsp.checking import NOT_FOUND, SOUGHT, proof
from arspec.lsp.documents import Ticket
from arspec.lsp.starting import build, serve_at
from arspec.lsp.texts import Texts
from arspec.progress import still_wanted

ROOT = Path(__file__).parent.parent
SMALL = """arspec: 1
data: {kind: image, height: 5, width: 4, levels: 4}
graph:
  first: {layer: conv, from: x, kernel: 3, out: 8, mask: earlier}
  second: {layer: conv, kernel: 3, out: 8, mask: so_far}
  logits: {layer: conv, out: $head}
head: {kind: categorical, from: logits}
"""
OPTIONS = {"tabSize": 8, "insertSpaces": True}
LEAKING = SMALL.replace("mask: earlier", "mask: so_far")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    one = Client(tmp_path_factory.mktemp("lsp"), {"status": True, "delay": 0})
    yield one
    assert one.end() == 0
    failed = [number for number, line in enumerate(one.log) if " arspec.lsp " in line]  # where it says what failed
    assert not failed, "\n".join(one.log[failed[0] :][:40])


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


def at(uri: str, line: int, column: int, to: int | None = None) -> dict[str, Any]:
    end = {"line": line, "character": column if to is None else to}
    return {"textDocument": {"uri": uri}, "range": {"start": {"line": line, "character": column}, "end": end},
            "context": {"diagnostics": []}}  # fmt: skip


def applied(text: str, edits: list[dict[str, Any]]) -> str:
    """A text after edits, as an editor makes them: all places are of the text before."""

    def offset(position: dict[str, int]) -> int:
        lines = text.split("\n")
        before = sum(len(line) + 1 for line in lines[: position["line"]])
        units = (lines[position["line"]] if position["line"] < len(lines) else "").encode("utf-16-le")
        return before + len(units[: 2 * position["character"]].decode("utf-16-le"))

    for edit in sorted(edits, key=lambda each: offset(each["range"]["start"]), reverse=True):
        text = text[: offset(edit["range"]["start"])] + edit["newText"] + text[offset(edit["range"]["end"]) :]
    return text


def test_a_misspelt_name_is_replaced(client: Client, uri: str) -> None:
    """Behind characters of two units each, on a line that ends in a carriage return."""
    text = SMALL.replace("graph:", "about: 𝒜\ngraph:").replace("first: {", "first: {rate: '🐍', ")
    text = text.replace("mask: earlier", "msk: earlier")
    client.open(uri, text.replace("\n", "\r\n"))
    client.status(uri, "proof")
    found = next(one for one in client.diagnostics[uri] if underlined(text, one) == "msk")
    line, column = found["range"]["start"].values()
    (action,) = client.ask("textDocument/codeAction", at(uri, line, column))
    assert action["title"] == "Replace `msk` by `mask`" and action["isPreferred"] and action["kind"] == "quickfix"
    assert applied(text, action["edit"]["changes"][uri]) == text.replace("msk", "mask")
    assert client.ask("textDocument/codeAction", at(uri, 0, 0)) == []
    every = {**at(uri, 0, 0), "context": {"diagnostics": [], "only": ["source.fixAll"]}}
    (action,) = client.ask("textDocument/codeAction", every)
    assert applied(text, action["edit"]["changes"][uri]) == text.replace("msk", "mask")


def test_a_leak_is_mended_by_a_checked_edit(client: Client, uri: str) -> None:
    client.open(uri, LEAKING)
    client.status(uri, "proof")
    (action,) = client.ask("textDocument/codeAction", at(uri, 3, 20))
    mended = applied(LEAKING, action["edit"]["changes"][uri])
    assert mended == SMALL and "then proven" in action["title"]
    client.change(uri, mended, 2)
    assert client.status(uri, "proof", version=2)["proven"] is True
    assert [one for one in client.diagnostics[uri] if one["code"] == "AR701"] == []


def test_what_is_not_seen_has_a_checked_mend_too(client: Client, uri: str) -> None:
    text = SMALL.replace("mask: so_far", "mask: left")
    client.open(uri, text)
    seen = client.status(uri, "contexts")["verdict"]
    (note,) = client.diagnostics[uri]
    assert note["code"] == "AR705" and f"help: {SOUGHT}" in note["message"]
    (action,) = client.ask("textDocument/codeAction", at(uri, note["range"]["start"]["line"], 8))
    client.status(uri, "mends", version=1)
    (note,) = client.diagnostics[uri]
    assert "help: write `so_far` instead of `left`" in note["message"] and SOUGHT not in note["message"]
    client.change(uri, applied(text, action["edit"]["changes"][uri]), 2)
    more = client.status(uri, "contexts", version=2)["verdict"]
    assert action["title"].startswith("Write `so_far` instead of `left`") and share(more) > share(seen)


def test_where_no_other_mask_sees_more_that_is_said(client: Client, uri: str) -> None:
    client.open(uri, SMALL)
    client.status(uri, "contexts")
    (note,) = client.diagnostics[uri]
    assert client.ask("textDocument/codeAction", at(uri, note["range"]["start"]["line"], 8)) == []
    client.status(uri, "mends", version=1)
    (note,) = client.diagnostics[uri]
    assert note["code"] == "AR705" and note["message"].endswith(f"help: {NOT_FOUND}")


def share(verdict: str) -> float:
    """The share of the legal pairs that a verdict tells, in percent."""
    found = re.search(r"([\d.]+)% of the legal pairs", verdict)
    assert found is not None
    return float(found[1])


def test_layout_and_verdict(client: Client, uri: str) -> None:
    text = SMALL.replace("data: {", "data:     {  ").replace("graph:", "# of 🐍\ngraph: ")
    client.open(uri, text)
    client.status(uri, "contexts")
    edits = client.ask("textDocument/formatting", {"textDocument": {"uri": uri}, "options": OPTIONS})
    assert applied(text, edits) == SMALL.replace("graph:", "# of 🐍\ngraph:")
    (lens,) = client.ask("textDocument/codeLens", {"textDocument": {"uri": uri}})
    assert lens["command"]["title"].startswith("proven: 20 variables, ")
    client.change(uri, "arspec: 1\ngraph: {", 2)
    client.status(uri, "proof", version=2)
    assert client.ask("textDocument/formatting", {"textDocument": {"uri": uri}, "options": OPTIONS}) is None
    (lens,) = client.ask("textDocument/codeLens", {"textDocument": {"uri": uri}})
    assert lens["command"]["title"] == "does not load: 1 fault"


def test_work_for_a_text_that_has_changed_is_given_up(client: Client, uri: str) -> None:
    """Of many texts in a row the last one is proven, and its contexts are found; what was begun before ends early."""
    big = (ROOT / "specs" / "pixelcnn_pp.yaml").read_text("utf-8")
    client.open(uri, big)
    before = client.status(uri, "proof")
    for version in range(2, 12):
        client.change(uri, f"{big}# {version}\n", version)
    last = client.status(uri, "contexts", version=11)
    assert last["proven"] is True and last["begun"] - before["begun"] < 2 * 10
    whole = [m for m in client.came if m.get("method") == "arspec/status" and m["params"]["uri"] == uri
             and m["params"]["stage"] == "contexts"]  # fmt: skip
    assert len(whole) < 10 and last["givenUp"] > before["givenUp"]


STRANGE = {
    "empty": "", "blank": "\n\n", "byte order mark": "\ufeff" + SMALL, "carriage returns": SMALL.replace("\n", "\r"),
    "not closed": "arspec: 1\ngraph: {a: [", "tab": "arspec: 1\n\tdata: 1\n", "a list": "- arspec: 1\n",
    "null": "arspec: \0 1\n", "half a character": "arspec: 1\nname: '\ud83d'\n", "two": SMALL + "---\n" + SMALL,
    "huge": "arspec: 1\nabout: " + "x" * (1 << 20), "deep": "arspec: 1\ngraph: " + "[" * 200,
    "lines of their own": SMALL.replace("graph:", "about: 'a\u2028b\x85c'\ngraph:"),
    "many faults": "arspec: 1\ngraph:\n" + "".join(f"  n{k}: {{lyer: c}}\n" for k in range(400)),
    "many nodes": SMALL.replace("second:", "many: {block: b, repeat: 999999}\n  second:"),
}  # fmt: skip


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_strange_texts_are_answered(client: Client, uri: str, text: str) -> None:
    """Whatever is open, every request has an answer without an error, and faults have places in the text."""
    client.open(uri, text)
    client.change(uri, text + " ", 2)
    place = {**at(uri, 3, 10**6), "options": OPTIONS, "position": {"line": 10**6, "character": 7}}
    for method in ("codeAction", "codeLens", "formatting", "hover", "completion", "documentSymbol"):
        context = {"diagnostics": []} if method == "codeAction" else {"triggerKind": 1}
        answer = client.answer(f"textDocument/{method}", {**place, "context": context})
        assert "error" not in answer or answer["error"]["code"] == -32601, answer
    if "arspec" in text and text != STRANGE["a list"]:
        client.status(uri, "proof", version=2)
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for one in client.diagnostics[uri]:
            end = one["range"]["end"]
            assert end["line"] < len(lines) and end["character"] <= 2 * len(lines[end["line"]]) + 1


def test_other_files_of_yaml_are_left_alone(client: Client, uri: str) -> None:
    client.open(uri, "name: ci\non: [push]\njobs: {a: {steps: [}\n")
    assert client.ask("textDocument/codeLens", {"textDocument": {"uri": uri}}) == []
    assert client.ask("textDocument/formatting", {"textDocument": {"uri": uri}, "options": OPTIONS}) is None
    assert not client.diagnostics.get(uri)


def test_what_is_not_open_is_answered_with_nothing(client: Client, uri: str) -> None:
    gone = uri.replace("own", "gone")
    for method in ("codeAction", "codeLens", "formatting"):
        assert client.ask(f"textDocument/{method}", {**at(gone, 0, 0), "options": OPTIONS}) is None
    client.change(gone, SMALL, 3)
    client.close(gone)
    answer = client.answer("workspace/executeCommand", {"command": "no such", "arguments": []})
    assert "error" in answer and "data" not in answer["error"]
    answer = client.answer("textDocument/codeAction", {"textDocument": {"uri": gone}, "range": "x"})
    assert answer["error"]["code"] == -32602 and "data" not in answer["error"]


def test_files_that_change_on_the_disk_are_read_again(client: Client, uri: str, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(LEAKING)
    client.open(uri, "arspec: 1\nname: own\nextends: base.yaml\n")
    assert client.status(uri, "proof")["proven"] is False
    (tmp_path / "base.yaml").write_text(SMALL)
    client.tell("workspace/didChangeWatchedFiles", {"changes": [{"uri": (tmp_path / "base.yaml").as_uri(), "type": 2}]})
    assert client.status(uri, "proof")["proven"] is True


def test_params_are_set_by_the_editor(client: Client, uri: str) -> None:
    text = SMALL.replace("data: {kind: image, height: 5", "params: {rows: 5}\ndata: {kind: image, height: $rows")
    client.open(uri, text)
    assert client.status(uri, "proof")["verdict"].startswith("proven: 20 variables")
    client.tell("workspace/didChangeConfiguration", {"settings": {"arspec": {"params": {"rows": 7, "other": 1}}}})
    assert client.status(uri, "proof")["verdict"].startswith("proven: 28 variables")
    client.tell("workspace/didChangeConfiguration", {"settings": {"arspec": {"params": {}}}})
    assert client.status(uri, "proof")["verdict"].startswith("proven: 20 variables")


def test_a_change_of_a_part_is_taken(client: Client, uri: str) -> None:
    text = LEAKING.replace("graph:", "about: 𝒜\ngraph:")
    client.open(uri, text)
    assert client.status(uri, "proof")["proven"] is False
    line = next(k for k, each in enumerate(text.split("\n")) if "so_far" in each)
    column = text.split("\n")[line].index("so_far")
    part = {"start": {"line": line, "character": column}, "end": {"line": line, "character": column + 6}}
    name = {"start": {"line": 2, "character": 7}, "end": {"line": 2, "character": 9}}
    changes = [{"range": name, "text": "mine"}, {"range": part, "text": "earlier"}]
    client.tell("textDocument/didChange", {"textDocument": {"uri": uri, "version": 2}, "contentChanges": changes})
    assert client.status(uri, "proof", version=2)["proven"] is True


def test_nothing_is_said_of_a_document_that_was_closed(client: Client, uri: str, tmp_path: Path) -> None:
    """Closed while its contexts are being found: they are given up, and what follows goes on."""
    other = (tmp_path / "other.yaml").as_uri()
    client.open(uri, (ROOT / "specs" / "pixelcnn_pp.yaml").read_text("utf-8"))
    client.status(uri, "proof")
    client.close(uri)
    client.open(other, SMALL)
    client.status(other, "contexts")
    said = [m["params"] for m in client.came if m.get("method") == "textDocument/publishDiagnostics"]
    assert [one["diagnostics"] for one in said if one["uri"] == uri][-1] == []
    client.close(other)


def test_slow_work_waits_for_a_proof_and_ends_when_its_text_has_changed() -> None:
    background, text, go, done = Background(), Ticket(), threading.Event(), list[str]()

    def study() -> str:
        assert go.wait(60)
        still_wanted()
        done.append("contexts")
        text.wanted = False
        still_wanted()
        raise AssertionError

    def prove() -> str:
        go.set()
        sleep(0.1)  # in which the other would go on if it did not wait
        done.append("proof")
        return "proven"

    slow = background.study(text, study)
    assert background.prove(Ticket(), prove).result(60) == "proven" and slow.result(60) is None
    assert done == ["proof", "contexts"] and background.given_up == 1
    assert background.prove(text, lambda: "of a text that has changed").result(60) is None
    assert background.prove(Ticket(), lambda: str(1 // 0)).result(60) is None  # it goes on after a fault of its own
    assert background.prove(Ticket(), lambda: "proven").result(60) == "proven"
    background.end()
    assert background.study(Ticket(), study).result(60) is None


def test_a_proof_waits_for_a_further_keystroke_as_long_as_the_last_one_took(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def typed() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", lambda delay, *_: waited.append(delay))
        server = build()
        server.changed.clear()  # nobody has come
        server.take("file:///own.yaml", SMALL, 1)
        document = server.documents.get("file:///own.yaml")
        assert document is not None
        for cost in (0.02, 3.0):
            document.cost = cost
            server.take("file:///own.yaml", SMALL + "#", 2)
        server._proved(document, document.ticket, proof(document.source, server.documents.texts(document), {}))
        assert document.checked is not None and document.cost == document.checked.seconds
        server.background.end()

    asyncio.run(typed())
    assert waited == [0, 0.02, 0.05]


@pytest.mark.parametrize("name", ["pixelcnn_pp", "mixtral"])
def test_edits_of_every_kind_are_proven_or_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of `tools/lsp --typing`: what one breaks the next one mends."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from common.keystrokes import KINDS, edits

    text, told = (ROOT / "specs" / f"{name}.yaml").read_text("utf-8"), set[str]()
    for kind, changed in edits(text, 2 * len(KINDS)):
        checked = proof(Source(f"{name}.yaml", changed), Texts({}), {})
        assert checked.spec is None or checked.report is not None
        assert checked.diagnostics or (checked.report is not None and checked.report.proven)
        if kind.endswith(", mended"):
            assert changed == text and checked.report is not None and checked.report.proven
        else:
            assert changed != text
            told |= {one.code for one in checked.diagnostics}
    assert "AR701" in told and len(told) > 5


def test_the_process_of_a_server_turns_quickly_and_collects_no_modules(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def serve(given: Any, out: Any) -> bool:
        assert gc.get_freeze_count() > 10_000 and sys.getswitchinterval() < turn
        return True

    turn = sys.getswitchinterval()
    monkeypatch.setattr("arspec.lsp.starting.serve", serve)
    try:
        assert main(["lsp"]) == 0
    finally:
        gc.unfreeze()
        sys.setswitchinterval(turn)


def test_a_port_is_spoken_at() -> None:
    """By the first who comes to it; a port that is taken is told."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"AR808.: port {port} of this machine can't be used"):
            serve_at(port)
    ended: list[bool] = []
    speaking = threading.Thread(target=lambda: ended.append(serve_at(port)), daemon=True)
    speaking.start()
    while True:
        try:
            one = socket.create_connection(("127.0.0.1", port))
            break
        except ConnectionRefusedError:
            sleep(0.01)
    with one, one.makefile("rb") as answers:
        for message in (
            {"id": 1, "method": "initialize", "params": {"processId": None, "rootUri": None, "capabilities": {}}},
            {"id": 2, "method": "shutdown"}, {"method": "exit"},
        ):  # fmt: skip
            body = json.dumps({"jsonrpc": "2.0", **message}).encode()
            one.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert b'"positionEncoding": "utf-16"' in answers.read()
    speaking.join(60)
    assert ended == [True]
