"""Lengths: what holds at one length holds at others, and a prefix gives what the whole gives: f(x[:P]) = f(x)[:P].

Chunks and windows have edges, so that lengths lie around powers of two. A filter, a scale or a capacity that depends on
the length of the whole row makes outputs depend on how much comes later, though on no later value.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.judging import ModeReport, judge
from arspec.auditing.reasons import failed, reason
from arspec.auditing.values import apart
from arspec.auditing.verdicts import Verdict, worst
from arspec.diagnostics import InputError

PREFIXES = 5
LABELLED = 2


def lengths(audited: Audited) -> ModeReport:
    """Prefixes by values, and labels at two of the lengths. Absent where the module takes one length alone."""
    subject, settings, full = audited.subject, audited.settings, audited.length
    subject.module.eval()
    if settings.forbid is not None:
        raise Absent("--forbid takes the place of the order")
    if not audited.case.question.free:
        raise Absent("the ranks are those of one length")
    chosen = list(settings.lengths) or _around(full)
    x = audited.draw(2, 3)
    subject.redraw(1)
    start, passes = subject.passes, 0
    refused: list[str] = []
    taken: list[int] = []
    why = ""
    with torch.no_grad():
        whole = audited.run(x)
        if bool(whole.isnan().any()):  # it takes no redrawn weights
            subject.redraw(0)
            whole = audited.run(x)
        for length in chosen:
            if length >= full:
                taken.append(length)
                continue
            part = audited.at(length)
            try:
                rows = part.run(x[..., :length])
            except InputError as error:
                refused.append(f"{length}: {error}")
                continue
            except (Exception, SystemExit) as error:
                if settings.lengths:
                    raise failed(error, f"lengths, at {length}") from error
                refused.append(f"{length}: {reason(error)}")
                continue
            finally:
                passes += part.subject.passes
            taken.append(length)
            # With an offset of 2 an output reads one step more than its own place, which the prefix may lack.
            judged = max(0, length - max(0, audited.case.question.offset - 1))
            distance = apart(rows[:, :judged], whole[:, :judged]).amax(-1)
            if bool((distance > 0).any()):
                place = int(distance.amax(0).argmax())
                why = (
                    f"with {length} of {full} steps, the output at {audited.time} {place} is another one, "
                    f"by {float(distance.max()):.3g}"
                )
                break
    subject.redraw(0)
    passes += subject.passes - start
    if why:
        return ModeReport("lengths", Verdict.LEAKS, passes, why=why)
    if not any(length != full for length in taken):
        raise Absent(f"it takes no other length ({refused[0]})" if refused else "there is no other length")
    reports: list[ModeReport] = []
    labelled = [n for n in taken if n not in (1, full)][-LABELLED:]
    for length in labelled:
        part = audited.at(length)
        try:
            search = replace(settings.search, draws=1, bases=1, passes=4)
            reports.append(judge(part.subject, part.case, part.alphabet, search, "lengths"))
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            if length <= full:
                raise failed(error, f"lengths, at {length}") from error
            part.subject.redraw(0)
    verdict = worst([Verdict.AGREES, *(report.verdict for report in reports)])
    blamed = next((report for report in reports if report.verdict == verdict), None)
    return ModeReport(
        "lengths",
        verdict,
        passes + sum(report.passes for report in reports),
        suspects=0 if blamed is None else blamed.suspects,
        open=[] if blamed is None else blamed.open,
        why="lengths " + ", ".join(map(str, taken)) + (f"; {blamed.why}" if blamed is not None and blamed.why else ""),
    )


def _around(full: int) -> list[int]:
    """Lengths around the halves of the power of two that is next to the length, then short ones, then one more."""
    power = 1 << max(0, (full - 1).bit_length() - 1)
    wanted = [full - 1, power, power + 1, power - 1, 1, 3, full // 2 + 2]
    shorter = [length for length in dict.fromkeys(wanted) if 1 <= length < full][:PREFIXES]
    return [*sorted(shorter), full + 1]
