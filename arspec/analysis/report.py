"""The proof and the coverage of a spec as one report, for people (`str`) and for programs (`json`)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from arspec.analysis.contexts import chosen_rows
from arspec.analysis.leaks import of_further_heads, of_variables
from arspec.analysis.member import MemberReport, of_member
from arspec.analysis.witness import Witness
from arspec.diagnostics import Diagnostic
from arspec.language.further import Further
from arspec.language.load import Spec
from arspec.progress import track
from arspec.shown import Shown
from arspec.types import Ints, Member

Contexts = bool | int | Literal["all"]  # of which variables: see `prove`


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
    each = track(graph.members, "proving", "orders")
    members = [of_member(spec, member, _rows(member, contexts)) for member in each]
    report = Report(spec, members, 0.0)
    report.diagnostics = [
        *of_variables(spec, members),
        *of_further_heads(spec, members),
        *(_notes(report) if contexts else []),
    ]
    if contexts:
        report.diagnostics += [*graph.notes, *members[0].empty_masks]
    report.seconds = time.perf_counter() - start
    return report


def _rows(member: Member, contexts: Contexts) -> Ints | None:
    """The variables whose contexts are asked for; None for no contexts at all."""
    if contexts is False:
        return None
    return chosen_rows(member.order, "auto" if contexts is True else contexts)


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
