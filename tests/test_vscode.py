"""The extension for VS Code: what of it speaks of arspec. Its code is tested by `tools/vscode/check`."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

import pytest
from editing import ROOT

from arspec.analysis.report import prove
from arspec.language.load import from_text
from arspec.lsp.settings import Settings
from arspec.version import VERSION

FOLDER = ROOT / "tools" / "vscode"
PACKAGE: dict[str, Any] = json.loads((FOLDER / "package.json").read_text("utf-8"))
SNIPPETS: dict[str, dict[str, Any]] = json.loads((FOLDER / "snippets" / "arspec.json").read_text("utf-8"))
AROUND = {  # what a snippet that is a part of a spec stands in
    "block": "blocks:\n{}\ngraph:\n  first: {{layer: conv, from: x, out: 24, kernel: 3, mask: earlier}}\n"
             "  body: {{block: layer, from: first}}\n  logits: {{layer: conv, out: $head}}",
    "repeat": "blocks:\n  layer: {{inputs: [h], nodes: {{a: {{layer: relu, from: h}}}}, outputs: {{h: a}}}}\n"
              "graph:\n  first: {{layer: conv, from: x, out: 24, kernel: 3, mask: earlier}}\n{}\n"
              "  logits: {{layer: conv, out: $head}}",
    "conv": "graph:\n  first: {{layer: conv, from: x, out: 24, kernel: 3, mask: earlier}}\n{}\n"
            "  logits: {{layer: conv, from: first, out: $head}}",
    "attention": "graph:\n  norm: {{layer: conv, from: x, out: 24, kernel: 3, mask: earlier}}\n{}\n"
                 "  logits: {{layer: conv, out: $head}}",
}  # fmt: skip
DATA = "arspec: 1\ndata: {kind: sequence, length: 16, levels: 8}\n"
HEAD = "\nhead: {kind: categorical, from: logits}\n"


def filled(body: str | list[str]) -> str:
    """A snippet with each of its places as it is proposed."""
    text = body if isinstance(body, str) else "\n".join(body)
    text = re.sub(r"\$\{\d+\|([^,|]*)[^|]*\|\}", r"\1", text)
    text = re.sub(r"\$\{\d+:([^{}]*)\}", r"\1", text)
    assert "${" not in text
    return re.sub(r"(?<!\\)\$\d", "", text).replace("\\$", "$")


@pytest.mark.parametrize("name", [n for n, s in SNIPPETS.items() if s["prefix"].startswith("spec ")])
def test_a_snippet_of_a_whole_spec_is_proven(name: str) -> None:
    report = prove(from_text(filled(SNIPPETS[name]["body"]), "snippet.yaml"), False)
    assert report.proven


@pytest.mark.parametrize("name", [n for n, s in SNIPPETS.items() if s["prefix"] in AROUND])
def test_a_snippet_of_a_part_fits_into_a_spec(name: str) -> None:
    snippet = SNIPPETS[name]
    part = "\n".join(f"  {line}" for line in filled(snippet["body"]).split("\n"))
    from_text(DATA + AROUND[snippet["prefix"]].format(part) + HEAD).graph()


def test_snippets_of_sections_are_sections() -> None:
    rest = [s for s in SNIPPETS.values() if not s["prefix"].startswith("spec ") and s["prefix"] not in AROUND]
    assert {s["prefix"] for s in rest} == {"condition", "mask"}
    image = "arspec: 1\ndata: {kind: image, height: 4, width: 4, levels: 4}\n"
    graph = "\ngraph:\n  logits: {layer: conv, from: x, out: $head, kernel: 3, mask: earlier}"
    for snippet in rest:
        from_text(image + filled(snippet["body"]) + graph + HEAD).graph()


def test_the_extension_has_the_version_of_arspec() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text("utf-8"))
    assert PACKAGE["version"] == lock["version"] == VERSION


def test_its_settings_are_those_of_the_server() -> None:
    stated = {
        key.removeprefix("arspec."): one for key, one in PACKAGE["contributes"]["configuration"]["properties"].items()
    }
    own = {field.name: field for field in fields(Settings)}
    passed = stated.keys() - {"command", "python", "recognise", "trace.server"}
    assert passed == own.keys() - {"status"}
    for name in passed - {"params"}:
        assert stated[name]["default"] == own[name].default


def test_its_page_names_every_command_setting_and_snippet() -> None:
    page = (FOLDER / "README.md").read_text("utf-8")
    for command in PACKAGE["contributes"]["commands"]:
        assert f"*arspec: {command['title']}*" in page
    for name in PACKAGE["contributes"]["configuration"]["properties"]:
        assert f"`{name}`" in page
    for snippet in SNIPPETS.values():
        assert f"`{snippet['prefix']}`" in page


def test_its_parts_are_there() -> None:
    contributes = PACKAGE["contributes"]
    parts = [
        contributes["languages"][0]["configuration"],
        contributes["grammars"][0]["path"],
        contributes["snippets"][0]["path"],
    ]
    for part in parts:
        assert json.loads((FOLDER / part).read_text("utf-8"))
    kept = (FOLDER / ".vscodeignore").read_text("utf-8")
    assert all(f"!{part.removeprefix('./')}" in kept for part in parts)
