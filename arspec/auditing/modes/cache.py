"""Cache: decoding with a cache gives what the full pass gives.

Two conventions are known. A keyword: the call takes what it gave beside its output the last time, as
`past_key_values` or by another name of `arspec.auditing.memories`. `step`: a method `step(x, state) -> (output,
state)` of one step, with an axis of time or without, whose first state is None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, cast

import torch
from torch import Tensor

from arspec.auditing.audited import Absent, Audited
from arspec.auditing.comparing import held_to, lost, not_finite, parting
from arspec.auditing.judging import ModeReport
from arspec.auditing.memories import CACHES, PAST, SWITCHES, counted, memory
from arspec.auditing.shown import Witness
from arspec.auditing.verdicts import Verdict
from arspec.auditing.witnessing import of_decoding
from arspec.diagnostics import InputError
from arspec.shadow.places import border

SINGLES = 24  # steps of one token at the end of a long row
STEPS = 256  # the same from the start of a row, where a call takes one token alone
STEP = "step"

Decode = Callable[[Tensor, Any, int], tuple[Any, Any]]


def cache(audited: Audited) -> ModeReport:
    """One by one, in chunks, and from a long prompt on; rows of unequal length where the call takes a mask."""
    if audited.case.question.offset > 1:
        raise Absent("with an offset above 1 an output reads steps that are not decoded yet")
    decode, name, chunked = _decoder(audited)
    subject, full = audited.subject, audited.length
    subject.evaluate()
    x = audited.draw(2, 4)
    start, tokens, why, unknown = subject.passes, 0, "", ""
    witnessed: Callable[[], list[Witness]] = list
    subject.redraw(1)
    with torch.no_grad():
        x, whole = audited.known or (x, audited.run(x))
        if bool(whole.isnan().any()):
            subject.redraw(0)
            whole = audited.run(x)
        before = subject.passes
        for how, chunks in _schedules(full, chunked).items():
            tokens += sum(chunks)
            rows, expected = _rows(audited, decode, x, chunks), whole[:, : sum(chunks)]
            why = _told(audited, how, rows, expected)
            unknown = unknown or _lost(audited, how, rows, expected)
            if why:
                witnessed = partial(_witnesses, audited, decode, x[:1], x[:1], chunks, rows, expected)
                break
        if not why and chunked and audited.takes(audited.settings.padding_mask):
            why, missing, more, witnessed = _unequal(audited, decode, x, whole)
            unknown = unknown or missing
            tokens += more
    # A pass over a part of the sequence counts by its share.
    passes = before - start + math.ceil(tokens / full)
    witnesses = witnessed() if why else []
    subject.redraw(0)
    verdict = Verdict.DIFFERS if why else Verdict.NOT_DECIDED if unknown else Verdict.AGREES
    told = why or unknown or f"by {name}"
    return ModeReport("cache", verdict, passes, why=told, witnesses=witnesses, lost=bool(unknown and not why))


def _witnesses(
    audited: Audited,
    decode: Decode,
    given: Tensor,
    alone: Tensor,
    chunks: list[int],
    rows: Tensor,
    whole: Tensor,
    **more: Any,
) -> list[Witness]:
    """The first operator whose values differ in the call that gives the first output that differs. `alone` is the row
    without padding, which has the last steps of `given`."""
    found = parting(rows, whole)
    place = (0 if found is None else found[0]) + given.shape[-1] - alone.shape[-1]
    state: list[Any] = [None]
    steps: list[Callable[[], object]] = []
    end = 0
    for low, high in pairwise([0, *accumulate(chunks)]):

        def step(low: int = low, high: int = high) -> None:
            part = audited.at(high - low).subject.enter(given[..., low:high])
            _, state[0] = decode(part, state[0], len(given), **_until(more, high))

        steps.append(step)
        end = high
        if high > place:
            break
    alone = given[..., given.shape[-1] - alone.shape[-1] :]  # in the memory of what is watched
    shorter = alone[..., : end - (given.shape[-1] - alone.shape[-1])]
    full = audited.at(shorter.shape[-1])
    return of_decoding(audited.subject, given, lambda: full.run(shorter), steps)


def _told(audited: Audited, how: str, rows: Tensor, whole: Tensor) -> str:
    found = parting(rows, whole)
    if found is None:
        return ""
    return f"{how}, from {audited.time} {found[0]} on the outputs differ from those of the full pass, by {found[1]:.3g}"


def _lost(audited: Audited, how: str, rows: Tensor, whole: Tensor) -> str:
    return not_finite(lost(rows, whole).any(-1).any(0), f"{audited.time}, {how},")


def _schedules(full: int, chunked: bool) -> dict[str, list[int]]:
    """Ways to cut a row, or its start: for each, the lengths of the parts. `chunked`: whether a call takes several."""
    if not chunked:
        return {"one by one": [1] * min(full, STEPS)}
    single = min(full, SINGLES)
    ways = {"one by one": [*([full - single] if full > single else []), *[1] * single]}
    if full >= 4:
        prompt = max(1, full // 2 + 1)
        ways[f"after a prompt of {prompt}"] = [prompt, *[1] * min(SINGLES, full - prompt)]
        parts = [3, 1, 4, 2]
        while sum(parts) > full:
            parts.pop()
        rest = full - sum(parts)
        ways["in chunks of 3, 1, 4, 2 and the rest"] = [*parts, *([rest] if rest else [])]
    for chunks in ways.values():
        if sum(chunks) < full:
            chunks[0] += full - sum(chunks)
    return ways


def _decoder(audited: Audited) -> tuple[Decode, str, bool]:
    """How the module decodes with a cache, the name of the convention, and whether a call takes several steps."""
    subject, chosen = audited.subject, audited.settings.cache
    module = subject.module
    if chosen == "off":
        raise Absent("--cache off")
    keyword = _keyword(audited)
    if keyword is not None:
        switches = {name: True for name in SWITCHES if audited.takes(name)}

        def call(x: Tensor, state: Any, batch: int, **more: Any) -> tuple[Any, Any]:
            past = {} if state is None else {keyword: state}
            return _parts(audited, subject.whole(x, batch, **switches, **past, **more), keyword)

        return call, keyword, True
    name = STEP if chosen == "auto" else chosen
    method = getattr(module, name, None)
    if chosen in CACHES or not callable(method):
        if chosen == "auto":
            raise Absent("its call takes no past_key_values or the like, and it has no method step")
        raise InputError("AR961", f"the module has no cache by the name of {chosen!r}")

    entered, given_back = (
        next((k for k, axis in enumerate(pattern.axes) if axis == (audited.time,)), None)
        for pattern in (audited.case.layout.input, audited.case.layout.output)
    )
    bare: list[bool] = []  # whether it takes a step without the axis of time, once that is known

    @border
    def called(x: Tensor, state: Any) -> Any:
        with subject.quiet():
            return cast("Any", method)(x, state)

    def step(x: Tensor, state: Any, batch: int) -> tuple[Any, Any]:
        try:
            out = called(x.select(entered, 0) if bare == [True] and entered is not None else x, state)
        except (Exception, SystemExit) as error:
            if bare or entered is None:
                raise
            try:
                out = called(x.select(entered, 0), state)
            except (Exception, SystemExit):
                raise error from None
            bare.append(True)
        bare[:] = bare or [False]
        if not isinstance(out, tuple) or len(cast("tuple[Any, ...]", out)) != 2:
            raise InputError("AR961", f"{name}(x, state) gives (output, state), not an object of {type(out).__name__}")
        row, state = cast("tuple[Any, Any]", out)
        if isinstance(row, Tensor) and row.dim() == len(audited.case.layout.output.axes) - 1 and given_back is not None:
            row = row.unsqueeze(given_back)  # an output of one step, without the axis of time
        return row, state

    return step, name, False


def _keyword(audited: Audited) -> str | None:
    """The keyword of the module's call that takes its memory; None where there is none, or another way is chosen."""
    chosen, taken = audited.settings.cache, audited.keywords
    if not (audited.time and audited.whole) or (chosen != "auto" and chosen not in taken):
        return None
    if chosen != "auto":
        return chosen
    found = next((name for name in CACHES if name in taken), None)
    where = [] if found in (None, PAST) else counted(taken)
    if where:
        told = f"its call takes {found}, and {where[0]} beside it, which nothing here can fill in"
        raise Absent(f"{told}: a method step(x, state) could")
    return found


def _parts(audited: Audited, out: Any, keyword: str) -> tuple[Any, Any]:
    """(output, cache) of what a call gave."""
    state = memory(out)
    if state is not None:
        rest = out
    elif isinstance(out, (tuple, list)) and len(out) > 1:  # pyright: ignore[reportUnknownArgumentType]
        items = cast("tuple[Any, ...]", tuple(out))  # pyright: ignore[reportUnknownArgumentType]
        state, rest = items[-1], items[0] if audited.subject.take is None else items[:-1]
    else:
        raise InputError(
            "AR961",
            f"the call gives no {keyword} beside its output",
            help=f"an attribute or an entry {keyword}, or a tuple (output, {keyword})",
        )
    return (rest if isinstance(rest, Tensor) else audited.subject.taken(rest)), state


def _rows(audited: Audited, decode: Decode, x: Tensor, chunks: list[int], **more: Any) -> Tensor:
    """Outputs [B, T, K] of a row that is decoded in parts."""
    state: Any = None
    rows: list[Tensor] = []
    for low, high in pairwise([0, *accumulate(chunks)]):
        given = audited.at(high - low).subject.enter(x[..., low:high])
        out, state = decode(given, state, len(x), **_until(more, high))
        rows.append(audited.places(out, len(x), high - low))
    return torch.cat(rows, 1)


def _until(more: dict[str, Any], high: int) -> dict[str, Any]:
    """Masks [B, T] up to a place."""
    return {name: value[:, :high] for name, value in more.items()}


def _unequal(
    audited: Audited, decode: Decode, x: Tensor, whole: Tensor
) -> tuple[str, str, int, Callable[[], list[Witness]]]:
    """Rows of unequal length, the shorter padded on the left: decoded together, each is as it is alone. Gives how it
    is not, what cannot be compared, how many tokens were decoded, and the witness. `whole`: the outputs for x."""
    full = audited.length
    shift = min(3, full - 2)
    if shift < 1:
        return "", "", 0, list
    padded = torch.cat([audited.draw(1, 5)[..., :shift], x[1:2, ..., : full - shift]], -1)
    together = torch.cat([x[:1], padded])
    mask = torch.ones(2, full, dtype=torch.long)
    mask[1, :shift] = 0
    alone = audited.at(full - shift)
    chunks = [full - 2, 1, 1] if full > 3 else [1] * full
    rows = _rows(audited, decode, together, chunks, **{audited.settings.padding_mask: mask})
    how, own, part = "beside a longer row, padded on the left", rows[1:, shift:], x[1:2, ..., : full - shift]
    expected = held_to(own, whole[1:2, : full - shift], lambda: alone.run(part))
    why, unknown = _told(audited, how, own, expected), _lost(audited, how, own, expected)
    more = {audited.settings.padding_mask: mask[1:]}

    def witnessed() -> list[Witness]:
        return _witnesses(audited, decode, together[1:], part, chunks, own, expected, **more)

    return why, unknown, full, witnessed
