"""What a module raised, in its own words and with the line of its author that raised it."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import torch

from arspec.diagnostics import InputError

_TORCH = os.path.dirname(torch.__file__) + os.sep
_OWN = str(Path(__file__).resolve().parents[1]) + os.sep
_AUDIT = os.path.dirname(os.path.abspath(__file__)) + os.sep


def reason(error: BaseException) -> str:
    """One line: the kind of the error, its text, and the last line of code that is neither torch's nor ours."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    theirs = [frame for frame in frames if not frame.filename.startswith((_TORCH, _OWN))]
    last = (theirs or [frame for frame in frames if not frame.filename.startswith(_OWN)])[-1:]
    where = "".join(f" ({Path(frame.filename).name}:{frame.lineno})" for frame in last)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}{where}" if text else f"{type(error).__name__}{where}"


def ours(error: BaseException) -> bool:
    """Whether it was raised by a line of the audit itself: a fault of arspec, not of the module."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename.startswith(_AUDIT)


def failed(error: BaseException, when: str) -> InputError:
    """The InputError (AR960) for what a module raised in some mode."""
    return InputError("AR960", f"the module fails in {when}: {reason(error)}")
