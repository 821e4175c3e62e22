"""What is raised: the faults of a spec, all at once, and other bad input."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from arspec.diagnostics.as_text import text
from arspec.diagnostics.codes import CODES
from arspec.diagnostics.diagnostic import Diagnostic
from arspec.diagnostics.names import did_you_mean, the_nearest
from arspec.diagnostics.place import Place
from arspec.diagnostics.work import KINDS, Work

MAX_FAULTS = 300  # that a collector takes before it gives up


class InputError(Exception):
    """Bad input that has no place in a spec: weights, data, flags, files. Its text is one clear message."""

    def __init__(self, code: str, message: str, help: str | None = None) -> None:
        super().__init__(code, message, help)
        self.code = code
        self.message = message
        self.help = help

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is wrong, as the one diagnostic that it is."""
        return (Diagnostic(self.code, self.message, None, self.help),)

    def __str__(self) -> str:
        return text(self.diagnostics)


class SpecError(InputError):
    """The faults of a spec, ordered by file and place, each once."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        ordered = _in_order(_unquoted(tuple(diagnostics)))
        if not ordered:
            raise ValueError("a SpecError needs at least one diagnostic")
        first = ordered[0]
        super().__init__(first.code, first.message, first.help)
        self.args = (ordered,)  # what pickle and copy call the class with
        self._diagnostics = ordered

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All faults that were found, in the order of files and places."""
        return self._diagnostics


def _unquoted(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """The same where their sources may be quoted. Where one may not: of its faults the titles alone, as messages may
    quote it, and no help with the others, as that may list names of it."""
    if all(each.place is None or each.place.source.quoted for each in diagnostics):
        return diagnostics
    return tuple(_title(each, each.place) for each in diagnostics)


def _title(diagnostic: Diagnostic, place: Place | None) -> Diagnostic:
    if place is None or place.source.quoted:
        return dataclasses.replace(diagnostic, help=None, edits=())
    name = place.source.name
    hint = (
        f"{name} is not below the folder of the spec, so that nothing of it is shown; `arspec verify {name}` shows it"
    )
    title = CODES[diagnostic.code].title if diagnostic.code in CODES else "a fault"
    return Diagnostic(diagnostic.code, title, place, hint)


class Collector:
    """Gathers diagnostics, so that all faults of a file are reported at once. Raises SpecError at MAX_FAULTS.

    `work` counts what reading the file costs."""

    def __init__(self, work: Work | None = None) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.work = work or Work()

    def add(
        self,
        code: str,
        message: str,
        place: Place | None,
        help: str | None = None,
        related: Iterable[tuple[Place, str]] = (),
        edits: Iterable[tuple[Place, str]] = (),
    ) -> None:
        """Adds an error; the arguments are those of `Diagnostic`."""
        self.diagnostics.append(Diagnostic(code, message, place, help, tuple(related), tuple(edits)))
        if len(self.diagnostics) >= MAX_FAULTS:
            raise SpecError(self.diagnostics)

    def misspelt(
        self, code: str, message: str, place: Place, word: str, candidates: Iterable[str], what: str = "known"
    ) -> None:
        """A name that is none of the candidates: the help names the nearest, or all of them where they are few."""
        known = list(candidates)
        sure = the_nearest(word, known) if place.text == word else None
        self.add(code, message, place, did_you_mean(word, known, what), (), () if sure is None else ((place, sure),))

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Adds diagnostics that were made elsewhere."""
        self.diagnostics.extend(diagnostics)

    def spend(self, kind: str, count: int, place: Place | None) -> None:
        """Counts what is about to be made, of a kind of `arspec.diagnostics.work`.
        Raises SpecError where that is too much."""
        if not self.work.take(kind, count):
            limit = KINDS[kind]
            found = f"the spec has more than {limit.most:,} {limit.what} (limit {limit.limit})"
            raise SpecError([*self.diagnostics, Diagnostic(limit.code, found, place, limit.help)])

    def __len__(self) -> int:
        return len(self.diagnostics)

    def raise_if_any(self) -> None:
        """Raises SpecError with everything that was added, if an error is among it."""
        if any(diagnostic.level == "error" for diagnostic in self.diagnostics):
            raise SpecError(self.diagnostics)


def _in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    once: dict[tuple[str, str, Place | None], Diagnostic] = {}
    for diagnostic in diagnostics:
        once.setdefault((diagnostic.code, diagnostic.message, diagnostic.place), diagnostic)
    return tuple(sorted(once.values(), key=_position))


def _position(diagnostic: Diagnostic) -> tuple[bool, str, int, int, str, str]:
    place = diagnostic.place
    if place is None:
        return (True, "", 0, 0, diagnostic.code, diagnostic.message)
    return (False, place.source.name, place.start, place.end, diagnostic.code, diagnostic.message)
