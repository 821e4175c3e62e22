"""Misspelt names, and the nearest right ones."""

from __future__ import annotations

import difflib
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

MAX_COMPARED = 300  # names that a misspelt one is compared with
CUTOFF, SURE = 0.6, 0.7  # shares of letters in common: of any match, and of one that begins with another letter


def nearest(word: str, candidates: Iterable[str], n: int = 3) -> list[str]:
    """Up to `n` candidates that resemble `word`, best first; case and -/_ do not matter.

    >>> nearest("Conv2d", ["add", "conv", "gate"])
    ['conv']
    """
    plain: dict[str, list[str]] = {}
    for candidate in itertools.islice(candidates, MAX_COMPARED):
        plain.setdefault(_folded(candidate), []).append(candidate)
    asked = _folded(word[:100])
    matches = [
        match for match in difflib.get_close_matches(asked, plain, n=2 * n, cutoff=CUTOFF) if _alike(asked, match)
    ]
    return [candidate for match in matches for candidate in plain[match]][:n]


def _alike(asked: str, match: str) -> bool:
    """Whether a distant match begins as the word does: `eps` may stand for `epsilon`, `loss` not for `blocks`."""
    return asked[:1] == match[:1] or difflib.SequenceMatcher(None, match, asked).ratio() > SURE


def the_nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The one candidate that is meant for sure: the only one that resembles `word`, or the one that differs from it in
    case and -/_ alone.

    >>> the_nearest("Rows-Above", ["rows_above", "rows_so_far"])
    'rows_above'
    """
    near = nearest(word, candidates)
    same = [name for name in near if _folded(name) == _folded(word)]
    return same[0] if len(same) == 1 else near[0] if len(near) == 1 else None


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


def did_you_mean_file(name: str, others: Iterable[str] = ()) -> str | None:
    """A help line that names what resembles a missing file: files beside it, and `others`; None where nothing does."""
    path = Path(name)
    names: list[str] = []
    try:
        if not path.exists() and path.parent.is_dir():
            with os.scandir(path.parent) as found:
                names = [entry.name for entry, _ in zip(found, range(MAX_COMPARED), strict=False)]
    except (OSError, ValueError):
        pass
    stems: dict[str, list[str]] = {}  # a suffix is no likeness: every spec ends in .yaml
    for own in names:
        stems.setdefault(Path(own).stem, []).append(own)
    found = [
        own
        for stem in nearest(path.stem, stems)
        for own in sorted(stems[stem], key=lambda own: not own.endswith(path.suffix))
    ]
    near = dict.fromkeys([*(str(path.parent / own) for own in found[:3]), *nearest(name, others)])
    return f"did you mean {' or '.join(map(repr, near))}?" if near else None


def _folded(word: str) -> str:
    return word.lower().replace("-", "_")
