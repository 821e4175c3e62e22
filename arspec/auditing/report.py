"""What an audit found, as a page for people and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arspec.auditing.layout import Layout
from arspec.auditing.sampler import SamplerCheck
from arspec.verification.dependencies import Findings, Violation

SHOWN = 3  # witnesses on the page


@dataclass(frozen=True)
class ModeReport:
    """The findings of one mode of the module, 'evaluation' or 'training'."""

    mode: str
    findings: Findings


@dataclass(frozen=True)
class AuditReport:
    """Findings of `audit`. All matrices are [V, V]: row the output, column the input.

    seen, legal     pairs that were seen to depend in evaluation, and that the order allows
    deeper          pairs that a deeper copy of the module was seen to have, or None where none was given
    """

    name: str
    layout: Layout
    order: str
    rank: NDArray[np.int64]
    input_kind: str
    precision: str
    modes: list[ModeReport]
    seen: NDArray[np.bool_]
    legal: NDArray[np.bool_]
    leaked: NDArray[np.bool_]
    deeper: NDArray[np.bool_] | None = None
    sampler: SamplerCheck | None = None
    notes: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the module passes: no leak, no mixing of examples, and no fault of its sampler."""
        return self.leaks == 0 and (self.sampler is None or self.sampler.ok) and not self.modes[0].findings.mixes

    @property
    def variables(self) -> int:
        """V: how many variables one example has."""
        return len(self.rank)

    @property
    def leaks(self) -> int:
        """Pairs of variables, in any mode."""
        return int(self.leaked.sum())

    @property
    def unseen(self) -> int:
        """How many legal pairs of variables the module was never seen to use."""
        return int((self.legal & ~self.seen).sum())

    @property
    def blind_spots(self) -> int | None:
        """Pairs that the deeper copy does not see either; None where none was given."""
        return None if self.deeper is None else int((self.legal & ~self.seen & ~self.deeper).sum())

    @property
    def out_of_reach(self) -> int | None:
        """How many unseen pairs a deeper module would see; None where blind spots were not counted."""
        return None if self.blind_spots is None else self.unseen - self.blind_spots

    @property
    def coverage(self) -> float:
        """Seen part of all legal pairs."""
        pairs = int(self.legal.sum())
        return 1.0 if pairs == 0 else 1.0 - self.unseen / pairs

    @property
    def witnesses(self) -> list[tuple[str, Violation]]:
        """(mode, violation), at most one for each output of a mode."""
        return [(report.mode, violation) for report in self.modes for violation in report.findings.violations]

    def json(self) -> dict[str, Any]:
        """The report as `arspec audit --json` prints it."""
        return {
            "audit": self.name,
            "ok": self.ok,
            "leaks": self.leaks,
            "unseen": self.unseen,
            "blind_spots": self.blind_spots,
            "out_of_reach": self.out_of_reach,
            "coverage": self.coverage,
            "variables": self.variables,
            "order": self.order,
            "input": self.input_kind,
            "precision": self.precision,
            "modes": [
                {
                    "mode": report.mode,
                    "leaks": int(report.findings.leaks.sum()),
                    "gradients": report.findings.gradients,
                    "mixes_examples": report.findings.mixes,
                    "draws": report.findings.draws,
                }
                for report in self.modes
            ],
            "witnesses": [self._witness_json(mode, violation) for mode, violation in self.witnesses],
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
        lines = [f"{self.name}: {self._verdict()}", *self._witness_lines(), ""]
        lines.append(f"  coverage  {100 * self.coverage:.2f} % of {int(self.legal.sum()):,} legal pairs of variables")
        if self.unseen:
            lines.append(f"  unseen    {self.unseen:,} pairs{self._unseen_split()}; {self._unseen_example()}")
        if self.sampler is not None:
            lines.append(f"  sampler   {self.sampler}")
        tests = "gradients and perturbations" if self.modes[0].findings.gradients else "perturbations alone"
        modes = " and ".join(report.mode for report in self.modes)
        lines.append(
            f"  tested    {self.variables:,} variables in the order {self.order}, {self.input_kind}, {self.precision}, "
            f"by {tests}, {self.modes[0].findings.draws} draws of the weights, {modes} mode, {self.seconds:.1f} s"
        )
        lines += [f"  note      {note}" for note in self.notes]
        return "\n".join(lines)

    def _verdict(self) -> str:
        if self.leaks == 0:
            if self.modes[0].findings.mixes:
                return "MIXES the examples of a batch, also in evaluation: an output reads other examples"
            return "holds: no output reads what its order forbids"
        forbidden = int((self.rank[:, None] <= self.rank[None, :]).sum())
        modes = [report.mode for report in self.modes if report.findings.leaks.any()]
        where = "" if len(modes) == len(self.modes) else f", in {modes[0]} mode only"
        return f"LEAKS: {self.leaks:,} of {forbidden:,} forbidden pairs of variables are read{where}"

    def _witness_lines(self) -> list[str]:
        # The plainest come first: own weights, inside the alphabet, values rather than derivatives.
        plain = sorted(self.witnesses, key=lambda w: (w[1].how == "gradient", w[1].outside, w[1].draw, w[1].output))
        lines: list[str] = []
        for mode, violation in plain[:SHOWN]:
            lines += ["", *self._told(mode, violation)]
        if len(plain) > SHOWN:
            lines += ["", f"  ... and {len(plain) - SHOWN:,} more, one for each output that moves"]
        return lines

    def _told(self, mode: str, violation: Violation) -> list[str]:
        output, inputs = self.layout.name(violation.output), [self.layout.name(u) for u in violation.inputs]
        listed = " and ".join(f"({name})" for name in inputs[:3])
        listed += f" and {len(inputs) - 3} more" if len(inputs) > 3 else ""
        relation = "itself" if violation.inputs == (violation.output,) else self._relation(violation)
        lines = [f"  the output for ({output}) moves with {listed}, {relation}"]
        if violation.how == "gradient":
            lines.append(f"      derivative {violation.moved[1]:.6g}, though no change of the input moved it")
        else:
            change = f"{_numbers(violation.before)} -> {_numbers(violation.after)}"
            lines.append(f"      input   {change} ({violation.how})")
            lines.append(f"      output  {_two(*violation.moved)} (parameter {violation.parameter})")
        marks = [mode + " mode"] + ["outside the alphabet"] * violation.outside
        marks.append("own weights" if violation.draw == 0 else "redrawn weights")
        lines[-1] += f" [{', '.join(marks)}]"
        return lines

    def _relation(self, violation: Violation) -> str:
        ranks = [int(self.rank[u]) for u in violation.inputs]
        own = int(self.rank[violation.output])
        what = "later" if min(ranks) > own else "not earlier"
        return f"{what} in the order (rank {', '.join(map(str, ranks[:3]))} against {own})"

    def _unseen_split(self) -> str:
        if self.blind_spots is None:
            return " (blind or out of reach)"
        return f": {self.blind_spots:,} blind, {self.out_of_reach:,} out of reach at this depth"

    def _unseen_example(self) -> str:
        missing = self.legal & ~self.seen
        if self.deeper is not None and (missing & ~self.deeper).any():
            missing &= ~self.deeper
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
