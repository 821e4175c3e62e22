"""The audit of a module that others wrote: what may the output for each variable read, and what does it read?"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from arspec.auditing import page as page  # so that a report is shown in notebooks
from arspec.auditing.audited import Absent, Audited, Settings
from arspec.auditing.borrowed import Borrowed, Meter, borrowed, copied, set_mode
from arspec.auditing.case import Case, Question
from arspec.auditing.chance import excused
from arspec.auditing.checking import SIDES, check, check_numbers
from arspec.auditing.judging import ModeReport
from arspec.auditing.keeping import MOST, Keeping
from arspec.auditing.layout import BATCH
from arspec.auditing.modes import COMPARING, MODES
from arspec.auditing.operations import operations as operations_of
from arspec.auditing.pairs import Pairs, pairs
from arspec.auditing.patterns import parse, parse_sizes
from arspec.auditing.reasons import failed, ours, reason
from arspec.auditing.report import AuditReport, Claims
from arspec.auditing.settling import settle
from arspec.auditing.values import MAX_VARIABLES, Search
from arspec.auditing.verdicts import Verdict
from arspec.diagnostics import InputError, did_you_mean

SIZE = 16  # of an axis where no sizes are given


def audit(
    module: nn.Module,
    input: str = "b t",
    output: str = "b t k",
    size: Mapping[str, int] | str | None = None,
    *,
    levels: int = 256,
    range: tuple[float, float] = (-1.0, 1.0),
    order: str | Sequence[int] | None = None,
    flip: str | Sequence[str] = (),
    transpose: bool = False,
    channels: Literal["sequential", "joint"] | None = None,
    offset: int | None = None,
    input_kind: Literal["auto", "float", "int"] = "auto",
    take: str | int | None = None,
    condition: Mapping[str, Any] | None = None,
    deeper: nn.Module | None = None,
    sampler: str | None = None,
    head: str = "categorical",
    samples: int = 1024,
    draws: int = 3,
    bases: int = 2,
    seed: int = 0,
    modes: str | Sequence[str] | None = None,
    lengths: Sequence[int] = (),
    variants: Mapping[str, nn.Module] | None = None,
    cache: str = "auto",
    padding: str | Sequence[str] = ("left", "right"),
    padding_mask: str = "attention_mask",
    documents: str | None = None,
    forbid: NDArray[np.bool_] | Callable[[int], NDArray[np.bool_]] | None = None,
    precision: Literal["auto", "float64", "float32"] = "auto",
    again: str | None = None,
    one_hot: str | None = None,
    last: int | None = None,
    witness: bool = True,
    operations: bool = False,
    name: str | None = None,
) -> AuditReport:
    """What the output for each variable may read, and what it reads: proven where it can be, else told with values.

    `input` and `output` are axis patterns (`b c h w`, `b (k c) h w`) with the sizes of the input's axes in `size`,
    16 each where it is not given; a text such as "c=3,h=8,w=8" gives them too. `modes`, `flip` and `padding` are names,
    or a text of names with commas.
    An output axis that the input does not have is a parameter of the distribution; without an axis c the output speaks
    for whole pixels. `offset` 1: the output at rank t speaks of the variable of rank t + 1; left out, it is 0. Float
    inputs lie evenly in `range`, integers in 0 .. levels - 1. `order` is the name of a scan or a list of ranks, which
    may be equal; raster for images and natural for sequences by default. `draws` of the weights are tried where labels
    allow a leak, the first of them the module's own, with `bases` inputs each. `deeper`: the same module with more
    layers, to tell what is blind from what is out of reach. `sampler`: a method that is called with a number of
    samples.

    `modes` names those that are run; all that the module offers by default. `lengths`: of the mode of that name; around
    powers of two by default. `variants`: the module built with other arguments, by name. `cache`: the keyword of the
    call that takes its memory, the name of a method like step, auto or off. `padding`: its sides, where the call takes
    `padding_mask` [B, T], 1 where real. `documents`: the keyword of the call that takes numbers of documents [B, T].
    `forbid` [V, V] (output, input), or a function of V that gives it, takes the place of the order. `precision` is the
    best that the module runs in by default. `again`: a keyword of the call that is given the input a second time, such
    as targets. `one_hot`: the axis of the input pattern that holds a one-hot code. `last`: the output speaks of so many
    last positions. `witness`: in the first mode in which it leaks, some ten more passes look for the line of its code.
    `operations`: the report keeps what each operation of a pass depends on, for `arspec.exploring`.
    The module is given back as it was.

    Raises InputError where the module cannot be run as stated.
    """
    check(locals())
    start = time.perf_counter()
    if isinstance(size, str):
        size = parse_sizes(size)
    modules = [module, *([] if deeper is None else [deeper]), *(variants or {}).values()]
    for some in modules:
        _check_module(some)
    chosen = _chosen(modes)
    told_offset, offset = offset is not None, offset or 0
    size = {axis: SIZE for axis in parse(input, "input pattern").names if axis != BATCH} if size is None else size
    question = Question(input, output, order, names(flip), transpose, channels, offset, one_hot, last)
    if offset < 0:
        raise InputError("AR808", f"an offset is 0 or more, unlike {offset}")
    check_numbers(levels, range, draws, bases, lengths)
    case = question.at(size if one_hot is None else {**size, one_hot: levels})
    if not 0 <= offset < case.variables:
        raise InputError("AR808", f"an offset lies in 0 .. {case.variables - 1}, unlike {offset}")
    if last is not None and last > case.layout.sizes[case.layout.grid[0]]:
        steps = case.layout.sizes[case.layout.grid[0]]
        raise InputError("AR808", f"the output speaks of at most {steps} last positions, not of {last}")
    if not case.modelled.any():
        raise InputError(
            "AR808",
            f"with --last {last} and --offset {offset} no output speaks of a variable of the {case.variables}",
            help=f"the last output speaks of what comes after it; --last {offset + 1} has one of a variable",
        )
    for side in names(padding):
        if side not in SIDES:
            raise InputError("AR808", f"padding is on the left or on the right, not {side!r}")
    settings = Settings(
        search=Search(draws, bases, seed=seed),
        asked=None if modes is None else chosen,
        sampler=sampler,
        head=head,
        samples=samples,
        lengths=tuple(lengths),
        variants=dict(variants or {}),
        cache=cache,
        padding=names(padding),
        padding_mask=padding_mask,
        documents=documents,
        forbid=_forbidden(forbid, case),
    )

    def settled(some: nn.Module) -> Audited:
        untouched = copied(some)
        set_mode(some, False)
        subject, alphabet = settle(
            some,
            case.layout,
            levels=levels,
            range=range,
            kind=input_kind,
            condition=condition or {},
            take=take,
            seed=seed,
            arrange=case.arrange,
            again=again,
            precision=precision,
            meter=meter,
        )
        subject.witnessed, subject.untouched, subject.keeping = witness, untouched, keeping
        return Audited(subject, case, alphabet, settings, settled)

    reports: list[ModeReport] = []
    absent: dict[str, str] = {}
    spent: dict[str, float] = {}
    beneath = None
    meter = Meter()
    keeping = Keeping(modules, ("forward", "step", cache, *([] if sampler is None else [sampler])))
    with keeping.lent(), borrowed(module):
        audited = settled(module)
        alphabet = audited.alphabet
        for mode in chosen:
            try:
                before = meter.passes - meter.apart
                report = _run(mode, audited)
                spent[mode] = meter.passes - meter.apart - before
                reports.append(replace(report, passes=math.ceil(spent[mode])))
                audited.verdicts[mode] = reports[-1].verdict
                audited.subject.witnessed &= not reports[-1].witnesses  # the first line is to be mended first
            except Absent as why:
                absent[mode] = str(why)
        if not reports:
            raise InputError("AR961", "the module offers none of these modes", help="; ".join(absent.values()))
        seen = _seen(audited)
        told = operations_of(audited.subject, case, audited.draw(1)) if operations else None
    if deeper is not None:
        with keeping.lent(), borrowed(deeper):
            beneath = _seen(settled(deeper))
    kind = f"float input {range[0]:g} .. {range[1]:g}" if alphabet.is_floating_point() else "integer input"
    return AuditReport(
        name=name or type(module).__name__,
        layout=case.layout,
        order=case.order.name,
        rank=case.rank,
        input_kind=f"{kind}, {levels} levels",
        claims=_claims(audited),
        modes=reports,
        passes=math.ceil(sum(spent.values()) + 1 + (0 if seen is None else seen.found.passes)),
        absent=absent,
        seen=_empty() if seen is None else seen.reads,
        legal=_empty() if seen is None else case.legal,
        deeper=None if beneath is None else beneath.reads,
        exact=seen is not None and seen.exact,
        sampler=next((report.sampler for report in reports if report.sampler is not None), None),
        notes=_notes(reports, seen, case, audited.subject, told_offset),
        seconds=time.perf_counter() - start,
        operations=told,
    )


def names(text: str | Sequence[str]) -> tuple[str, ...]:
    """Names, which may be given as one text with commas."""
    return tuple(part for name in text.split(",") if (part := name.strip())) if isinstance(text, str) else tuple(text)


def _chosen(modes: str | Sequence[str] | None) -> list[str]:
    modes = None if modes is None else names(modes)
    for mode in modes or ():
        if mode not in MODES:
            raise InputError("AR808", f"there is no mode {mode!r}", help=did_you_mean(mode, MODES, what="modes are"))
    return [mode for mode in MODES if modes is None or mode in modes]


def _run(mode: str, audited: Audited) -> ModeReport:
    """One mode. What the module raises is an InputError where nothing else was asked for, or in evaluation; where the
    mode was asked for among others, it is not decided; else the mode is absent."""
    asked = audited.settings.asked
    try:
        report = _decided(mode, audited)
        return excused(report, audited) if mode in COMPARING else report
    except Absent:
        raise
    except InputError as error:
        if mode == "evaluation" or asked == [mode] or _named(mode, audited.settings):
            raise
        why: InputError | str = f"it is refused: {error.message}"
    except (Exception, SystemExit) as error:
        if ours(error):
            raise
        if (mode == "evaluation" and asked is None) or asked == [mode]:
            raise failed(error, mode) from error
        why = f"the module fails in it: {reason(error)}"
    subject = audited.subject
    subject.gradients = False
    subject.redraw(0)
    subject.evaluate()
    if asked is not None:
        return ModeReport(mode, Verdict.NOT_DECIDED, 0, why=why)
    raise Absent(why)


def _decided(mode: str, audited: Audited) -> ModeReport:
    """The report of a mode; where outputs are not finite in doubles, which its own weights are not, that in float32: a
    mask that is the lowest of doubles is infinite in a softmax that the module takes in floats."""
    report, subject = MODES[mode](audited), audited.subject
    if not report.lost or subject.dtype == subject.own:
        return report
    try:
        with subject.lowered():
            again = MODES[mode](audited)
    except (Exception, SystemExit) as error:
        if ours(error):
            raise
        subject.redraw(0)
        subject.evaluate()
        return report
    if again.lost:
        return report
    told = "in float32, since outputs are not finite in float64"
    return replace(again, why=f"{told}{'; ' * bool(again.why)}{again.why}")


def _named(mode: str, settings: Settings) -> bool:
    """Whether an argument of its own asks for a mode, so that what is refused is the argument."""
    given = {
        "forbid": settings.forbid is not None,
        "documents": settings.documents is not None,
        "sampler": settings.sampler is not None,
        "cache": settings.cache not in ("auto", "off"),
    }
    return given.get(mode, False)


def _forbidden(
    forbid: NDArray[np.bool_] | Callable[[int], NDArray[np.bool_]] | None, case: Case
) -> NDArray[np.bool_] | None:
    if forbid is None:
        return None
    try:
        pairs = np.asarray(forbid(case.variables) if callable(forbid) else forbid)
    except (Exception, SystemExit) as error:
        raise InputError("AR962", f"forbidden pairs cannot be had: {reason(error)}") from error
    if pairs.dtype != np.bool_ or pairs.shape != (case.variables, case.variables):
        raise InputError(
            "AR962",
            f"forbidden pairs are truth values of shape {case.variables} x {case.variables} (output, input), "
            f"not {pairs.dtype} of shape {' x '.join(map(str, pairs.shape))}",
        )
    return pairs


def _claims(audited: Audited) -> Claims:
    subject = audited.subject
    return Claims(
        size=dict(audited.case.layout.sizes),
        weights="its own weights and redrawn ones with the same zeros",
        precision=str(subject.dtype).removeprefix("torch."),
        device=str(next((weight.device for weight in subject.module.parameters()), torch.device("cpu"))),
        torch=torch.__version__,
    )


def _empty() -> NDArray[np.bool_]:
    return np.zeros((0, 0), dtype=bool)


def _seen(audited: Audited) -> Pairs | None:
    """Pairs that depend in evaluation, with the route of one pass given. None for many variables."""
    case, subject = audited.case, audited.subject
    if case.variables > MAX_VARIABLES:
        return None
    subject.evaluate()
    found = pairs(subject, case, audited.draw(1), route_given=True)
    subject.redraw(0)
    return found


def _notes(
    reports: list[ModeReport], seen: Pairs | None, case: Case, subject: Borrowed, told_offset: bool
) -> list[str]:
    """What is said beside the verdicts. `told_offset`: whoever asks says which variable an output speaks of, so that no
    other is suggested, under which a leak would count as none."""
    notes: list[str] = []
    if subject.untouched is None:
        notes.append("the module cannot be copied, so that what its first call keeps for later ones was not looked for")
    elif subject.keeping is not None and not subject.keeping.whole:
        notes.append(
            f"its code speaks of more than {MOST:,} objects, so that what the first call keeps may lie elsewhere"
        )
    if seen is not None and not seen.reads.any() and case.variables > 1:
        given = any(report.verdict == Verdict.GIVEN_ROUTE for report in reports)
        notes.append("no output reads anything" + (" but by the route" if given else ": is the input used?"))
    if not told_offset and _own_alone(reports, case):
        notes.append(
            "each output reads its own variable, and nothing later: with --offset 1, "
            "an output speaks of the next variable"
        )
    for report in reports:
        if report.findings.mixes:
            notes.append(f"in {report.mode} mode the examples of a batch read one another, as under batch statistics")
    return notes


def _own_alone(reports: list[ModeReport], case: Case) -> bool:
    """Whether the only forbidden pairs that were seen are those of an output with what its offset puts at its place."""
    leaks = [found.leaks for report in reports if (found := report.findings).leaks.any() and not found.gradients]
    if not leaks:
        return False
    later = case.rank[None, :] > case.rank[:, None]
    return all(pairs.shape == later.shape and not (pairs & later).any() for pairs in leaks)


def _check_module(some: object) -> None:
    if isinstance(some, nn.Module) and any(weight.is_meta for weight in some.parameters()):
        raise InputError(
            "AR812",
            "the module has weights without numbers, on the device meta",
            help="module.to_empty(device='cpu') gives them memory, and its own initialisation fills it",
        )
    if not isinstance(some, nn.Module):
        kind = f"the class {some.__name__}" if isinstance(some, type) else f"an object of type {type(some).__name__}"
        raise InputError("AR812", f"{kind} is no torch.nn.Module that can be called")
