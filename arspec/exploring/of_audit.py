"""The facts of an audit: the operations of a pass in place of nodes, the author's source in place of YAML."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from arspec.auditing.operations import Operations
from arspec.auditing.report import AuditReport
from arspec.auditing.shown import Witness, span
from arspec.auditing.verdicts import Verdict as Found
from arspec.exploring.facts import (
    VERSION,
    CheckFacts,
    ClusterFacts,
    ContextFacts,
    DataFacts,
    Facts,
    Frame,
    HeadFacts,
    LeakFacts,
    MemberNode,
    NodeFacts,
    PathStep,
    PlaceFacts,
    State,
    Strict,
    Verdict,
)
from arspec.exploring.making import MAX_PACKED, Made
from arspec.exploring.packing import Store
from arspec.exploring.sources import Sources
from arspec.exploring.way import way
from arspec.pictures.strictness import Strictness, stand
from arspec.runs import listing_of_rows
from arspec.shadow import Place
from arspec.shadow.operations import Operation
from arspec.types import Ints

STATES: dict[Found, State] = {
    Found.PROVEN: "proven", Found.GIVEN_ROUTE: "proven_given_the_route", Found.LEAKS: "leaks",
    Found.DIFFERS: "differs", Found.NOT_DECIDED: "undecided",
}  # fmt: skip
FAMILIES = {
    "convolution": r"conv", "dense": r"linear|addmm|^b?mm$|matmul|baddbmm|einsum", "norm": r"norm",
    "attention": r"softmax|attention", "recurrent": r"lstm|gru|rnn", "gate": r"^mul$|sigmoid",
    "move": r"^cat$|pad|roll|gather|index|slice|stack|copy|clone|flip|shift", "input": r"embedding|one_hot",
}  # fmt: skip
WORDS = {"h": "row", "w": "column"}
MAX_TEXT = 1 << 19  # characters of a source that is shown


def facts_of_audit(report: AuditReport, target: str, limit: int = MAX_PACKED, command: str = "") -> Made:
    """The facts of an audit that kept its operations; command: how it is asked for.

    Where they would take more than `limit` bytes, the contexts of single operations are left out, and then those of the
    variables; the facts say so."""
    made = _Audit(report, target, command).made(True, True)
    for contexts in (True, False):
        if len(made.packed) > limit:
            made = _Audit(report, target, command).made(False, contexts)
    return made


@dataclass(eq=False)
class _Audit:
    report: AuditReport
    target: str
    command: str
    store: Store = field(default_factory=Store)
    sources: Sources = field(default_factory=Sources)

    def __post_init__(self) -> None:
        told = self.report.operations
        self.told = told or Operations([], -1, {}, 0)
        self.rank: Ints = np.asarray(self.report.rank, np.int64)
        self.place: Ints = np.argsort(self.rank, kind="stable")
        self.clusters: dict[str, int] = {}
        self.cluster_facts: list[ClusterFacts] = []
        self._counted: dict[str, int] = {}
        self._places: dict[tuple[str, int], PlaceFacts | None] = {}

    def made(self, each: bool, contexts: bool) -> Made:
        """each: with the contexts of operations. contexts: with those of the variables."""
        report, layout = self.report, self.report.layout
        nodes = [self._data(), *self._operations()]
        leaking = np.flatnonzero(report.leaked.any(1)) if report.leaked.size else np.empty(0, np.int64)
        facts: Facts = {
            "version": VERSION,
            "kind": "audit",
            "title": report.name.rpartition("/")[2],
            "about": f"the audit of a module that takes {layout.input.text} and gives {layout.output.text}",
            "notes": self._notes(each, contexts),
            "verdict": self._verdict(),
            "data": self._data_facts(),
            "nodes": nodes,
            "clusters": self.cluster_facts,
            "heads": [
                HeadFacts(name="output", node=self.told.output + 1, kind="output", title="output", ahead=0, beyond=0)
            ],
            "members": [
                {
                    "name": report.order,
                    "rank": self.store.array(self.rank),
                    "place": self.store.array(self.place),
                    "time": self.store.array(self.rank),
                    "steps": int(self.rank.max(initial=-1)) + 1,
                    "proven": report.ok,
                    "leaking": self.store.array(leaking),
                    "leaks": [leak for witness in report.places if (leak := self._leak(witness)) is not None],
                    "nodes": [self._of_data(), *(self._of_operation(k, each) for k in range(len(self.told.found)))],
                    "contexts": self._contexts() if contexts else None,
                    "schedule": None,
                }
            ],
            "sources": self.sources.facts(),
            "relations": self.store.relations,
            "arrays": self.store.arrays,
            "model": None,
            "audit": {"target": self.target, "command": self.command, "checks": self._checks()},
        }  # fmt: skip
        return Made(facts, self.store)

    # -- nodes -----------------------------------------------------------------------------------------------------

    def _data(self) -> NodeFacts:
        layout = self.report.layout
        groups = 1 if layout.joint else layout.channels
        return _node("x", "data", "data", "data", " × ".join(map(str, layout.shape)),
                     grid=list(layout.grid_shape), groups=groups, sites=self.report.variables,
                     frame=_frame("cells", len(layout.grid)))  # fmt: skip

    def _operations(self) -> list[NodeFacts]:
        found: list[NodeFacts] = []
        counts: dict[str, int] = {}
        within = Counter(one.place.module for one in self.told.found)
        above = {path.rpartition(".")[0] for path in within}
        for number, one in enumerate(self.told.found):
            module = one.place.module
            if module and within[module] == 1 and module not in above:  # a module of one operation is that operation
                path, module = module, module.rpartition(".")[0]
            else:
                path = f"{module}.{one.name}" if module else one.name
            counts[path] = counts.get(path, 0) + 1
            name = path if counts[path] == 1 else f"{path}_{counts[path]}"
            family = next((f for f, pattern in FAMILIES.items() if re.search(pattern, one.name)), "function")
            role = "head" if number == self.told.output else "layer"
            family = "head" if role == "head" and self.told.links is not None else family
            grid, groups, frame = self._laid(one)
            node = _node(name, one.name, family, role, " × ".join(map(str, one.shape)), grid=grid, groups=groups,
                         sites=int(np.prod(one.grid, dtype=np.int64)), frame=frame)  # fmt: skip
            node["fold"] = self._fold(name)
            node["inputs"] = [{"port": "from", "node": source + 1} for source in one.inputs]
            node["cluster"] = self._cluster(module)
            node["place"] = self._place(one.place)
            node["weights"] = [{"name": n, "shape": list(shape), "trained": True} for n, shape in one.weights]
            node["parameters"] = sum(int(np.prod(shape)) for _, shape in one.weights)
            found.append(node)
        return found

    def _laid(self, one: Operation) -> tuple[list[int], int, Frame]:
        """The grid and the channel groups of an operation's sites, and how they lie on the data's grid."""
        layout = self.report.layout
        grid, own = layout.grid_shape, one.grid
        if own == grid or (len(own) == len(grid) + 1 and own[1:] == grid):
            return list(grid), own[0] if len(own) > len(grid) else 1, _frame("cells", len(grid))
        return list(own), 1, _frame("free", 0)

    def _cluster(self, module: str) -> int | None:
        """The cluster of a module; made with those above it where it is not known yet."""
        if not module:
            return None
        if module not in self.clusters:
            above, _, last = module.rpartition(".")
            alike = self._alike(module)
            parent = self._cluster(above.rpartition(".")[0] if alike > 1 else above)  # a list of repeated ones is none
            self.clusters[module] = len(self.cluster_facts)
            self.cluster_facts.append({
                "name": module, "short": above.rpartition(".")[2] if alike > 1 else last,
                "block": self.told.classes.get(module, ""), "repetition": int(last) if alike > 1 else None,
                "repetitions": alike, "count": 1, "parent": parent, "fold": self._fold(module), "place": None,
            })  # fmt: skip
        return self.clusters[module]

    def _alike(self, module: str) -> int:
        """How many modules beside one, itself included, are numbered and all of one class; 1 where they are not."""
        above, _, last = module.rpartition(".")
        if module not in self._counted:
            kinds = [kind for name, kind in self.told.classes.items()
                     if name.rpartition(".")[0] == above and name.rpartition(".")[2].isdigit()]  # fmt: skip
            self._counted[module] = len(kinds) if last.isdigit() and len(set(kinds)) == 1 else 1
        return self._counted[module]

    def _fold(self, path: str) -> str:
        """A path with a star for the number of each module that is repeated."""
        parts = path.split(".")
        return ".".join("*" if self._alike(".".join(parts[: k + 1])) > 1 else part for k, part in enumerate(parts))

    def _place(self, place: Place) -> PlaceFacts | None:
        key = place.file, place.line
        if key not in self._places:
            found = span(place)
            shown = found is not None and len(found.source.text) <= MAX_TEXT
            self._places[key] = self.sources.place(found) if found is not None and shown else None
        return self._places[key]

    # -- what holds of them ------------------------------------------------------------------------------------------

    def _of_data(self) -> MemberNode:
        return {"reads": [], "scan": None, "known": self.store.array(self.rank), "strict": "inclusive",
                "boundary": False, "first": None, "last": None, "context": None}  # fmt: skip

    def _of_operation(self, number: int, each: bool) -> MemberNode:
        one = self.told.found[number]
        known = None if one.reads is None else np.where(one.reads, self.rank, -1).max(1, initial=-1)
        relation = self.store.relation(listing_of_rows(one.reads)) if each and one.reads is not None else None
        return {"reads": self._reads(number) if each else [], "scan": None,
                "known": None if known is None else self.store.array(known),
                "strict": "none" if known is None else self._strict(one, known), "boundary": False, "first": None,
                "last": None, "context": relation}  # fmt: skip

    def _reads(self, number: int) -> list[int]:
        """What the sites of an operation read of each of its inputs."""
        if self.told.links is None:
            return []
        one, links = self.told.found[number], self.told.links[number]
        sites = [self.report.variables if k < 0 else int(np.prod(self.told.found[k].grid)) for k in one.inputs]
        rows = int(np.prod(one.grid, dtype=np.int64))
        return [
            self.store.relation(listing_of_rows(links.get(k, np.zeros((rows, count), np.bool_))))
            for k, count in zip(one.inputs, sites, strict=True)
        ]

    def _strict(self, one: Operation, known: Ints) -> Strict:
        """Where its sites stand to the variables that lie at their places."""
        if known.max(initial=-1) < 0:
            return "free"
        _, groups, frame = self._laid(one)
        own = self.rank.reshape(-1, int(np.prod(self.report.layout.grid_shape)))
        if frame["kind"] != "cells":
            return "none"
        first, last = (own, own) if groups == len(own) else (own.min(0, keepdims=True), own.max(0, keepdims=True))
        found: dict[Strictness, Strict] = {Strictness.STRICT: "strict", Strictness.INCLUSIVE: "inclusive"}
        return found.get(stand(known.reshape(groups, -1), first, last), "ahead")

    def _contexts(self) -> ContextFacts | None:
        report = self.report
        if not report.paired:
            return None
        some = np.flatnonzero(np.asarray(report.legal.any(1)) | (self.rank == 0))
        rows = self.place[np.isin(self.place, some)]
        seen = report.seen[rows]
        deep = None if report.deeper is None else (report.seen | report.deeper)[rows][:, self.place]
        return {
            "rows": self.store.array(rows),
            "relation": self.store.relation(listing_of_rows(seen[:, self.place])),
            "deep": None if deep is None else self.store.relation(listing_of_rows(deep)),
            "legal": self.store.array(report.legal[rows].sum(1)),
            "within": self.store.array((seen & report.legal[rows]).sum(1)),
        }

    def _leak(self, witness: Witness) -> LeakFacts | None:
        """The way of a witness by the operations that are its steps; None where two ways part, or none is known."""
        layout = self.report.layout
        named = {layout.name(v): v for v in range(self.report.variables)}
        variable, seen = named.get(witness.output), named.get(witness.input.partition(" and ")[0])
        if variable is None or seen is None or witness.at:
            return None
        path: list[PathStep] = [{"node": 0, "site": seen, "text": layout.name(seen)}]
        found, breaks = way(self.told, witness.chain.steps, seen), witness.chain.breaks
        after = [at for at, step in found if breaks is not None and step is not None and step >= breaks]
        culprit = after[0] + 1 if after else None  # views are no operations: the first that reads one
        for at, _ in found:
            path.append({"node": at + 1, "site": -1, "text": self.told.found[at].place.function})
        path[-1]["text"] = layout.name(variable)
        return {"code": witness.code, "variable": variable, "seen": seen, "text": witness.message, "culprit": culprit,
                "path": path}  # fmt: skip

    # -- words -------------------------------------------------------------------------------------------------------

    def _verdict(self) -> Verdict:
        report = self.report
        pairs = int(report.legal.sum()) if report.paired else None
        return {
            "state": STATES[report.verdict],
            "words": [line.strip() for line in report.lines(times=False) if line.strip()],
            "coverage": report.coverage if report.paired else None,
            "pairs": pairs,
            "unseen": report.unseen if report.paired else None,
            "blind": report.blind_spots if report.paired else None,
            "outOfReach": report.out_of_reach if report.paired else None,
            "leaks": report.leaks,
            "exact": report.exact,
            "parameters": sum(int(np.prod(shape)) for shape in
                              dict(w for one in self.told.found for w in one.weights).values()),
            "nodes": len(self.told.found),
            "sayings": [self.sources.saying(one) for one in report.diagnostics()],
        }  # fmt: skip

    def _data_facts(self) -> DataFacts:
        layout = self.report.layout
        groups = 1 if layout.joint else layout.channels
        names = list("rgb") if groups == 3 else [f"channel {g}" for g in range(groups)]
        return {
            "kind": "image" if len(layout.grid) == 2 else "sequence",
            "grid": list(layout.grid_shape),
            "axes": [WORDS.get(axis, axis) for axis in layout.grid],
            "groups": groups,
            "groupNames": names if groups > 1 else [""],
            "parts": [],
            "channels": layout.channels if layout.joint else 1,
            "positions": int(np.prod(layout.grid_shape)),
            "variables": self.report.variables,
            "levels": 0,
            "display": None,
            "content": "",
            "symbols": None,
        }

    def _checks(self) -> list[CheckFacts]:
        report = self.report
        run: list[CheckFacts] = [
            {"name": mode.mode, "answer": str(mode.verdict), "words": [*([mode.why] if mode.why else []), *mode.open]}
            for mode in report.modes
        ]
        return [*run, *({"name": name, "answer": "not run", "words": [why]} for name, why in report.absent.items())]

    def _notes(self, each: bool, contexts: bool) -> list[str]:
        notes = list(self.report.notes)
        if self.report.operations is None:
            notes.append("the operations of the module could not be followed, or it has too many variables")
        if self.told.more:
            notes.append(f"the first {len(self.told.found):,} operations are shown, of {self.told.more:,} more none")
        if not each:
            notes.append("what single operations depend on is left out, as it would make the page too large")
        if not contexts:
            notes.append("the contexts of all variables are left out, as they would make the page too large")
        if not self.report.paired:
            notes.append("pairs of variables were not looked at, as there are too many")
        return notes


def _frame(kind: str, dimensions: int) -> Frame:
    return {"kind": "cells" if kind == "cells" else "free", "origin": [0] * dimensions, "stride": [1] * dimensions,
            "at": None}  # fmt: skip


def _node(
    name: str, kind: str, family: str, role: str, text: str, *, grid: list[int], groups: int, sites: int,
    frame: Frame,
) -> NodeFacts:  # fmt: skip
    return {
        "name": name, "short": name.rpartition(".")[2], "kind": kind, "family": family, "text": text, "doc": "",
        "role": "data" if role == "data" else "head" if role == "head" else "layer", "inputs": [], "inside": None,
        "fold": name, "cluster": None, "grid": grid, "groups": groups, "channels": 1, "sites": sites,
        "frame": frame, "place": None, "keys": {}, "mask": None, "tied": None, "parameters": 0, "weights": [],
        "live": True,
    }  # fmt: skip
