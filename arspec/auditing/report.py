"""What an audit found, as a page for people and as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arspec.auditing.judging import ModeReport
from arspec.auditing.layout import Layout
from arspec.auditing.operations import Operations
from arspec.auditing.sampler import SamplerCheck
from arspec.auditing.shown import Witness, plainness
from arspec.auditing.values import MAX_VARIABLES
from arspec.auditing.verdicts import Verdict, worst
from arspec.diagnostics import Diagnostic, github
from arspec.shown import Shown
from arspec.verification.dependencies import Violation

SHOWN = 3  # witnesses on the page
DIFFERENT = {
    "cache": "decoding with a cache is not the full pass",
    "padding": "real steps are not what they are without padding",
    "sampler": "what is drawn is not what is scored",
}


@dataclass(frozen=True)
class Claims:
    """What a verdict holds for, and for nothing else.

    size        sizes of the axes
    weights     which weights the module had
    precision   the numbers that it computed with
    device      cpu, cuda ...
    torch       version of torch
    """

    size: dict[str, int]
    weights: str
    precision: str
    device: str
    torch: str

    def __str__(self) -> str:
        size = ", ".join(f"{name}={value}" for name, value in self.size.items())
        return f"{size}; {self.weights}; {self.precision} on {self.device}, torch {self.torch}"


@dataclass(frozen=True)
class AuditReport(Shown):
    """Findings of `audit`. All matrices are [V, V]: row the output, column the input; empty for many variables.

    passes          forward passes of the module, in all modes and for coverage
    absent          modes that the module does not offer, and why
    seen, legal     pairs that depend in evaluation, and that the order allows
    deeper          pairs that depend in a deeper copy of the module, or None where none was given
    exact           whether `seen` are exact contexts; else some operator was taken to read all that it was given
    """

    name: str
    layout: Layout
    order: str
    rank: NDArray[np.int64]
    input_kind: str
    claims: Claims
    modes: list[ModeReport]
    passes: int = 0
    absent: dict[str, str] = field(default_factory=dict[str, str])
    seen: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))
    legal: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))
    deeper: NDArray[np.bool_] | None = None
    exact: bool = False
    sampler: SamplerCheck | None = None
    notes: list[str] = field(default_factory=list[str])
    seconds: float = 0.0
    operations: Operations | None = None  # of one pass, where they were asked for and could be followed

    def __repr__(self) -> str:
        seen = f", {self.coverage:.2%} of the legal pairs are seen" if self.paired else ""
        return f"<audit of {self.name}: {self.verdict}{seen}>"

    @property
    def verdict(self) -> Verdict:
        """The worst of the modes."""
        return worst(mode.verdict for mode in self.modes)

    @property
    def ok(self) -> bool:
        """Whether it is proven, be it with the route of the pass given."""
        return self.verdict.holds

    @property
    def leaked(self) -> NDArray[np.bool_]:
        """[V, V]: pairs that were seen to depend though they may not, in any mode at the size that was asked for."""
        leaked = np.zeros((self.variables, self.variables) if self.variables <= MAX_VARIABLES else (0, 0), dtype=bool)
        for mode in self.modes:
            if mode.findings.leaks.shape == leaked.shape:
                leaked |= mode.findings.leaks
        return leaked

    @property
    def variables(self) -> int:
        """V: how many variables one example has."""
        return len(self.rank)

    @property
    def leaks(self) -> int:
        """Pairs of variables that values showed, in any mode."""
        return int(self.leaked.sum())

    @property
    def paired(self) -> bool:
        """Whether pairs of variables were looked at, so that coverage is known."""
        return self.legal.size > 0

    @property
    def unseen(self) -> int:
        """How many legal pairs of variables the module does not use."""
        return int(self._missing.sum())

    @property
    def blind_spots(self) -> int | None:
        """Pairs that the deeper copy does not see either; None where none was given."""
        return None if self.deeper is None else int((self._missing & ~self.deeper).sum())

    @property
    def out_of_reach(self) -> int | None:
        """How many unseen pairs a deeper module would see; None where blind spots were not counted."""
        return None if self.blind_spots is None else self.unseen - self.blind_spots

    @property
    def coverage(self) -> float:
        """Seen part of all legal pairs; not a number where pairs were not looked at."""
        if not self.paired:
            return math.nan
        pairs = int(self.legal.sum())
        return 1.0 if pairs == 0 else 1.0 - self.unseen / pairs

    @property
    def _missing(self) -> NDArray[np.bool_]:
        return self.legal & ~self.seen

    @property
    def witnesses(self) -> list[tuple[str, Violation]]:
        """(mode, violation), at most one for each output of a mode."""
        return [(report.mode, violation) for report in self.modes for violation in report.findings.violations]

    @property
    def places(self) -> list[Witness]:
        """Where in the author's code it leaks: at most one for each mode, those of other lines first."""
        found: list[Witness] = []
        for witness in (witness for report in self.modes for witness in report.witnesses):
            if not any(witness.lines[:1] == other.lines[:1] for other in found):
                found.append(witness)
        return found

    def diagnostics(self) -> list[Diagnostic]:
        """What does not hold, as diagnostics with places in the author's code: leaks, modes that differ, what is not
        decided, and what is proven only with the route given."""
        found = [witness.diagnostic() for witness in self.places]
        told = {witness.mode for report in self.modes for witness in report.witnesses}
        for report in self.modes:
            if report.verdict in (Verdict.LEAKS, Verdict.DIFFERS) and report.mode not in told:
                why = report.why or self._first(report)
                dependent = report.findings.violations or report.findings.mixes
                code = "AR990" if dependent else "AR991"
                found.append(Diagnostic(code, f"{self.name} {report.verdict} in {report.mode} mode: {why}"))
            elif report.verdict == Verdict.NOT_DECIDED:
                more = f"; without a rule: {', '.join(report.open[:SHOWN])}" if report.open else ""
                found.append(Diagnostic("AR992", f"{self.name}, {report.mode} mode: {report.why}{more}"))
            elif report.verdict == Verdict.GIVEN_ROUTE:
                found.append(Diagnostic("AR993", f"{self.name}, {report.mode} mode: {report.why}"))
        return found

    def github(self) -> str:
        """The diagnostics as annotations of GitHub Actions, one a line; empty where it is proven."""
        return github(self.diagnostics())

    def _first(self, report: ModeReport) -> str:
        violation = next(iter(report.findings.violations), None)
        return "values show it" if violation is None else self._told(report.mode, violation)[0].strip()

    def json(self) -> dict[str, Any]:
        """The report as `arspec audit --json` prints it."""
        return {
            "audit": self.name,
            "verdict": str(self.verdict),
            "ok": self.ok,
            "leaks": self.leaks,
            "unseen": self.unseen if self.paired else None,
            "blind_spots": self.blind_spots,
            "out_of_reach": self.out_of_reach,
            "coverage": self.coverage if self.paired else None,
            "variables": self.variables,
            "order": self.order,
            "input": self.input_kind,
            "precision": self.claims.precision,
            "passes": self.passes,
            "modes": [
                {
                    "mode": report.mode,
                    "verdict": str(report.verdict),
                    "passes": report.passes,
                    "leaks": int(report.findings.leaks.sum()),
                    "suspects": report.suspects,
                    "operators_without_a_rule": report.open,
                    "why": report.why,
                    "gradients": report.findings.gradients,
                    "mixes_examples": report.findings.mixes,
                    "draws": report.findings.draws,
                }
                for report in self.modes
            ],
            "not_offered": self.absent,
            "claims": asdict(self.claims),
            "witnesses": [self._witness_json(mode, violation) for mode, violation in self.witnesses],
            "places": [witness.json() for witness in self.places],
            "sampler": None if self.sampler is None else self.sampler.json(),
            "notes": self.notes,
            "seconds": round(self.seconds, 3),
        }

    def _witness_json(self, mode: str, violation: Violation) -> dict[str, Any]:
        return {
            "mode": mode,
            "output": {"variable": violation.output, "name": self.layout.name(violation.output)},
            "inputs": [{"variable": u, "name": self.layout.name(u)} for u in violation.inputs],
            "how": violation.how,
            "outside_the_alphabet": violation.outside,
            "weights": "own" if violation.draw == 0 else f"redrawn {violation.draw}",
            "before": list(violation.before),
            "after": list(violation.after),
            "parameter": violation.parameter,
            "moved": list(violation.moved),
        }

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self, times: bool = True) -> list[str]:
        """The report line by line; without `times` the same whenever it is made."""
        lines = [f"{self.name}: {self._headline()}", *self.evidence(SHOWN), ""]
        lines += [line for report in self.modes for line in self._mode_lines(report)]
        if self.paired:
            part = f"{100 * self.coverage:.2f} % of {int(self.legal.sum()):,} legal pairs of variables"
            lines.append(f"  coverage    {part}{'' if self.exact else ', at the most'}")
            if self.unseen:
                lines.append(f"  unseen      {self.unseen:,} pairs{self._unseen_split()}; {self._unseen_example()}")
        lines.append(f"  holds for   {self.claims}")
        lines.append(
            f"  tested      {self.variables:,} variables in the order {self.order}, {self.input_kind}, "
            f"{self.passes} forward passes" + (f", {self.seconds:.1f} s" if times else "")
        )
        told = {mode: why for mode, why in self.absent.items() if not why.startswith("--")}
        reasons = {why: ", ".join(mode for mode in told if told[mode] == why) for why in told.values()}
        for number, (why, names) in enumerate(reasons.items()):
            lines.append(f"  {'' if number else 'not run':<11} {names}: {why}")
        return lines + [f"  note        {note}" for note in self.notes]

    def _mode_lines(self, report: ModeReport) -> list[str]:
        passes = f"{report.passes} pass{'es' * (report.passes != 1)}"
        lines = [f"  {report.mode:<11} {report.verdict} ({passes})" + f": {report.why}" * bool(report.why)]
        if report.open and not report.verdict.holds:
            more = f" and {len(report.open) - SHOWN} more" if len(report.open) > SHOWN else ""
            lines.append(f"  {'':<11} without a rule: {', '.join(report.open[:SHOWN])}{more}")
        return lines

    def _headline(self) -> str:
        if self.verdict == Verdict.PROVEN:
            return "PROVEN: no output reads what its order forbids"
        if self.verdict == Verdict.GIVEN_ROUTE:
            return "PROVEN, given the route: no output reads what its order forbids"
        if self.verdict == Verdict.NOT_DECIDED:
            modes = [report.mode for report in self.modes if report.verdict == Verdict.NOT_DECIDED]
            return f"NOT DECIDED in {' and '.join(modes)}: no leak was seen, and none was ruled out"
        modes = [report.mode for report in self.modes if report.verdict == self.verdict]
        if self.verdict == Verdict.DIFFERS:
            return f"DIFFERS in {' and '.join(modes)}: {' and '.join(DIFFERENT[mode] for mode in modes)}"
        where = "" if len(modes) == len(self.modes) else f", in {' and '.join(modes)} only"
        if self.leaks:
            forbidden = int((self.rank[:, None] <= self.rank[None, :]).sum())
            return f"LEAKS: {self.leaks:,} of {forbidden:,} forbidden pairs of variables are read{where}"
        return f"LEAKS{where}"

    def evidence(self, shown: int) -> list[str]:
        """The numbers that show leaks, and the lines of the module's code, at most so many of each."""
        # The plainest come first, of the mode whose line is shown, so that numbers and line speak of the same pair.
        told = {report.mode for report in self.modes if report.witnesses}
        plain = sorted(self.witnesses, key=lambda w: (w[0] not in told, plainness(w[1], self.rank)))
        plain = list({violation.output: (mode, violation) for mode, violation in reversed(plain)}.values())[::-1]
        lines: list[str] = []
        for mode, violation in plain[:shown]:
            lines += ["", *self._told(mode, violation)]
        if len(plain) > shown:
            lines += ["", f"  ... and {len(plain) - shown:,} more, one for each output that moves"]
        for witness in self.places[:shown]:
            lines += ["", *(line.rstrip() for line in str(witness).split("\n"))]
        return lines

    def _told(self, mode: str, violation: Violation) -> list[str]:
        output, inputs = self.layout.name(violation.output), [self.layout.name(u) for u in violation.inputs]
        some = inputs[: SHOWN if len(inputs) <= SHOWN else 1]
        listed = " and ".join(f"({name})" for name in some)
        listed += f" and {len(inputs) - len(some):,} more" if len(some) < len(inputs) else ""
        relation = "itself" if violation.inputs == (violation.output,) else self._relation(violation)
        lines = [f"  the output for ({output}) moves with {listed}, {relation}"]
        if violation.how == "gradient":
            lines.append(f"      derivative {violation.moved[1]:.6g}, though no change of the input moved it")
        else:
            change = f"{_numbers(violation.before)} -> {_numbers(violation.after)}"
            lines.append(f"      input   {change} ({violation.how})")
            lines.append(f"      output  {_two(*violation.moved)} (parameter {violation.parameter})")
        marks = [mode + " mode" if mode in ("evaluation", "training") else mode] + [
            "outside the alphabet"
        ] * violation.outside
        marks.append("own weights" if violation.draw == 0 else "redrawn weights")
        lines[-1] += f" [{', '.join(marks)}]"
        return lines

    def _relation(self, violation: Violation) -> str:
        ranks = [int(self.rank[u]) for u in violation.inputs]
        own = int(self.rank[violation.output])
        what = "later" if min(ranks) > own else "not earlier"
        if len(ranks) > 1 or self._as_named():
            return f"{what} in the order"
        return f"{what} in the order (place {ranks[0]}, and its own is {own})"

    def _as_named(self) -> bool:
        """Whether the order is that of the variables' names: time, or rows and columns and then channels."""
        channels = 1 if self.layout.joint else self.layout.channels
        return bool((np.diff(self.rank.reshape(channels, -1).T.ravel()) >= 0).all())

    def _unseen_split(self) -> str:
        if self.blind_spots is None:
            return " (blind or out of reach)"
        return f": {self.blind_spots:,} blind, {self.out_of_reach:,} out of reach at this depth"

    def _unseen_example(self) -> str:
        missing = self._missing
        if self.deeper is not None and (missing & ~self.deeper).any():
            missing = missing & ~self.deeper
        output = int(missing.sum(1).argmax())
        # The input that comes last before the output: the one whose absence is the most surprising.
        source = int(np.argmax(np.where(missing[output], self.rank, -1)))
        return f"for example ({self.layout.name(output)}) never sees ({self.layout.name(source)})"


def _numbers(values: tuple[float, ...]) -> str:
    listed = ", ".join(f"{value:.6g}" for value in values[:4])
    return f"{listed}, ..." if len(values) > 4 else listed


def _two(before: float, after: float) -> str:
    """Both numbers with as many digits as it takes to tell them apart."""
    for digits in (6, 9, 12, 17):
        if f"{before:.{digits}g}" != f"{after:.{digits}g}":
            return f"{before:.{digits}g} -> {after:.{digits}g}"
    return f"{before!r} -> {after!r}"
