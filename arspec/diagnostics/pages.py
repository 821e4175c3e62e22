"""The page of a code, as `arspec explain` prints it."""

from __future__ import annotations

from arspec.diagnostics.codes import CODES
from arspec.diagnostics.errors import InputError
from arspec.diagnostics.foreign import visible

MOST_SHOWN = 8  # codes that a message lists
SHORTEST = 3  # letters of a word that titles are searched for


def explain(code: str) -> str:
    """The page of a code, such as 'AR201' (case does not matter, nor whether AR stands before the number). InputError
    for another, with the codes that are near or have its words in their titles."""
    wanted = code.strip().upper()
    wanted = f"AR{wanted}" if f"AR{wanted}" in CODES else wanted
    if wanted not in CODES:
        words = [word.casefold() for word in code.split()]
        told = any(len(word) >= SHORTEST for word in words)
        near = [name for name in sorted(CODES) if told and all(word in CODES[name].title.casefold() for word in words)]
        near = (near or _miswritten(wanted))[:MOST_SHOWN]
        listed = "; ".join(f"{name}: {CODES[name].title}" for name in near)
        hint = f"the nearest are {listed}" if near else "arspec explain, without a code, lists all of them"
        raise InputError("AR817", f"there is no diagnostic {visible(code[:40])!r}", hint)
    return CODES[wanted].page


def _miswritten(wanted: str) -> list[str]:
    """The codes that are meant where a few letters are left out at the end, or one too many or too few stands, or two
    have changed places. Another digit is another code, which has nothing to do with this one."""
    swapped = {wanted[:k] + wanted[k + 1 : k + 2] + wanted[k] + wanted[k + 2 :] for k in range(len(wanted))}
    return [
        name
        for name in sorted(CODES)
        if (wanted and name.startswith(wanted) and wanted != "AR"[: len(wanted)])
        or wanted.startswith(name)
        or name in _one_less(wanted) | swapped
        or wanted in _one_less(name)
    ]


def _one_less(text: str) -> set[str]:
    """The text without one of its letters."""
    return {text[:k] + text[k + 1 :] for k in range(len(text))}
