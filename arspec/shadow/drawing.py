"""Where a sampler draws from other numbers than those that are scored: the line that makes them so."""

from __future__ import annotations

import torch
from torch import Tensor

from arspec.shadow.blame import Blame
from arspec.shadow.history import Held, History, Recorded
from arspec.shadow.witness import Chain, Step

DRAWS = ("multinomial", "bernoulli")
CHANGED = "the numbers that are scored are changed here before they are drawn from"
OTHER = "the sampler reads numbers here that are not those of the scores"
DRAWN = "they are drawn from here"
CLOSE = 1e-6  # probabilities are apart beyond this


def drawn_from(history: History, wanted: Tensor) -> Chain | None:
    """The way from the module's output to the first draw that is not by the wanted probabilities [V, L], one row for
    each draw in turn; None where no draw differs, or where there is not one for each row.

    The line to look at changes numbers that agree with the scores; or where none on the way agree, it is the first one
    of the function that draws, which reads the output of the module."""
    draws = [call for call in history.calls if call.name in DRAWS and call.module is not None]
    if len(draws) != len(wanted):
        return None
    for call, row in zip(draws, wanted, strict=True):
        given = _given(call)
        if given is not None and not _agree(given.value, row, drawn=True):
            break
    else:
        return None
    way = _back(history, call)
    found = next((k for k in range(len(way) - 1, 0, -1) if _reads(way[k], row)), None)
    about = CHANGED
    if found is None:
        own = (call.place.file, call.place.function)
        outside = [k for k, each in enumerate(way) if (each.place.file, each.place.function) != own]
        found, about = (max(outside) + 1 if outside else 0), OTHER
    steps = way[found:]
    return Chain(tuple(map(_step, steps)), 0, (Blame(steps[0].place, about), Blame(call.place, DRAWN)))


def _given(call: Recorded) -> Held | None:
    """What a call draws from."""
    return next((held for held in call.inputs if held.value.is_floating_point()), None)


def _back(history: History, call: Recorded) -> list[Recorded]:
    """The calls that led to a draw, along the first input that one of them made, the draw last."""
    way, seen = [call], {call.index}
    while True:
        made = [
            held.producer[0] for held in way[0].inputs if held.producer is not None and held.value.is_floating_point()
        ]
        if not made or made[0] in seen:
            return way
        way.insert(0, history.calls[made[0]])
        seen.add(made[0])


def _reads(call: Recorded, row: Tensor) -> bool:
    """Whether a call reads numbers that agree with the scores, and gives some that do not."""
    read = any(held.value.is_floating_point() and _agree(held.value, row) for held in call.inputs)
    return read and not any(_agree(out.value, row) for out in call.outs)


def _agree(value: Tensor, row: Tensor, *, drawn: bool = False) -> bool:
    """Whether numbers are the probabilities of a row, or (but where they are drawn from) their logits."""
    flat = value.detach().double().reshape(-1)
    if len(flat) == 1 and len(row) == 2:  # the chance of one
        chance = flat if drawn else torch.stack([flat, flat.sigmoid()])
        return bool(((chance - row[1]).abs() < CLOSE).any())
    if len(flat) != len(row):
        return False
    total = flat.sum()
    ways = [flat / total] if bool((flat >= 0).all()) and bool(total > 0) else []
    ways += [] if drawn else [flat.softmax(-1)]
    return any(bool(((way - row).abs() < CLOSE).all()) for way in ways)


def _step(call: Recorded) -> Step:
    shapes = tuple(held.shape for held in call.inputs)
    return Step(call.name, call.place, shapes, call.outs[0].shape if call.outs else ())
