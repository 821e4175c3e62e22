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
from arspec.auditing.values import lost, not_finite, parting
from arspec.auditing.verdicts import Verdict
from arspec.auditing.witnessing import of_parting
from arspec.diagnostics import InputError

PREFIXES = 4


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
    why = unknown = ""
    with torch.no_grad():
        x, whole = audited.known or (x, audited.run(x))
        if bool(whole.isnan().any()):  # it takes no redrawn weights
            subject.redraw(0)
            whole = audited.run(x)
        # What the module keeps for a length is that of the one whose labels follow, so that it comes last.
        for length in sorted(chosen, key=lambda length: (length <= full, length == _edge(full), length)):
            if length == full:
                taken.append(length)
                continue
            part = audited.at(length)
            try:
                if length < full:
                    rows, of_all = part.run(x[..., :length]), whole
                else:  # the audited length is then the prefix
                    rows, of_all = whole, part.run(torch.cat([x, part.draw(2, 12)[..., full:]], -1))
            except InputError as error:
                refused.append(f"{length}: {error.message}")
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
            short, total = sorted((length, full))
            judged = max(0, short - max(0, audited.case.question.offset - 1))
            first = 0 if audited.case.layout.last is None else max(0, total - audited.case.layout.last)
            pair = rows[:, first:judged], of_all[:, first:judged]
            found = parting(*pair)
            if not unknown:
                unknown = not_finite(lost(*pair).any(-1).any(0), f"{short} of {total} steps, {audited.time}", first)
            if found is not None:
                why = f"with {short} of {total} steps, from {audited.time} {first + found[0]} on the outputs differ"
                why += f" from those of the whole row, by {found[1]:.3g}"
                break
    passes += subject.passes - start
    if why:
        short, total = sorted((taken[-1], full))
        long, part = audited.at(total), audited.at(short)
        x = x if total == full else torch.cat([x, long.draw(2, 12)[..., full:]], -1)
        witnesses = of_parting(
            subject, "lengths", x, lambda: long.run(x[:1]), lambda: part.run(x[:1, ..., :short]), "left"
        )
        subject.redraw(0)
        return ModeReport("lengths", Verdict.LEAKS, passes, why=why, witnesses=witnesses)
    subject.redraw(0)
    if not any(length != full for length in taken):
        raise Absent(f"it takes no other length ({refused[0]})" if refused else "there is no other length")
    if unknown:
        return ModeReport("lengths", Verdict.NOT_DECIDED, passes, why=unknown, lost=True)
    # Prefixes have been compared by values: labels at another length need no more of these.
    chosen = [length for length in taken if length not in (1, full, full + 1)]
    if not chosen:
        return ModeReport("lengths", Verdict.AGREES, passes, why=_text(taken))
    part = audited.at(chosen[-1])
    search = replace(settings.search, passes=0)
    try:
        report = judge(part.subject, part.case, part.alphabet, search, "lengths", cuts=1, routed=audited.routed)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        part.subject.redraw(0)
        if chosen[-1] < full:
            raise failed(error, f"lengths, at {chosen[-1]}") from error
        return ModeReport("lengths", Verdict.AGREES, passes + part.subject.passes, why=_text(taken))
    why = _text(taken) + (f"; {report.why}" if report.why else "")
    return replace(report, passes=passes + report.passes, why=why)


def _text(taken: list[int]) -> str:
    return "lengths " + ", ".join(map(str, sorted(taken)))


def _edge(full: int) -> int:
    """One more than the power of two below the length: a chunk that has just begun."""
    return (1 << max(0, (full - 1).bit_length() - 1)) + 1


def _around(full: int) -> list[int]:
    """Lengths around the halves of the power of two that is next to the length, then short ones, then one more."""
    edge = _edge(full)
    wanted = [full - 1, edge - 1, edge, 1, edge - 2, 3]
    shorter = [length for length in dict.fromkeys(wanted) if 1 <= length < full][:PREFIXES]
    return [*sorted(shorter), full + 1]
