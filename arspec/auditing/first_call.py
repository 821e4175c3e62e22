"""The first call of a module: later ones are compared with it, since what it keeps is a constant by their time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from arspec.auditing.borrowed import Borrowed
from arspec.auditing.comparing import rounding
from arspec.auditing.keeping import NAMED
from arspec.auditing.reasons import reason


def first_call(subject: Borrowed, given: Tensor, out: Tensor, more: Mapping[str, Any]) -> str:
    """What tells a pass that gave `out` from the first call of a copy that was never called, with the same weights,
    buffers and arguments; nothing where they are the same. It is asked once in evaluation and once in training.

    Class attributes, closures, globals and defaults stand for that call as they did before the module was called."""
    way = (subject.module.training, subject.gradients)
    if way not in subject.compared:
        fresh = subject.fresh()
        subject.compared[way] = "" if fresh is None else _compared(subject, fresh, given, out, more)
    return subject.compared[way]


def _compared(subject: Borrowed, fresh: Borrowed, given: Tensor, out: Tensor, more: Mapping[str, Any]) -> str:
    keeping = subject.keeping
    kept = [] if keeping is None else keeping.changed()
    try:
        with torch.no_grad(), nullcontext() if keeping is None else keeping.as_it_was():
            first = fresh.raw(given.clone(), len(given), **more)
    except (Exception, SystemExit) as error:
        return f"a copy that was never called fails: {reason(error)}"
    finally:
        subject.passes += fresh.passes
    if first.shape != out.shape:
        moved = float("inf")
    else:
        distance = (first - out).abs().nan_to_num(0.0)
        moved = float(torch.where(distance > rounding(out), distance, 0.0).max())
    if moved == 0:
        return ""
    named = (
        ""
        if not kept
        else f" ({', '.join(kept[:NAMED])}" + f" and {len(kept) - NAMED} more" * (len(kept) > NAMED) + ")"
    )
    return (
        f"it keeps something of its first call{named}, which moves the outputs of later calls by {moved:.3g}; "
        "a module that was called once before is judged with what it has kept"
    )
