"""Misspelt names, the nearest right ones, and the page of a code."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable

from arspec.codes import CODES
from arspec.diagnostics.errors import InputError
from arspec.diagnostics.foreign import visible

MAX_COMPARED = 300  # names that a misspelt one is compared with


def explain(code: str) -> str:
    """The page of a code, such as 'AR201' (case does not matter). InputError with the nearest codes for another."""
    wanted = code.strip().upper()
    if wanted not in CODES:
        near = nearest(wanted, CODES) or sorted(CODES)[:3]
        listed = "; ".join(f"{name}: {CODES[name].title}" for name in near)
        raise InputError("AR817", f"there is no diagnostic {visible(code[:40])!r}", f"the nearest are {listed}")
    return CODES[wanted].page


def nearest(word: str, candidates: Iterable[str], n: int = 3) -> list[str]:
    """Up to `n` candidates that resemble `word`, best first; case and -/_ do not matter.

    >>> nearest("Conv2d", ["add", "conv", "gate"])
    ['conv']
    """
    plain: dict[str, list[str]] = {}
    for candidate in itertools.islice(candidates, MAX_COMPARED):
        plain.setdefault(_folded(candidate), []).append(candidate)
    matches = difflib.get_close_matches(_folded(word[:100]), plain, n=n, cutoff=0.6)
    return [candidate for match in matches for candidate in plain[match]][:n]


def did_you_mean(word: str, candidates: Iterable[str], what: str = "known") -> str | None:
    """A help line: the nearest candidates, or all of them where they are few, or None.

    >>> did_you_mean("gat", ["add", "conv", "gate"])
    "did you mean 'gate'?"
    >>> did_you_mean("zzz", ["add", "conv", "gate"])
    'known: add, conv, gate'
    """
    every = sorted(set(candidates))
    near = nearest(word, every)
    if near:
        return f"did you mean {' or '.join(repr(name) for name in near)}?"
    if every and len(every) <= 40:
        return f"{what}: {', '.join(every)}"
    return None


def _folded(word: str) -> str:
    return word.lower().replace("-", "_")
