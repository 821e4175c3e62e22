"""`tools/bench verify`: the proof of every spec at its paper's size, and how it grows to 256×256×3."""

from __future__ import annotations

from statistics import median
from typing import Any

from tools.benchmarks.measure import ROOT, Options, Row, exponent, seconds, spec_path

SIDES = (32, 64, 128, 256)
GROWING = "pixelcnn"
CONTEXTS = 64  # variables whose contexts are computed at every size, so that the sizes can be compared


def run(options: Options) -> list[Row]:
    """A row for every spec (or those named), then one for each size, the last with the exponent."""
    paths = options.specs or sorted(str(p) for p in (ROOT / "specs").glob("*.yaml"))
    rows = [proof(path, options.params, True, options) for path in paths[:2] if options.small] or [
        proof(path, options.params, True, options) for path in paths
    ]
    return rows if options.specs else [*rows, *growth(options)]


def proof(path: str, params: dict[str, Any], contexts: bool | int, options: Options) -> Row:
    """Seconds to load, expand and prove a spec, contexts included."""
    from arspec.analysis.report import prove
    from arspec.language.load import load

    options.say(f"{path}: the proof")
    reports: list[Any] = []
    times = [seconds(lambda: reports.append(prove(load(path, params), contexts))) for _ in range(options.repeat)]
    report = reports[-1]
    order, members = report.spec.members[0].order, len(report.members)
    rows = "all" if report.exact else f"{report.rows} sampled"
    found: Row = {
        "name": report.spec.name, "setting": f"{'×'.join(map(str, report.spec.data.shape))}"
        + (f", {members} members" if members > 1 else ""), "seconds": median(times), "variables": order.variables,
        "nodes": len(report.spec.graph().nodes), "rows": report.rows, "exact": report.exact, "proven": report.proven,
        "runs": len(times), "note": f"{order.variables:,} variables, contexts of {rows}",
    }  # fmt: skip
    return found


def growth(options: Options) -> list[Row]:
    sides = (8, 16) if options.small else SIDES
    rows = [
        proof(str(spec_path(GROWING)), {"height": s, "width": s}, 8 if options.small else CONTEXTS, options)
        for s in sides
    ]
    power = exponent([r["variables"] for r in rows], [r["seconds"] for r in rows])
    rows[-1] |= {"exponent": power, "note": f"{rows[-1]['note']}; grows as variables^{power:.2f}"}
    return rows
