"""The proof and the coverage of a spec as one report, for people (`str`) and for programs (`json`)."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from arspec.analysis.contexts import MAX_EXACT, Memo, Seen, chosen_rows, seen, seen_further
from arspec.analysis.depth import deepened
from arspec.analysis.empty_masks import empty_masks
from arspec.analysis.entries import Entries
from arspec.analysis.known_at import Relations, known_at, known_by_heads, late_further, leaking, of_further
from arspec.analysis.witness import Step, Witness, site_name, witness, witnesses
from arspec.diagnostics import Diagnostic, Place
from arspec.language.further import Further
from arspec.language.load import Spec
from arspec.layers.base import Node
from arspec.reads import Pointwise
from arspec.shown import Shown
from arspec.types import Ints, Member, ranks

Contexts = bool | int | Literal["all"]  # of which variables: see `prove`
WIDTH = 100  # columns of a line that tells a path
MAX_WITNESSES = 16  # leaking variables, spread over all, for which a path is sought


@dataclass(frozen=True, eq=False)
class FurtherLeak:
    """What a further head sees too early: at how many variables, and a path that shows it at one of them."""

    further: Further
    leaking: Ints
    witness: Witness | None


@dataclass(eq=False)
class MemberReport:
    """What holds under one member of the family. `unseen`, `blind` are None where contexts were not asked for, or where
    depth could not tell."""

    order: str
    leaking: Ints  # variables whose own head sees what comes with them or later
    training: Ints  # the same, as the spec is in training
    witnesses: list[Witness]
    seconds: float  # of the proof alone
    seen: Seen | None = None
    deep: Seen | None = None
    empty_masks: list[Diagnostic] = field(default_factory=list)  # notes of masks that keep nothing
    further: list[FurtherLeak] = field(default_factory=list)  # further heads that see what they must not
    seen_by: dict[str, Seen] = field(default_factory=dict[str, Seen])  # what each further head sees, by its name


@dataclass(eq=False)
class Report(Shown):
    """The report of one spec. Counts of pairs (v, u) of variables are summed over the members of the family."""

    spec: Spec
    members: list[MemberReport]
    seconds: float  # of the proof and the contexts
    diagnostics: list[Diagnostic] = field(default_factory=list)
    tests: list[Any] = field(default_factory=list)  # of the compiled module: see arspec.verify
    proposal: Any = None  # a checked edit that makes the spec hold: see arspec.analysis.fix

    @property
    def proven(self) -> bool:
        """Whether no member leaks, in evaluation or in training."""
        return not any(len(m.leaking) or len(m.training) or m.further for m in self.members)

    @property
    def ok(self) -> bool:
        """Whether the spec is proven, and every test of the compiled module that was run holds."""
        return self.proven and all(test.ok for test in self.tests)

    @property
    def proof_seconds(self) -> float:
        """Seconds of the proof alone, without contexts."""
        return sum(m.seconds for m in self.members)

    @property
    def exact(self) -> bool:
        """Whether contexts are of all variables, not of sampled ones."""
        return self.rows is None or self.rows == int(np.count_nonzero(self.spec.members[0].order.modelled))

    @property
    def rows(self) -> int | None:
        """How many variables contexts are of; None where they were not asked for."""
        first = self.members[0].seen
        return None if first is None else len(first.rows)

    def _sum(self, name: str, of: str = "seen") -> int | None:
        values: list[int | None] = [getattr(getattr(m, of), name, None) for m in self.members]
        known = [v for v in values if v is not None]
        return sum(known) if len(known) == len(values) else None

    @property
    def leaks(self) -> int:
        """Pairs (variable, what it sees and must not) over all members; without contexts the variables that leak."""
        pairs = self._sum("leaks")
        return pairs if pairs is not None else sum(len(m.leaking) for m in self.members)

    @property
    def pairs(self) -> int | None:
        """Legal pairs (variable, earlier variable) over all members; None where contexts were not asked for."""
        return self._sum("pairs")

    @property
    def unseen(self) -> int | None:
        """Legal pairs that are not seen, over all members; None where contexts were not asked for."""
        return self._sum("unseen")

    @property
    def blind_spots(self) -> int | None:
        """Pairs unseen at any depth; None where depth does not tell (nothing is repeated)."""
        if self.unseen == 0:
            return 0
        return self._sum("unseen", "deep")

    @property
    def out_of_reach(self) -> int | None:
        """Unseen pairs that a deeper model of the same kind would see; None where depth does not tell."""
        blind, unseen = self.blind_spots, self.unseen
        return None if blind is None or unseen is None else unseen - blind

    @property
    def coverage(self) -> float | None:
        """Share of all legal pairs that is seen, from 0 to 1."""
        pairs, unseen = self.pairs, self.unseen
        return None if pairs is None or unseen is None else 1 - unseen / pairs if pairs else 1.0

    @property
    def witnesses(self) -> list[Witness]:
        """The shortest paths that show the leaks, some of each member."""
        return [w for m in self.members for w in m.witnesses]

    def advise(self, proposal: Any) -> None:
        """Takes a checked edit (arspec.analysis.fix.Proposal) as the proposal,
        and says it in the help of what it mends."""
        self.proposal = proposal
        said = f"{proposal.message}; with it the spec is proven and sees {proposal.coverage:.2%} of the legal pairs"
        mended = ("AR703", "AR704", "AR705") if self.proven else ("AR701", "AR702")
        self.diagnostics = [
            replace(d, help=said if d.help is None else f"{said}\n{d.help}") if d.code in mended else d
            for d in self.diagnostics
        ]

    def json(self) -> dict[str, Any]:
        """The report as plain values, as `arspec verify --json` prints it."""
        from arspec.diagnostics import to_json

        graph = self.spec.graph()
        return {
            "spec": self.spec.name,
            "file": self.spec.source.name,
            "ok": self.ok,
            "leaks": self.leaks,
            "unseen": self.unseen,
            "blind_spots": self.blind_spots,
            "out_of_reach": self.out_of_reach,
            "coverage": self.coverage,
            "exact": self.exact,
            "rows": self.rows,
            "parameters": graph.parameters,
            "variables": self.spec.members[0].order.variables,
            "members": len(self.members),
            "nodes": len(graph.nodes),
            "seconds": round(self.seconds, 4),
            "proof_seconds": round(self.proof_seconds, 4),
            "witnesses": [w.json() for w in self.witnesses],
            "diagnostics": to_json(self.diagnostics),
            "heads": self._heads(),
            "tests": [test.json() for test in self.tests],
            "proposal": None if self.proposal is None else self.proposal.json(),
        }

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        if not self.proven:
            return f"<report of {self.spec.name}: not proven, {self.leaks:,} leaks>"
        seen = "" if self.coverage is None else f", {self.coverage:.2%} of the legal pairs are seen"
        tests = "" if self.ok else ", and tests of the module fail"
        return f"<report of {self.spec.name}: proven{seen}{tests}>"

    def lines(self, times: bool = True) -> list[str]:
        """The report line by line; without `times` the same whenever it is made."""
        spec, graph = self.spec, self.spec.graph()
        variables = int(np.count_nonzero(spec.members[0].order.modelled))
        orders = (
            self.members[0].order
            if len(self.members) == 1
            else f"each of {len(self.members)} orders or draws of degrees"
        )
        lines = [f"{spec.name} ({spec.source.name})"]
        if self.proven:
            lines.append(f"  proof      holds: each of {variables:,} variables is known before its turn; {orders}")
        else:
            bad = sum(
                len(m.leaking) or len(m.training) or max(len(f.leaking) for f in m.further)
                for m in self.members
                if len(m.leaking) or len(m.training) or m.further
            )
            lines.append(f"  proof      FAILS for {bad:,} of {variables * len(self.members):,} variables; {orders}")
        if self.unseen is not None and self.pairs is not None and self.coverage is not None:
            rows = "" if self.exact else f" by {self.rows} variables, sampled over the order"
            lines.append(f"  context    {self.coverage:.4%} of {self.pairs:,} legal pairs are seen{rows}")
            if self.unseen and self.blind_spots is None:
                lines.append(f"             {self.unseen:,} unseen (depth does not tell blind from out of reach here)")
            elif self.unseen:
                lines.append(
                    f"             {self.unseen:,} unseen: {self.blind_spots:,} blind at any depth, "
                    f"{self.out_of_reach:,} out of reach"
                )
        more = "" if self.rows is None else f", contexts in {self.seconds - self.proof_seconds:.2f} s"
        took = f"; proven in {self.proof_seconds:.2f} s{more}" if times else ""
        lines.append(f"  size       {graph.size}{took}")
        for one in graph.further if self.proven else ():
            steps = f"{one.section.ahead} step{'s' * (one.section.ahead > 1)} ahead"
            lines.append(f"  head       '{one.name}', {steps}: sees nothing that it must not{self._share(one)}")
        return lines + [f"  {test}" for test in self.tests]

    def coverage_by(self, one: Further) -> tuple[int, int] | None:
        """Of a further head how many legal pairs (place, earlier variable) it uses, and how many there are, over all
        members; None where contexts were not asked for."""
        found = [m.seen_by[one.name] for m in self.members if one.name in m.seen_by]
        return (sum(s.pairs - s.unseen for s in found), sum(s.pairs for s in found)) if found else None

    def _share(self, one: Further) -> str:
        share = self.coverage_by(one)
        return "" if share is None else f", and {share[0] / max(share[1], 1):.4%} of {share[1]:,} legal pairs"

    def _heads(self) -> list[dict[str, Any]]:
        """The further heads for `json`."""
        found: list[dict[str, Any]] = []
        for one in self.spec.graph().further:
            share = self.coverage_by(one)
            leaks = sum(len(leak.leaking) for m in self.members for leak in m.further if leak.further.name == one.name)
            found.append({"name": one.name, "ahead": one.section.ahead, "leaks": leaks,
                          "coverage": None if share is None else share[0] / max(share[1], 1)})  # fmt: skip
        return found


def prove(spec: Spec, contexts: Contexts = True) -> Report:
    """Proves a spec under every member of its family. `contexts`: also what each variable sees, and what is blind: of
    all variables up to MAX_EXACT and of a sample beyond (True), of `all`, or of so many, spread over the order.

    Static: numpy only. Linear in the sites, with contexts of all variables quadratic."""
    start = time.perf_counter()
    graph = spec.graph()
    members = [_member(spec, member, _rows(member, contexts)) for member in graph.members]
    report = Report(spec, members, 0.0)
    report.diagnostics = [*_leaks(report), *_further_leaks(report), *(_notes(report) if contexts else [])]
    if contexts:
        report.diagnostics += [*graph.notes, *members[0].empty_masks]
    report.seconds = time.perf_counter() - start
    return report


def _rows(member: Member, contexts: Contexts) -> Ints | None:
    """The variables whose contexts are asked for; None for no contexts at all."""
    if contexts is False:
        return None
    return chosen_rows(member.order, "auto" if contexts is True else contexts)


def _member(spec: Spec, member: Member, rows: Ints | None) -> MemberReport:
    start = time.perf_counter()
    graph = spec.graph()
    relations, memo = Relations(graph, member), Memo()
    known = known_at(relations, memo=memo)
    leaks = leaking(relations, known)
    training, training_known, in_training = leaks[:0], known, Relations(graph, member, training=True)
    if not len(leaks):
        training_known = known_at(in_training, memo=memo)
        training = leaking(in_training, training_known)
    late, used, used_known = (leaks, relations, known) if len(leaks) else (training, in_training, training_known)
    chosen = (
        late[np.unique(np.linspace(0, len(late) - 1, min(len(late), MAX_WITNESSES)).astype(np.int64))]
        if len(late)
        else late
    )
    found = [w for w in witnesses(used, used_known, chosen.tolist()) if w is not None]
    both = relations, in_training
    further = [leak for one in graph.further if (leak := _further(one, both, memo)) is not None]
    report = MemberReport(member.order.name, leaks, training, found, time.perf_counter() - start, further=further)
    if rows is not None:
        report.empty_masks = empty_masks(relations, known_by_heads(relations, memo, known))
        report.seen = seen(relations, rows, memo)
        report.seen_by = {one.name: seen_further(relations, one, rows, memo) for one in graph.further}
        report.deep = deepened(spec, member.index, report.seen, memo)
    return report


def _further(one: Further, both: tuple[Relations, Relations], memo: Memo) -> FurtherLeak | None:
    """What a further head sees too early, in evaluation or in training; None where that is nothing."""
    for like in both:
        relations = of_further(like, one)
        known = known_at(relations, memo=memo)
        sites, limits = late_further(relations, one, known)
        if len(sites):
            return FurtherLeak(one, sites, witness(relations, known, int(sites[0]), int(limits[0])))
    return None


def _further_leaks(report: Report) -> list[Diagnostic]:
    """One diagnostic for each further head that sees too much."""
    found: dict[str, Diagnostic] = {}
    entries = Entries(report.spec)
    for of, member in zip(report.members, report.spec.graph().members, strict=True):
        for leak in of.further:
            name, w = leak.further.name, leak.witness
            if name in found or w is None:
                continue
            data = w.path[0].node.out
            place = report.spec.further[name][1].place
            target = leak.further.targets(member)[np.flatnonzero(leak.further.sites(member) == w.variable)[0]]
            text = (
                f"a leak: the head '{name}' predicts ({site_name(data, int(target))}) at "
                f"({site_name(data, w.variable)}), and sees ({site_name(data, w.seen)}); so it does at "
                f"{len(leak.leaking):,} places"
            )
            related = tuple((s.node.place, str(s)) for s in _shown(w))
            found[name] = Diagnostic("AR454", text, place, f"the path is\n{_told(w, entries)}", related)
    return [*found.values()]


def _leaks(report: Report) -> list[Diagnostic]:
    """One diagnostic for each place at which witnesses first read what they must not."""
    by_place: dict[Node, tuple[Witness, MemberReport, Member]] = {}
    for member, of in zip(report.spec.graph().members, report.members, strict=True):
        for w in of.witnesses:
            by_place.setdefault(culprit(w, member), (w, of, member))
    if not by_place:
        return []
    entries = Entries(report.spec)
    found: list[Diagnostic] = []
    for node, (w, of, _) in by_place.items():
        data = w.path[0].node.out
        kind = "AR701" if len(of.leaking) else "AR702"
        count = len(of.leaking) or len(of.training)
        what = f"({site_name(data, w.variable)})"
        sees = "itself" if w.seen == w.variable else f"({site_name(data, w.seen)}), which is generated with it or later"
        when = "" if kind == "AR701" else " in training"
        related = (*_given(entries, node), *((s.node.place, str(s)) for s in _shown(w)))
        found.append(
            Diagnostic(
                kind,
                f"a leak{when}: the distribution of {what} sees {sees}; so do {count:,} of {len(data_ranks(report)):,} "
                "variables",
                node.place,
                f"{_reason(w, node)}the path is\n{_told(w, entries)}",
                related,
            )
        )
    return found


def _reason(w: Witness, node: Node) -> str:
    """Why a node of the path reads what comes later, where its layer has a word for it, as a line of its own."""
    below, above = next(((b, a) for b, a in itertools.pairwise(w.path) if a.node is node), w.path[-2:])
    this, that = site_name(above.node.out, above.site), site_name(below.node.out, below.site)
    found = node.layer.reason(node, this, that)
    return "" if found is None else f"{found}\n"


def _told(w: Witness, entries: Entries) -> str:
    """The path with the line of each step, and those of the instances of blocks that it enters."""
    words: list[str] = []
    inside: set[Place] = set()
    for step in w.path:
        around = entries.around(step.node)
        words += [f"{i.name} ({_line(i.key, entries)})" for i in around if i.key not in inside]
        inside = {i.key for i in around}
        entry = entries.of(step.node)
        words.append(f"{step} ({_line(entry.key, entries)})" if entry is not None else str(step))
    return _in_lines(words)


def _in_lines(words: list[str]) -> str:
    """A path of steps, broken where a line would be longer than WIDTH."""
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 3 > WIDTH:
            lines[-1] += " →"
            lines.append(word)
        else:
            lines[-1] += f" → {word}"
    return "\n".join(lines)


def _line(place: Place, entries: Entries) -> str:
    elsewhere = "" if place.source.name == entries.spec.source.name else f"{place.source.name} "
    return f"{elsewhere}line {place.line}"


def _given(entries: Entries, node: Node) -> list[tuple[Place, str]]:
    """Where a node's mask was given, if the node itself says only that it is a parameter."""
    entry = entries.of(node)
    mask = entry.map.get("mask") if entry is not None else None
    if entry is None or mask is None:
        return []
    around = entries.around(node)
    origins = entries.origins(mask, entry, around)
    if not origins:
        return []
    found = [(origins[-1].place, f"the mask of {node.name} is given here")]
    if around and not around[-1].holds(origins[0].place):
        found.append((around[-1].key, f"'{around[-1].name}' leaves it so"))
    return found


def data_ranks(report: Report) -> Ints:
    """[V]: the rank of each variable in the order of the first member."""
    return report.spec.members[0].order.rank


def culprit(w: Witness, member: Member) -> Node:
    """The node of a witness that reads what comes later than itself; where all is read in place, the first that could
    have left it out: one with a mask or a window, else the head."""
    steps = [step for step in w.path if not step.node.unwritten]
    for below, above in itertools.pairwise(steps):
        if _rank(below, member) > _rank(above, member) >= 0:
            return above.node
    for below, above in itertools.pairwise(steps):
        if "mask" in type(above.node.layer).model_fields or not _in_place(above.node, below.node, member):
            return above.node
    return steps[-1].node


def _rank(step: Step, member: Member) -> int:
    return int(ranks(step.node.out, member).last.ravel()[step.site])


def _in_place(node: Node, source: Node, member: Member) -> bool:
    reads = node.layer.reads(node, member)
    return all(isinstance(r, Pointwise) for r, i in zip(reads, node.inputs, strict=True) if i is source)


def _shown(w: Witness) -> list[Step]:
    """The ends of the path and what lies between, not more than six."""
    inner = [step for step in w.path[1:] if not step.node.unwritten]
    return inner if len(inner) <= 6 else [*inner[:3], *inner[-3:]]


def _notes(report: Report) -> list[Diagnostic]:
    if not report.unseen:
        return []
    place = report.spec.head_place.place
    sampled = "" if report.exact else f", of those of {report.rows} sampled variables"
    if report.blind_spots is None:
        return [Diagnostic("AR705", f"{report.unseen:,} legal pairs of variables are unseen{sampled}", place, None)]
    notes: list[Diagnostic] = []
    if report.blind_spots:
        notes.append(
            Diagnostic(
                "AR703",
                f"a blind spot: {report.blind_spots:,} legal pairs of variables are unseen at any depth{sampled}",
                place,
                None,
            )
        )
    if report.out_of_reach:
        notes.append(
            Diagnostic(
                "AR704",
                f"{report.out_of_reach:,} legal pairs of variables are out of reach at this depth{sampled}",
                place,
                None,
            )
        )
    return notes


__all__ = ["MAX_EXACT", "MemberReport", "Report", "culprit", "prove"]
