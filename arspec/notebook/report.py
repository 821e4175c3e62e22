"""The page of a report: the verdict, what is seen and what is not, and the leaks with their lines and their paths."""

from __future__ import annotations

import numpy as np

from arspec.analysis.report import Report
from arspec.notebook.html import bar, diagnosed, facts, folded, heading, page, told


def report_page(report: Report) -> str:
    """The page of a spec's report."""
    spec, graph = report.spec, report.spec.graph()
    variables = int(np.count_nonzero(spec.members[0].order.modelled))
    orders = report.members[0].order if len(report.members) == 1 else f"each of {len(report.members)} orders or draws"
    leaking = sum(len(m.leaking) or len(m.training) for m in report.members)
    if report.ok:
        badge, about = ("good", "proven"), f"Each of {variables:,} variables is known before its turn; {orders}."
    elif report.proven:
        badge, about = ("bad", "a test fails"), f"The proof holds for {variables:,} variables; {orders}."
    else:
        total = variables * len(report.members)
        badge, about = ("bad", "leaks"), f"The proof fails for {leaking:,} of {total:,} variables; {orders}."
        if not leaking:
            about = f"A further head sees what it must not; {orders}."
    rows = [("file", f"<code>{told(spec.source.name)}</code>")]
    if report.coverage is not None and report.pairs is not None:
        sampled = "" if report.exact else f", by {report.rows} variables sampled over the order"
        said = f"{report.coverage:.4%} of {report.pairs:,} legal pairs are seen{sampled}"
        rows.append(("context", f"{bar(report.coverage)}{told(said)}"))
    if report.unseen:
        split = "depth does not tell blind from out of reach"
        if report.blind_spots is not None:
            split = f"{report.blind_spots:,} blind at any depth, {report.out_of_reach:,} out of reach at this depth"
        rows.append(("unseen", told(f"{report.unseen:,} pairs: {split}")))
    rows.append(("size", told(graph.size)))
    rows += [("head", told(f"'{one.name}', {one.section.ahead} ahead")) for one in graph.further]
    rows += [("test", f"<code>{told(str(test).strip())}</code>") for test in report.tests]
    errors = [d for d in report.diagnostics if d.level == "error"]
    others = [d for d in report.diagnostics if d.level != "error"]
    parts = [heading(spec.name, badge, about), facts(rows)]
    if errors:
        parts.append(folded(_count(len(errors), "leak"), diagnosed(errors), open=True))
    if others:
        parts.append(folded(_count(len(others), "note"), diagnosed(others)))
    return page(*parts)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
