"""The page of a code, as `arspec explain` prints it."""

from __future__ import annotations

from arspec.diagnostics.codes import CODES
from arspec.diagnostics.errors import InputError
from arspec.diagnostics.foreign import visible
from arspec.diagnostics.names import nearest

MOST_SHOWN = 8  # codes that a message lists


def explain(code: str) -> str:
    """The page of a code, such as 'AR201' (case does not matter, nor whether AR stands before the number). InputError
    for another, with the codes that are near or have its words in their titles."""
    wanted = code.strip().upper()
    wanted = f"AR{wanted}" if f"AR{wanted}" in CODES else wanted
    if wanted not in CODES:
        words = [word.casefold() for word in code.split()]
        near = [name for name in sorted(CODES) if words and all(word in CODES[name].title.casefold() for word in words)]
        near = near[:MOST_SHOWN] or nearest(wanted, CODES)
        listed = "; ".join(f"{name}: {CODES[name].title}" for name in near)
        hint = f"the nearest are {listed}" if near else "arspec explain, without a code, lists all of them"
        raise InputError("AR817", f"there is no diagnostic {visible(code[:40])!r}", hint)
    return CODES[wanted].page
