"""A witness as people and programs are shown it: the author's lines with carets, and the way of the value."""

from __future__ import annotations

import linecache
import os
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arspec.diagnostics import Diagnostic, Source, text
from arspec.diagnostics import Place as Span
from arspec.shadow.places import Place
from arspec.shadow.witness import Chain, Step
from arspec.verification.dependencies import Violation

LINES, WIDE = 12, 40  # of the way of a value on a page: its lines, and the characters of a column
RELATED = 3  # further places on a page


@dataclass(frozen=True)
class Witness:
    """How an output comes to know what it must not, or where two ways to compute the same part.

    mode      of the audit
    output    the variable that the output speaks of, for people; empty where two ways part
    input     what it must not know
    chain     the way, and the lines to look at
    at        the length that this was found at, where it is another one than was audited
    """

    mode: str
    output: str
    input: str
    chain: Chain
    at: str = ""

    @property
    def code(self) -> str:
        """AR990 where an output reads too much, AR991 where two ways part."""
        return "AR990" if self.output else "AR991"

    @property
    def lines(self) -> list[tuple[str, int]]:
        """The lines to look at, as (file, line), that which must be changed first."""
        return [(blame.place.file, blame.place.line) for blame in self.chain.blamed]

    @property
    def message(self) -> str:
        """What the first line does."""
        place = self.chain.blamed[0].place if self.chain.blamed else None
        where = f" [{place.module}]" if place is not None and place.module else ""
        if not self.output:
            return f"{self.chain.blamed[0].about}, in {self.mode} mode{where}"
        here = "here"
        if place is not None and not place.line and self.chain.breaks is not None:
            here = f"at {self.chain.steps[self.chain.breaks].operator}, which no line of yours calls"
        return f"the output for ({self.output}) learns of ({self.input}) {here}, in {self.mode} mode{where}"

    def diagnostic(self) -> Diagnostic:
        """For the text with carets, and for annotations."""
        blamed = self.chain.blamed
        place = span(blamed[0].place) if blamed else None
        related = tuple(
            (found, blame.about) for blame in blamed[1 : 1 + RELATED] if (found := span(blame.place)) is not None
        )
        return Diagnostic(self.code, self.message, place, self._way() or None, related)

    def __str__(self) -> str:
        return text([self.diagnostic()]).removesuffix("\n1 error")

    def json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "mode": self.mode,
            "code": self.code,
            "output": self.output,
            "input": self.input,
            "at": self.at,
            "message": self.message,
            "lines": [{"about": blame.about, **_place(blame.place)} for blame in self.chain.blamed],
            "breaks": self.chain.breaks,
            "steps": [
                {
                    "operator": step.operator,
                    "reads": [list(shape) for shape in step.reads],
                    "gives": list(step.gives),
                    "seen": not step.gap,
                    **_place(step.place),
                }
                for step in self.chain.steps
            ],
        }

    def _way(self) -> str:
        """The steps, those of one line and module together."""
        groups = grouped(self.chain)
        if not groups or not self.output:
            return ""
        rows = [
            (
                group[0].place.module or "(the module)",
                f"{os.path.basename(group[0].place.file)}:{group[0].place.line}" * bool(group[0].place.line),
                ", ".join(dict.fromkeys(step.operator for step in group)),
                _shape(group[-1].gives),
                "   <- learns here" if learns else "",
            )
            for group, learns in groups
        ]
        if len(rows) > LINES:
            at = next((k for k, row in enumerate(rows) if row[4]), 0)
            first = max(1, min(at - LINES // 2, len(rows) - LINES))
            kept = [*rows[:1], *rows[first : first + LINES - 2], *rows[-1:]]
            left = len(rows) - len(kept)
            rows = [*kept[:-1], (f"({left} more)", "", "", "", ""), kept[-1]]
        rows = [line for row in rows for line in _wrapped(row)]
        wide = [min(WIDE, max(len(row[k]) for row in rows)) for k in range(4)]
        told = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, wide, strict=False)) + row[4] for row in rows]
        head = "the way of the value" + (f", at {self.at}" if self.at else "")
        return "\n".join([f"{head}:", *(line.rstrip() for line in told)])


def _wrapped(row: tuple[str, str, str, str, str]) -> list[tuple[str, str, str, str, str]]:
    """The row, and further ones for what is too long of its operators."""
    module, place, operators, shape, learns = row
    first, *further = wrap(operators, WIDE, break_on_hyphens=False) or [""]
    return [(module, place, first, shape, learns), *(("", "", each, "", "") for each in further)]


def plainness(violation: Violation, rank: NDArray[np.int64]) -> tuple[Any, ...]:
    """Sorts violations of an order with `rank` [V]: the plainest first. Values rather than derivatives, inside the
    alphabet, of the module's own weights, of few inputs that are near the output, and of an early output."""
    far = min(abs(int(rank[u] - rank[violation.output])) for u in violation.inputs)
    return (
        violation.how == "gradient",
        violation.outside,
        violation.draw,
        len(violation.inputs),
        far,
        violation.output,
    )


def grouped(chain: Chain) -> list[tuple[list[Step], bool]]:
    """Steps of one line and module together, and whether the breaking one is among them. A step that no line of the
    author's calls stands alone."""
    groups: list[tuple[list[Step], bool]] = []
    for number, step in enumerate(chain.steps):
        key = (step.place.file, step.place.line, step.place.module)
        last = groups[-1][0][0].place if groups else None
        if last is not None and last.line and (last.file, last.line, last.module) == key:
            groups[-1] = ([*groups[-1][0], step], groups[-1][1] or number == chain.breaks)
        else:
            groups.append(([step], number == chain.breaks))
    return groups


def span(place: Place) -> Span | None:
    """A place with the text that it is in, be it a cell of a notebook; None where that cannot be read."""
    try:
        with open(place.file, encoding="utf-8", newline="") as file:
            content = file.read()
    except UnicodeDecodeError:
        return None
    except OSError:  # no file: an interactive session keeps the lines that it ran by such names
        content = "".join(linecache.getlines(place.file))
    source = Source(shown_path(place.file), content)
    if not 1 <= place.line <= len(source.line_starts):
        return None
    start = source.line_starts[place.line - 1]
    line = source.line(place.line)
    if not place.end_line:
        return Span(source, start + len(line) - len(line.lstrip()), start + len(line.rstrip()))
    ends = min(place.end_line, len(source.line_starts))
    last = source.line(ends)
    return Span(
        source,
        start + _characters(line, place.column),
        source.line_starts[ends - 1] + _characters(last, place.end_column),
    )


def shown_path(file: str) -> str:
    """From the working folder where it lies below it."""
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive
        return file
    return file if relative.startswith("..") else relative


def _characters(line: str, count: int) -> int:
    """How many characters so many bytes of UTF-8 are."""
    return len(line.encode("utf-8", "surrogatepass")[:count].decode("utf-8", "ignore"))


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a number"


def _place(place: Place) -> dict[str, Any]:
    return {
        "module": place.module,
        "file": place.file,
        "line": place.line,
        "column": place.column + 1 if place.end_line else None,
        "end_line": place.end_line or None,
        "end_column": place.end_column + 1 if place.end_line else None,
    }
