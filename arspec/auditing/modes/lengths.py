"""Lengths: what holds at one length holds at others, and a prefix gives what the whole gives: f(x[:P]) = f(x)[:P].

Chunks and windows have edges, so that lengths lie around powers of two. A filter, a scale or a capacity that depends on
the length of the whole row makes outputs depend on how much comes later, though on no later value.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.comparing import lost, not_finite, parting
from arspec.auditing.judging import ModeReport, judge
from arspec.auditing.reasons import failed, reason
from arspec.auditing.shown import Witness
from arspec.auditing.verdicts import Verdict
from arspec.auditing.witnessing import of_parting
from arspec.diagnostics import InputError

PREFIXES = 4


def lengths(audited: Audited) -> ModeReport:
    """Prefixes by values, and labels at two of the lengths. Absent where the module takes one length alone."""
    subject, settings = audited.subject, audited.settings
    subject.evaluate()
    if settings.forbid is not None:
        raise Absent("--forbid takes the place of the order")
    if not audited.case.question.free:
        raise Absent("the ranks are those of one length")
    found = _compared(audited, list(settings.lengths) or _around(audited.length))
    witnesses = _witnesses(audited, found.x, found.taken[-1]) if found.why else []
    subject.redraw(0)
    if found.why:
        return ModeReport("lengths", Verdict.LEAKS, found.passes, why=found.why, witnesses=witnesses)
    if not any(length != audited.length for length in found.taken):
        refused = found.refused
        raise Absent(f"it takes no other length ({refused[0]})" if refused else "there is no other length")
    if found.unknown:
        return ModeReport("lengths", Verdict.NOT_DECIDED, found.passes, why=found.unknown, lost=True)
    return _by_labels(audited, found)


@dataclass(eq=False)
class _Compared:
    """What values tell of the lengths. x [2, *shape]: the rows. taken: the lengths that the module takes, in the order
    in which they came; the last is the one that `why` is about. refused: the others, with reasons. why: how a prefix
    differs from the whole. unknown: what can't be compared. passes: how many it took."""

    x: Tensor
    taken: list[int] = field(default_factory=list[int])
    refused: list[str] = field(default_factory=list[str])
    why: str = ""
    unknown: str = ""
    passes: int = 0


def _compared(audited: Audited, chosen: list[int]) -> _Compared:
    """Holds the rows at each length to those at the audited one, up to the first that differs."""
    subject, full = audited.subject, audited.length
    found = _Compared(audited.draw(2, 3))
    subject.redraw(1)
    start = subject.passes
    with torch.no_grad():
        found.x, whole = audited.known or (found.x, audited.run(found.x))
        if bool(whole.isnan().any()):  # it takes no redrawn weights
            subject.redraw(0)
            whole = audited.run(found.x)
        # What the module keeps for a length is that of the one whose labels follow, so that it comes last.
        for length in sorted(chosen, key=lambda length: (length <= full, length == _edge(full), length)):
            if length == full:
                found.taken.append(length)
                continue
            part = audited.at(length)
            try:
                # of a longer row the audited length is the prefix
                rows = part.run(found.x[..., :length] if length < full else _longer(part, found.x, full))
            except InputError as error:
                found.refused.append(f"{length}: {error.message}")
                continue
            except (Exception, SystemExit) as error:
                if audited.settings.lengths:
                    raise failed(error, f"lengths, at {length}") from error
                found.refused.append(f"{length}: {reason(error)}")
                continue
            finally:
                found.passes += part.subject.passes
            found.taken.append(length)
            prefix, row = (rows, whole) if length < full else (whole, rows)
            found.why, unknown = _parting(audited, length, prefix, row)
            found.unknown = found.unknown or unknown
            if found.why:
                break
    found.passes += subject.passes - start
    return found


def _longer(part: Audited, x: Tensor, full: int) -> Tensor:
    """Rows as long as `part` takes, which begin like x."""
    return torch.cat([x, part.draw(2, 12)[..., full:]], -1)


def _parting(audited: Audited, length: int, prefix: Tensor, row: Tensor) -> tuple[str, str]:
    """How the outputs of the shorter of two lengths differ from those of the longer, and what can't be compared."""
    question, layout = audited.case.question, audited.case.layout
    short, total = sorted((length, audited.length))
    # With an offset of 2 an output reads one step more than its own place, which the prefix may lack.
    judged = max(0, short - max(0, question.offset - 1))
    first = 0 if layout.last is None else max(0, total - layout.last)
    pair = prefix[:, first:judged], row[:, first:judged]
    found = parting(*pair)
    unknown = not_finite(lost(*pair).any(-1).any(0), f"{short} of {total} steps, {audited.time}", first)
    if found is None:
        return "", unknown
    why = f"with {short} of {total} steps, from {audited.time} {first + found[0]} on the outputs differ"
    return f"{why} from those of the whole row, by {found[1]:.3g}", unknown


def _witnesses(audited: Audited, x: Tensor, length: int) -> list[Witness]:
    """The first operator whose values at a shorter row differ from those at the longer one."""
    full = audited.length
    short, total = sorted((length, full))
    long, part = audited.at(total), audited.at(short)
    x = x if total == full else _longer(long, x, full)
    return of_parting(
        audited.subject, "lengths", x, lambda: long.run(x[:1]), lambda: part.run(x[:1, ..., :short]), "left"
    )


def _by_labels(audited: Audited, found: _Compared) -> ModeReport:
    """Labels at another length, of which values have shown no difference. These need not be compared once more."""
    settings, full, taken = audited.settings, audited.length, found.taken
    agrees = ModeReport("lengths", Verdict.AGREES, found.passes, why=_text(taken))
    chosen = [length for length in taken if length not in (1, full, full + 1)]
    if not chosen:
        return agrees
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
        return replace(agrees, passes=found.passes + part.subject.passes)
    why = _text(taken) + (f"; {report.why}" if report.why else "")
    return replace(report, passes=found.passes + report.passes, why=why)


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
