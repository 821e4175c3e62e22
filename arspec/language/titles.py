"""What specs that stand side by side are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath


def apart(named: Sequence[tuple[str, str]]) -> list[str]:
    """Titles that tell specs apart, each given as (its name, the file that it is from).

    A name that no other has is the title. Of those that share one, as a copy that was edited does, it is the file's
    name; where they share that too, the file's path; and of one file its name with a number."""
    titles = [name for name, _ in named]
    for others in ([PurePath(file).name for _, file in named], [file for _, file in named]):
        counts = Counter(titles)
        titles = [other if counts[title] > 1 and other else title for title, other in zip(titles, others, strict=True)]
    counts, before = Counter(titles), Counter[str]()
    for k, title in enumerate(titles):
        if counts[title] > 1:
            before[title] += 1
            titles[k] = f"{named[k][0]} ({before[title]})"
    return titles
