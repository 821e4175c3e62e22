"""A spec as a collection of graphs for Google's Model Explorer: nodes by block and repetition, with what each states.

The form is that of `GraphCollection` in Model Explorer's input_graph.ts. A node has an id, a label, a namespace,
attributes, incoming edges, and metadata of its inputs and outputs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from arspec.analysis.report import Report, prove
from arspec.analysis.witness import site_name
from arspec.files.atomic import write_text
from arspec.language.further import Further
from arspec.language.graph import Graph, stated_keys
from arspec.language.load import Spec
from arspec.layers.base import Node
from arspec.pictures.palette import FAMILIES, LEAK, OTHER
from arspec.pictures.tall import HEAD, head_key
from arspec.types import Type


def write_collection(spec: Spec, path: str | os.PathLike[str], report: Report | None = None) -> Path:
    """Writes the graph of a spec as JSON. report: of `prove` or `verify`, else it is proven here. Returns the path."""
    target = Path(path)
    write_text(target, collection_text(spec, report))
    return target


def collection_text(spec: Spec, report: Report | None = None) -> str:
    """The same as text."""
    return json.dumps(graph_collection(spec, report), indent=1, ensure_ascii=False) + "\n"


def graph_collection(spec: Spec, report: Report | None = None) -> dict[str, Any]:
    """The collection: one graph, whose groups are the blocks. Where the spec leaks, the nodes of a witness's path say
    so, and have its colour."""
    report = prove(spec, contexts=False) if report is None else report
    graph = spec.graph()
    further = [leak.witness for m in report.members for leak in m.further if leak.witness is not None]
    shown = [*report.witnesses, *further][:1]
    leaks = {step.node: site_name(step.node.out, step.site) for w in shown for step in w.path}
    nodes = [_node(graph, node, leaks.get(node)) for node in (*graph.sources, *graph.nodes)]
    heads = [_head(spec, graph), *(_further(one) for one in graph.further)]
    one = {"id": spec.name, "nodes": [*nodes, *heads], "groupNodeAttributes": _groups(spec, graph, report)}
    return {"label": spec.name, "graphs": [one]}


def _node(graph: Graph, node: Node, leak: str | None) -> dict[str, Any]:
    layer = node.layer
    style = layer.style(node)
    attrs = {"layer": layer.layer, **stated_keys(node)}
    if style.text:
        attrs["shown as"] = style.text
    if node.tied is not None:
        attrs["weights of"] = node.tied.name
    elif node.weights:
        attrs["weights"] = ", ".join(f"{name} {'×'.join(map(str, w.shape)) or 1}" for name, w in node.weights.items())
        attrs["parameters"] = f"{node.parameters:,}"
    if not node.unwritten:
        attrs["line"] = f"{Path(node.place.source.name).name}:{node.place.line}"
    if leak is not None:
        attrs["leak"] = f"a path of the leak passes {leak}"
    ports, around = [*node.ports()], node.name.rpartition(".")[0]
    return {
        "id": node.name, "label": node.short, "namespace": around.replace(".", "/"), "attrs": _pairs(attrs),
        "incomingEdges": [_edge(source.name, k) for k, (_, source) in enumerate(ports)],
        "inputsMetadata": [{"id": str(k), "attrs": _pairs({"__tensor_tag": p})} for k, (p, _) in enumerate(ports)],
        "outputsMetadata": [{"id": "0", "attrs": _pairs(_told(node.out))}],
        "style": _style(FAMILIES.get(style.family, OTHER), leak is not None),
    }  # fmt: skip


def _head(spec: Spec, graph: Graph) -> dict[str, Any]:
    attrs = {"kind": graph.head.kind, "numbers a variable": str(graph.head_node.out.channels),
             "variables": f"{spec.data.variables:,}", "order": graph.members[0].order.name}  # fmt: skip
    return _head_node(HEAD, graph.head.title, graph.head_node, attrs)


def _further(one: Further) -> dict[str, Any]:
    attrs = {
        "kind": one.head.kind,
        "steps ahead": str(one.section.ahead),
        "weight of its loss": str(one.section.weight),
    }
    return _head_node(head_key(one), f"{one.name}: {one.head.title}", one.node, attrs)


def _head_node(key: str, label: str, node: Node, attrs: dict[str, str]) -> dict[str, Any]:
    return {
        "id": key, "label": label, "namespace": "", "attrs": _pairs(attrs),
        "incomingEdges": [_edge(node.name, 0)], "outputsMetadata": [], "style": _style(FAMILIES["head"], False),
    }  # fmt: skip


def _groups(spec: Spec, graph: Graph, report: Report) -> dict[str, dict[str, str]]:
    """What a group's panel says, by its namespace; the empty one is that of the whole graph."""
    found = {"": {"about": " ".join((spec.about or "").split()), "proven": "yes" if report.proven else "no, it leaks",
                  "parameters": f"{graph.parameters:,}"}}  # fmt: skip
    counted: dict[str, int] = {}
    for cluster in graph.clusters:
        space = cluster.name.replace(".", "/")
        found[space] = {"block": cluster.block}
        if cluster.repetition is not None:
            counted[space.rpartition("/")[0]] = counted.get(space.rpartition("/")[0], 0) + 1
            found[space]["repetition"] = str(cluster.repetition)
            found.setdefault(space.rpartition("/")[0], {})["block"] = cluster.block
    for space, count in counted.items():
        found[space]["repetitions"] = str(count)
    return found


def _told(out: Type) -> dict[str, str]:
    """A tensor: its shape as the module has it, and what its numbers stand for."""
    shape = ["batch", str(out.groups * out.channels), *map(str, out.grid)]
    groups = {"channel groups": str(out.groups)} if out.groups > 1 else {}
    return {
        "tensor_shape": "[" + ", ".join(shape) + "]",
        "channels": str(out.channels),
        **groups,
        "sites": f"{out.sites:,}",
    }


def _edge(source: str, port: int) -> dict[str, str]:
    return {"sourceNodeId": source, "sourceNodeOutputId": "0", "targetNodeInputId": str(port)}


def _style(colour: str, leaks: bool) -> dict[str, str]:
    return {"backgroundColor": colour, **({"borderColor": LEAK} if leaks else {})}


def _pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]
