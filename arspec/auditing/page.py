"""The page of an audit for notebooks: the verdict, each mode, and the lines of the author's code."""

from __future__ import annotations

from arspec.auditing.report import AuditReport
from arspec.auditing.verdicts import Verdict
from arspec.notebook.html import bar, diagnosed, facts, folded, heading, page, table, told
from arspec.shown import draws

SHOWN = 3  # numbers that show a leak, of each kind


@draws(AuditReport)
def audit_page(report: AuditReport) -> str:
    """The page of an audit's report."""
    verdict = report.verdict
    looks = "good" if verdict.holds else "open" if verdict == Verdict.NOT_DECIDED else "bad"
    rows = [("variables", told(f"{report.variables:,} in the order {report.order}, {report.input_kind}"))]
    if report.leaks:
        rows.append(("leaks", f"{report.leaks:,} forbidden pairs of variables are read"))
    if report.paired:
        most = "" if report.exact else ", at the most"
        pairs = f"{report.coverage:.2%} of {int(report.legal.sum()):,} legal pairs are seen{most}"
        rows.append(("coverage", f"{bar(report.coverage)}{told(pairs)}"))
    if report.paired and report.unseen:
        split = (
            ""
            if report.blind_spots is None
            else f": {report.blind_spots:,} blind, {report.out_of_reach:,} out of reach"
        )
        rows.append(("unseen", told(f"{report.unseen:,} pairs{split}")))
    rows.append(("holds for", told(report.claims)))
    modes = table(
        ("mode", "verdict", "passes", "why"),
        [(each.mode, str(each.verdict), each.passes, each.why) for each in report.modes],
        numbers=(2,),
    )
    parts = [heading(report.name, (looks, str(verdict))), facts(rows), modes]
    found = report.diagnostics()
    if found:
        parts.append(folded(f"{len(found)} {'place' if len(found) == 1 else 'places'}", diagnosed(found), open=True))
    numbers = "\n".join(report.evidence(SHOWN)).strip("\n")
    if report.witnesses:
        parts.append(folded("the numbers that show it", f"<pre>{told(numbers)}</pre>"))
    notes = [*report.notes, *(f"not run: {mode}: {why}" for mode, why in report.absent.items())]
    if notes:
        parts.append(folded("notes", "".join(f"<p>{told(note)}</p>" for note in notes)))
    return page(*parts)
