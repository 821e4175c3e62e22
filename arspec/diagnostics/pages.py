"""The page of a code, as `arspec explain` prints it."""

from __future__ import annotations

from arspec.codes import CODES
from arspec.diagnostics.errors import InputError
from arspec.diagnostics.foreign import visible
from arspec.diagnostics.names import nearest


def explain(code: str) -> str:
    """The page of a code, such as 'AR201' (case does not matter). InputError with the nearest codes for another."""
    wanted = code.strip().upper()
    if wanted not in CODES:
        near = nearest(wanted, CODES) or sorted(CODES)[:3]
        listed = "; ".join(f"{name}: {CODES[name].title}" for name in near)
        raise InputError("AR817", f"there is no diagnostic {visible(code[:40])!r}", f"the nearest are {listed}")
    return CODES[wanted].page
