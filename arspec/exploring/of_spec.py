"""The facts of a spec: its graph, its relations, and what the analyses and the sampler's schedule find. No torch."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from arspec.analysis.entries import Entries
from arspec.analysis.leaks import culprit
from arspec.analysis.report import Report
from arspec.analysis.witness import Witness, axes, group_names, site_name
from arspec.diagnostics import Diagnostic
from arspec.exploring.facts import (
    ClusterFacts,
    DataFacts,
    Frame,
    HeadFacts,
    InputFacts,
    LeakFacts,
    NodeFacts,
    Verdict,
    WeightFacts,
)
from arspec.exploring.packing import Store
from arspec.exploring.sources import Sources
from arspec.language.graph import stated_keys
from arspec.language.load import Spec
from arspec.language.sections import Data
from arspec.layers.base import Node
from arspec.pictures.folding import Folder
from arspec.types import Cells, Member, Type, Units, coordinates


@dataclass(eq=False)
class Described:
    """The graph of a spec as facts: its nodes by number, sources first, then those of a graph inside a node, then it.

    What holds under one order is in `arspec.exploring.under`."""

    spec: Spec
    store: Store
    sources: Sources

    def __post_init__(self) -> None:
        graph = self.spec.graph()
        self.graph, self.entries, self.folder = graph, Entries(self.spec), Folder(graph)
        within = [(inner, node) for node in graph.nodes for inner in node.layer.inner(node)]
        self.inside = dict(within)
        self.nodes = [*graph.sources, *(one for node in graph.nodes for one in (*node.layer.inner(node), node))]
        self.number = {node: k for k, node in enumerate(self.nodes)}
        self.live = {*graph.sources, *graph.computed}
        self.ends: dict[Node, list[str]] = {}  # the further heads that read a node, in words
        for one in graph.further:
            self.ends.setdefault(one.node, []).append(f"head {one.name}, {one.section.ahead} ahead")
        self.clusters = list(graph.clusters)
        self.cluster_number = {c.name: k for k, c in enumerate(self.clusters)}

    @cached_property
    def node_facts(self) -> list[NodeFacts]:
        """Each node, by its number."""
        return [self._node(node) for node in self.nodes]

    def _node(self, node: Node) -> NodeFacts:
        graph, source = self.graph, node in self.graph.sources
        role = (
            "data" if node is graph.data else "condition" if source else "inner" if node in self.inside
            else "head" if node is graph.head_node or node in self.ends else "layer"
        )  # fmt: skip
        style = None if source else node.layer.style(node)
        around = self._around(node)
        entry = None if source else self.entries.of(node)
        place = (entry.map.place if entry.map.place.start > entry.key.start else entry.key) if entry else node.place
        kind = self._source_kind(node) if source else node.layer.layer
        return {
            "name": node.name,
            "short": node.short,
            "kind": kind,
            "family": role if style is None else style.family,
            "text": self._source_text(node) if style is None else ", ".join(
                filter(None, [style.text, *self.ends.get(node, ())])),
            "doc": "" if source else inspect.getdoc(type(node.layer)) or "",
            "role": role,
            "inputs": [_input(port, self.number[of]) for port, of in node.ports()],
            "inside": self.number[self.inside[node]] if node in self.inside else None,
            "fold": self.folder.key(node.name),
            "cluster": around,
            "grid": list(node.out.grid),
            "groups": node.out.groups,
            "channels": node.out.channels,
            "sites": node.out.sites,
            "frame": self._frame(node.out),
            "place": self.sources.section(self.spec, node.name) if source else self.sources.place(
                place, entry.key if entry else None),
            "keys": {} if source else stated_keys(node),
            "mask": str(node.mask) if node.mask is not None else None,
            "tied": None if node.tied is None else self.number.get(node.tied),
            "parameters": node.parameters,
            "weights": [_weight(name, w.shape, w.trained) for name, w in node.weights.items()],
            "live": node in self.live or node in self.inside,
        }  # fmt: skip

    def _source_kind(self, node: Node) -> str:
        return "data" if node is self.graph.data else self.spec.condition[node.name].kind

    def _source_text(self, node: Node) -> str:
        if node is self.graph.data:
            return f"{self.spec.data.kind} {node.out}, {self.spec.data.levels_text}"
        section = self.spec.condition[node.name]
        return f"{section.kind} {node.out}{', or none' if section.may_be_left_out else ''}"

    def _around(self, node: Node) -> int | None:
        names = list(self.folder.around(node))
        return self.cluster_number[names[-1]] if names else None

    def _frame(self, kind: Type) -> Frame:
        at = self._at(kind)
        if isinstance(kind.frame, Cells):
            return {"kind": "cells", "origin": list(kind.frame.origin), "stride": list(kind.frame.stride), "at": at}
        return {"kind": "units" if isinstance(kind.frame, Units) else "free", "origin": [], "stride": [], "at": None}

    def _at(self, kind: Type) -> int | None:
        """The data's position that each position stands for; None where that has the same number."""
        grid = self.graph.data.out.grid
        if not isinstance(kind.frame, Cells) or len(kind.grid) != len(grid):
            return None
        where = coordinates(kind)
        inside = np.ones(kind.positions, bool)
        for axis, size in zip(where, grid, strict=True):
            inside &= (axis >= 0) & (axis < size)
        at = np.where(inside, np.ravel_multi_index([np.where(inside, a, 0) for a in where], grid), -1)
        if kind.grid == grid and np.array_equal(at, np.arange(kind.positions)):
            return None
        return self.store.array(at)

    @cached_property
    def cluster_facts(self) -> list[ClusterFacts]:
        """Each instance of a block."""
        found: list[ClusterFacts] = []
        for cluster in self.clusters:
            parts = cluster.name.split(".")
            above = [".".join(parts[:k]) for k in range(len(parts) - 1, 0, -1)]
            parent = next((self.cluster_number[name] for name in above if name in self.cluster_number), None)
            found.append({
                "name": cluster.name, "short": self.folder.own_name(cluster), "block": cluster.block,
                "repetition": cluster.repetition, "repetitions": self.folder.repeated(cluster), "count": cluster.count,
                "parent": parent, "fold": self.folder.key(cluster.name),
                "place": self.sources.place(cluster.place),
            })  # fmt: skip
        return found

    @property
    def heads(self) -> list[HeadFacts]:
        """The head that is drawn from, then further ones."""
        graph = self.graph
        first: HeadFacts = {"name": "head", "node": self.number[graph.head_node], "kind": graph.head.kind,
                            "title": graph.head.title, "ahead": 0, "beyond": 0}  # fmt: skip
        more: list[HeadFacts] = [
            {"name": one.name, "node": self.number[one.node], "kind": one.head.kind, "title": one.head.title,
             "ahead": one.section.ahead, "beyond": one.beyond}
            for one in graph.further
        ]  # fmt: skip
        return [first, *more]

    @property
    def data(self) -> DataFacts:
        """What is modelled."""
        section, order, out = self.spec.data, self.graph.members[0].order, self.graph.data.out
        display = getattr(section, "display", None)
        return {
            "kind": section.kind,
            "grid": list(order.grid),
            "axes": ["entry"] if section.kind == "vector" else list(axes(out)),
            "groups": order.groups,
            "groupNames": group_names(out),
            "parts": [name for name, part in out.parts for _ in range(part.groups)],
            "channels": out.channels,
            "positions": order.positions,
            "variables": order.variables,
            "levels": section.levels,
            "display": None if display is None else list(display),
            "content": getattr(section, "content", ""),
            "symbols": _symbols(section),
        }

    def leak(self, code: str, w: Witness, member: Member, further: str = "") -> LeakFacts:
        """The way of a leak; further: the name of the head that it leads to, where that is not the first."""
        out, at = self.graph.data.out, culprit(w, member)
        where = f"the head '{further}' at" if further else "the distribution of"
        training = ", in training" if code == "AR702" else ""
        return {
            "code": code,
            "variable": w.variable,
            "seen": w.seen,
            "text": f"{where} ({site_name(out, w.variable)}) sees "
            + ("itself" if w.seen == w.variable else f"({site_name(out, w.seen)})")
            + training,
            "culprit": self.number.get(at),
            "path": [
                {"node": self.number[s.node], "site": s.site, "text": site_name(s.node.out, s.site)}
                for s in w.path
                if s.node in self.number
            ],
        }


def _symbols(section: Data) -> list[str] | None:
    """Of text the sign of each level: its character, or of bytes beyond ASCII their number; None of tokens and of what
    is no text."""
    if section.kind != "sequence" or not section.is_text or section.tokenizer is not None:
        return None
    if section.alphabet is not None:
        return list(section.alphabet)
    return [chr(k) if k < 128 else f"\\x{k:02x}" for k in range(section.levels)]


def _input(port: str, node: int) -> InputFacts:
    return {"port": port, "node": node}


def _weight(name: str, shape: Sequence[int], trained: bool) -> WeightFacts:
    return {"name": name, "shape": list(shape), "trained": trained}


def verdict(report: Report, sources: Sources) -> Verdict:
    """What a report says, in words and numbers."""
    graph = report.spec.graph()
    said: list[Diagnostic] = [*report.diagnostics, *report.spec.notes]
    return {
        "state": "proven" if report.proven else "leaks",
        "words": [line.strip() for line in report.lines(times=False)[1:]],
        "coverage": report.coverage,
        "pairs": report.pairs,
        "unseen": report.unseen,
        "blind": report.blind_spots if report.unseen is not None else None,
        "outOfReach": report.out_of_reach,
        "leaks": report.leaks,
        "exact": report.exact,
        "parameters": graph.parameters,
        "nodes": len(graph.nodes),
        "sayings": [sources.saying(one) for one in said],
    }
