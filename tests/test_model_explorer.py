"""Specs as graphs for Model Explorer: the documented form, every node and every edge once, groups by block."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import arspec
from arspec.cli.main import main
from arspec.language.load import from_text
from arspec.pictures.model_explorer import HEAD, graph_collection
from tests.small import CHARS, ROOT, SHIPPED, randomised, small

# What Model Explorer's input_graph.ts and types.ts declare of what a file may say.
TEXT: dict[str, Any] = {"type": "string"}
PAIRS = {"type": "array", "items": {"type": "object", "required": ["key", "value"], "additionalProperties": False,
                                    "properties": {"key": TEXT, "value": TEXT}}}  # fmt: skip
PORTS = {"type": "array", "items": {"type": "object", "required": ["id", "attrs"], "additionalProperties": False,
                                    "properties": {"id": TEXT, "attrs": PAIRS}}}  # fmt: skip
EDGE = {"type": "object", "required": ["sourceNodeId"], "additionalProperties": False,
        "properties": dict.fromkeys(("sourceNodeId", "sourceNodeOutputId", "targetNodeInputId"), TEXT)}  # fmt: skip
STYLE = {"type": "object", "additionalProperties": False,
         "properties": dict.fromkeys(("backgroundColor", "borderColor", "hoveredBorderColor"), TEXT)}  # fmt: skip
NODE = {
    "type": "object", "required": ["id", "label", "namespace"], "additionalProperties": False,
    "properties": {"id": TEXT, "label": TEXT, "namespace": TEXT, "attrs": PAIRS, "inputsMetadata": PORTS,
                   "outputsMetadata": PORTS, "style": STYLE, "incomingEdges": {"type": "array", "items": EDGE}},
}  # fmt: skip
GRAPH = {
    "type": "object", "required": ["id", "nodes"], "additionalProperties": False,
    "properties": {"id": TEXT, "nodes": {"type": "array", "items": NODE}, "groupNodeAttributes": {
        "type": "object", "additionalProperties": {"type": "object", "additionalProperties": TEXT}}},
}  # fmt: skip
COLLECTION = {"type": "object", "required": ["label", "graphs"], "additionalProperties": False,
              "properties": {"label": TEXT, "graphs": {"type": "array", "items": GRAPH}}}  # fmt: skip
SOME = [path for path in SHIPPED if path.stem in ("gpt", "pixelcnn_pp", "megabyte", "wavenet_local", "rwkv")]


def attrs(node: dict[str, Any]) -> dict[str, str]:
    return {pair["key"]: pair["value"] for pair in node["attrs"]}


@pytest.mark.parametrize("path", SOME, ids=[path.stem for path in SOME])
def test_a_collection_has_the_form_and_the_whole_graph(path: Path) -> None:
    spec = small(path)
    collection = json.loads(json.dumps(graph_collection(spec)))
    jsonschema.validate(collection, COLLECTION)
    (graph,), own = collection["graphs"], spec.graph()
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert len(nodes) == len(graph["nodes"])
    assert nodes.keys() == {node.name for node in (*own.sources, *own.nodes)} | {HEAD}
    for node in own.nodes:
        told = nodes[node.name]
        assert [edge["sourceNodeId"] for edge in told["incomingEdges"]] == [source.name for source in node.inputs]
        assert ".".join(filter(None, (*told["namespace"].split("/"), told["label"]))) == node.name
        assert attrs(told)["layer"] == node.layer.layer
        assert node.unwritten or attrs(told)["line"].endswith(f":{node.place.line}")
    assert nodes[HEAD]["incomingEdges"][0]["sourceNodeId"] == own.head_node.name
    total = sum(int(attrs(node).get("parameters", "0").replace(",", "")) for node in nodes.values())
    assert total == own.parameters
    groups = graph["groupNodeAttributes"]
    spaces = {node["namespace"] for node in graph["nodes"]}
    assert {cluster.name.replace(".", "/") for cluster in own.clusters} <= groups.keys()
    assert all(any(space == group or space.startswith(f"{group}/") for space in spaces) for group in groups if group)


def test_a_leak_is_on_its_path() -> None:
    collection = graph_collection(from_text(CHARS.replace("shift, steps: 1", "identity")))
    (graph,) = collection["graphs"]
    marked = [node["id"] for node in graph["nodes"] if "leak" in attrs(node)]
    assert {"tokens", "before", "logits"} <= {*marked} and graph["groupNodeAttributes"][""]["proven"] == "no, it leaks"
    assert all("borderColor" in node["style"] for node in graph["nodes"] if node["id"] in marked)


def test_a_model_and_a_spec_are_written_without_torch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    randomised(from_text(CHARS)).save(tmp_path / "run")
    monkeypatch.setattr("torch.nn.Module.__init__", None)  # no module can be made
    for name in ("gpt", str(tmp_path / "run")):
        assert main(["export", name, "--model-explorer", str(tmp_path / "graph.json")]) == 0
        assert capsys.readouterr().out == f"{tmp_path / 'graph.json'}\n"
        jsonschema.validate(json.loads((tmp_path / "graph.json").read_text("utf-8")), COLLECTION)


def test_the_citation_names_this_version_and_no_invented_people() -> None:
    told = yaml.safe_load((ROOT / ".github" / "CITATION.cff").read_text("utf-8"))
    assert told["cff-version"] == "1.2.0" and {"message", "title", "authors"} <= told.keys()
    assert told["version"] == arspec.__version__ and told["license"] == "Apache-2.0" and told["type"] == "software"
    assert told["authors"] == [{"name": "The arspec authors"}]
