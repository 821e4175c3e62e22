"""Where two ways to compute the same numbers part: the first operator whose values differ.

The two passes may have other lengths: a prefix and the whole, a step with a cache and the full pass, a row with padding
and without. Tensors are laid over one another at their starts or at their ends, and compared where they overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from arspec.shadow.blame import Blame, once
from arspec.shadow.flow import differing
from arspec.shadow.history import Held, History, Recorded
from arspec.shadow.witness import Chain, Step

Side = Literal["left", "right"]
UNSET = ("empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided")
SHORTER = "the two ways first differ here, though what is read here agrees where they overlap"
DIFFERS = "the two ways first differ here"
KEPT = "what is kept for the next call is made here"
EARLIER = "numbers that depend on no data, such as positions, differ here already"
BY_WAY = "and is read by way of this line"


def parted(
    one: History, other: History, side: Side, since: int = 0, window: tuple[int, int, int] | None = None
) -> Chain | None:
    """The first operator whose values differ, in the second of two passes; None where none does.

    side: where tensors of other sizes are laid over one another: at their starts ('left') or ends ('right'). since:
    the first call of the second pass that is compared; those before made what it reads. window: (length, start, stop):
    of axes of that length the part from start to stop alone is compared.
    """
    theirs = [call for call in other.calls[since:] if call.module is not None]
    ours = [call for call in one.calls if call.module is not None]
    parting = [
        (a, b) for a, b in _pairs(ours, theirs, side, window) if a.name not in UNSET and _differ(a, b, side, window)
    ]
    used = _used(other)
    parting = [pair for pair in parting if pair[1].index in used] or parting
    reads = other.reading
    first = next((pair for pair in parting if pair[1].index in reads), parting[0] if parting else None)
    if first is None:
        return None
    a, b = first
    agree = all(not _apart(x.value, y.value, side, window) for x, y in zip(a.inputs, b.inputs, strict=False))
    blamed = [Blame(b.place, SHORTER if agree else DIFFERS)]
    blamed += [Blame(call.place, EARLIER) for _, call in parting[:1] if call is not b]
    blamed += [Blame(call.place, KEPT) for call in _kept(other, b, since)]
    blamed += [Blame(call.place, BY_WAY) for call in _between(other, b, since)]
    return Chain((_step(b),), 0, tuple(once(blamed)))


def _pairs(
    ours: Sequence[Recorded], theirs: Sequence[Recorded], side: Side, window: tuple[int, int, int] | None
) -> list[tuple[Recorded, Recorded]]:
    """The calls that are the same in both: by line, or where other lines do the same, by operator and module. Of those
    that are made again and again, as in a loop over steps, the first ones or the last ones belong together."""
    found: list[tuple[Recorded, Recorded]] = []
    for lines in (True, False):
        left, right = _by_key(ours, lines), _by_key(theirs, lines)
        found = []
        for key in left.keys() & right.keys():
            a, b = left[key], right[key]
            if len(a) != len(b):
                least = min(len(a), len(b))
                if window is None:
                    a, b = (a[:least], b[:least]) if side == "left" else (a[-least:], b[-least:])
                elif (len(a), len(b)) == (window[2] - window[1], window[0]):
                    b = b[window[1] : window[2]]
                else:
                    continue
            found += zip(a, b, strict=True)
        if 2 * len(found) >= min(len(ours), len(theirs)):
            break
    return sorted(found, key=lambda pair: pair[1].index)


def _by_key(calls: Sequence[Recorded], lines: bool) -> dict[tuple[Any, ...], list[Recorded]]:
    found: dict[tuple[Any, ...], list[Recorded]] = {}
    for call in calls:
        found.setdefault(call.key if lines else (call.operator, call.module), []).append(call)
    return found


def _differ(a: Recorded, b: Recorded, side: Side, window: tuple[int, int, int] | None) -> bool:
    return any(_apart(x.value, y.value, side, window) for x, y in zip(a.outs, b.outs, strict=False))


def _apart(x: Tensor, y: Tensor, side: Side, window: tuple[int, int, int] | None) -> bool:
    """Whether two tensors differ where they overlap; tensors that cannot be laid over one another do not."""
    if x.dim() != y.dim() or x.dtype != y.dtype or x.layout != torch.strided or y.layout != torch.strided:
        return False
    for axis in range(x.dim()):
        if window is not None:
            length, start, stop = window
            x, y = (part.narrow(axis, start, stop - start) if part.shape[axis] == length else part for part in (x, y))
        m, n = x.shape[axis], y.shape[axis]
        if m != n:
            if 1 in (m, n) and side == "left":
                return False  # a batch or a broadcast axis, of which nothing is known
            least = min(m, n)
            x = x.narrow(axis, 0 if side == "left" else m - least, least)
            y = y.narrow(axis, 0 if side == "left" else n - least, least)
    return bool(differing(x, y).any())


def _used(history: History) -> set[int]:
    """The calls that the result of a pass is computed from; a last state that nobody reads is not among them."""
    stack = [] if history.result is None else [history.result]
    found: set[int] = set()
    while stack:
        held = stack.pop()
        if held.producer is not None and held.producer[0] not in found:
            found.add(held.producer[0])
            stack += history.calls[held.producer[0]].inputs
    return found


def _kept(history: History, call: Recorded, since: int) -> list[Recorded]:
    """The calls before `since` that made what a call reads of the cache: the last lines, and where it began."""
    entrances = [made for made in _made_by(history, call, since) if made.index < since]
    back: list[Recorded] = []
    stack, seen = list(entrances), set[int]()
    while stack and len(seen) < 200:
        made = stack.pop(0)
        if made.index in seen:
            continue
        seen.add(made.index)
        back.append(made)
        stack += [history.calls[held.producer[0]] for held in made.inputs if held.producer is not None]
    inside = [made for made in back if made.module is not None]
    started = [made for made in inside if made.name.startswith(("new_", "zeros"))]
    return [made for made in inside if made in entrances][:3] + started[:1]


def _between(history: History, call: Recorded, since: int) -> list[Recorded]:
    """Calls of the same pass by which a call reads the cache."""
    return [made for made in _made_by(history, call, since) if made.index >= since and made.module is not None][:3]


def _made_by(history: History, call: Recorded, since: int) -> list[Recorded]:
    """What a call reads, back to the cache: along tensors that were made from it."""
    from_cache = _from_before(history, since)
    found: list[Recorded] = []
    stack: list[Held] = list(call.inputs)
    seen: set[int] = set()
    while stack:
        held = stack.pop(0)
        if held.producer is None or held.producer[0] in seen:
            continue
        made = history.calls[held.producer[0]]
        seen.add(made.index)
        if made.index >= since and made.index not in from_cache:
            continue
        found.append(made)
        if made.index >= since:
            stack += made.inputs
    return found


def _from_before(history: History, since: int) -> set[int]:
    """The calls from `since` on that read what was made before."""
    found: set[int] = set()
    for call in history.calls[since:]:
        for held in call.inputs:
            if held.producer is not None and (held.producer[0] < since or held.producer[0] in found):
                found.add(call.index)
    return found


def _step(call: Recorded) -> Step:
    shapes = tuple(held.shape for held in call.inputs)
    return Step(call.name, call.place, shapes, call.outs[0].shape if call.outs else ())
