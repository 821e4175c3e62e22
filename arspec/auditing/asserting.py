"""The audit as an assertion: which verdicts pass, and what is said, on one screen, where they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from torch import nn

from arspec.auditing.auditing import audit
from arspec.auditing.report import AuditReport
from arspec.auditing.verdicts import Verdict
from arspec.diagnostics import InputError, did_you_mean, visible

ACCEPTABLE = {"given-route": Verdict.GIVEN_ROUTE, "not-decided": Verdict.NOT_DECIDED}
SCREEN = 40  # lines


def asserted(
    module: nn.Module,
    input: str,
    output: str,
    size: Mapping[str, int] | None,
    *,
    accept: str | Sequence[str],
    modes: str | Sequence[str] | None,
    **options: Any,
) -> tuple[AuditReport, str]:
    """The report of the audit, and what does not pass, on one screen; nothing where all does."""
    passing = accepted(accept)
    known = signature(audit).parameters
    for name in options:
        if name not in known:
            raise InputError("AR808", f"an audit has no option {name!r}", did_you_mean(name, known, what="it has"))
    report = audit(module, input, output, size, modes=modes, **options)
    refused = any(mode.verdict in FAILING - passing for mode in report.modes)
    return report, told(report, passing) if refused else ""


FAILING = frozenset({Verdict.LEAKS, Verdict.DIFFERS, Verdict.NOT_DECIDED, Verdict.GIVEN_ROUTE})


def accepted(accept: str | Sequence[str]) -> frozenset[Verdict]:
    """The verdicts that pass beside 'proven' and 'agrees'. InputError for a name that is none."""
    if not isinstance(accept, (str, list, tuple, set, frozenset)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError("AR808", f"accept is {' or '.join(ACCEPTABLE)}, or a list of these, not {accept!r}")
    listed = accept.split(",") if isinstance(accept, str) else list(accept)
    names = [name.strip() if isinstance(name, str) else name for name in listed if name != ""]  # pyright: ignore
    for name in names:
        if not isinstance(name, str) or name not in ACCEPTABLE:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InputError(
                "AR808", f"{name!r} cannot be accepted", did_you_mean(str(name), ACCEPTABLE, what="accept takes")
            )
    return frozenset(ACCEPTABLE[name] for name in names)


def told(report: AuditReport, passing: frozenset[Verdict]) -> str:
    """What does not pass, in at most one screen: the numbers that show it, the line, and what to do."""
    refused = [mode for mode in report.modes if mode.verdict in FAILING - passing]
    wrong = report.verdict in (Verdict.LEAKS, Verdict.DIFFERS)
    head = {Verdict.LEAKS: "is not causal", Verdict.DIFFERS: "does not compute one thing in two ways"}
    lines = [f"{report.name} {head.get(report.verdict, 'is not proven causal')}"]
    if wrong:
        lines += report.evidence(1)
    lines.append("")
    for mode in refused:
        why = f": {mode.why}" if mode.why else ""
        lines.append(f"  {mode.mode:<11} {mode.verdict}{why}")
        if mode.open and mode.verdict is Verdict.NOT_DECIDED:
            lines.append(f"  {'':<11} without a rule: {', '.join(mode.open[:3])}")
    lines.append(f"  holds for   {report.claims}")
    wanted = [name for name, verdict in ACCEPTABLE.items() if any(mode.verdict is verdict for mode in refused)]
    if wanted and not wrong:
        lines.append(f"  to accept   accept={wanted[0]!r}" if len(wanted) == 1 else f"  to accept   accept={wanted!r}")
    if len(lines) > SCREEN:
        lines = [*lines[: SCREEN - 1], f"  ... {len(lines) - SCREEN + 1} more lines: str(report)"]
    return visible("\n".join(lines), keep="\n")
