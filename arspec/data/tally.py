"""Notes about what was done to files, each said once with the number of files."""

from __future__ import annotations

from collections import Counter


class Tally:
    """Counts, for each thing that was done, the files to which it was done.

    >>> tally = Tally()
    >>> for name in "ab":
    ...     tally.begin()
    ...     tally.add("turned")
    >>> tally.notes()
    ['all 2 files: turned']
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._of_file: set[str] = set()
        self._files = 0

    def begin(self) -> None:
        """The next file begins."""
        self._files += 1
        self._of_file = set()

    def add(self, what: str) -> None:
        """Counts `what`, once for each file."""
        if what not in self._of_file:
            self._of_file.add(what)
            self._counts[what] += 1

    def notes(self) -> list[str]:
        """A note for each thing, in the order in which they came first."""
        return [f"{self._of(count)}: {what}" for what, count in self._counts.items()]

    def _of(self, count: int) -> str:
        if count < self._files:
            return f"{count:,} of {self._files:,} files"
        return "the file" if count == 1 else f"all {count:,} files"
