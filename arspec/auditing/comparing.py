"""Two computations of the same numbers held against each other: what is rounding, what is apart, what can't be
compared."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from arspec.diagnostics import InputError

ROUNDING = 0.75  # power of the precision of numbers, relative to their size, that is rounding where none was measured
ANOTHER_WAY = 3e-4  # relative: a sum in another order, in the float32 that many modules use for angles and norms
NAMED = 4  # steps that a text names
NOT_FINITE = "outputs are not finite, so that they cannot be compared"


def apart(one: Tensor, other: Tensor) -> Tensor:
    """How far two computations of the same numbers are apart: 0 where it may be rounding, and where `lost`."""
    distance = (one - other).abs()
    floor = ANOTHER_WAY * size_of(torch.maximum(one.abs(), other.abs()))
    finite = one.isfinite() & other.isfinite()
    return torch.where(finite & (distance > floor), distance, 0.0)


def rounding(values: Tensor) -> Tensor:
    """How far the same computation may be from numbers where nothing else differs: little more than their precision."""
    return torch.finfo(values.dtype).eps ** ROUNDING * size_of(values)


def size_of(values: Tensor) -> Tensor:
    """How large numbers are, what rounding is measured by."""
    size = values.abs().nan_to_num(0.0, 0.0, 0.0)
    return size + (size.median() if size.numel() else 0.0)


def parting(one: Tensor, other: Tensor) -> tuple[int, float] | None:
    """The first step at which two computations [B, T, K] are apart, and how far they are at most; None: nowhere."""
    distance = apart(one, other).amax((0, 2))
    steps = (distance > 0).nonzero()
    return (int(steps[0, 0]), float(distance.max())) if len(steps) else None


def held_to(rows: Tensor, prefix: Tensor | None, alone: Callable[[], Tensor]) -> Tensor:
    """What rows [B, T, K] are compared with: the `prefix` of a row that is known, where they agree with it, since a
    prefix gives what the whole gives; else what they are `alone`, which takes a pass."""
    if prefix is not None and parting(rows, prefix) is None and not bool(lost(rows, prefix).any()):
        return prefix
    return alone()


def lost(one: Tensor, other: Tensor) -> Tensor:
    """Which numbers cannot be compared: one of the two is not finite, but for the same infinity in both, as a masked
    logit is. A NaN in one computation alone may come from the way it is computed, so that it accuses nobody."""
    return ~(one.isfinite() & other.isfinite()) & (one != other)


def not_finite(lost: Tensor, time: str, first: int = 0) -> str:
    """Why nothing is decided, with the steps [T] at which numbers are `lost`, counted from `first`; else nothing."""
    steps = [first + int(step) for step in lost.nonzero()[:, 0]]
    if not steps:
        return ""
    named = ", ".join(map(str, steps[:NAMED])) + f" and {len(steps) - NAMED} more" * (len(steps) > NAMED)
    return f"{NOT_FINITE}, at {time} {named}"


def check_steady(one: Tensor, again: Tensor) -> None:
    """InputError where two passes on one input are apart."""
    if bool(((apart(one, again) > 0) | (one.isfinite() != again.isfinite())).any()):
        raise InputError(
            "AR812",
            "the module gives different outputs for the same input, so that nothing can be compared",
            help="does it keep a state from one call to the next, or draw noise of its own?",
        )
