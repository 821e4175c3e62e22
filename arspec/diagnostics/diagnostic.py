"""One fault: what is wrong, where, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass

from arspec.diagnostics.codes import CODES, Level
from arspec.diagnostics.place import Place


@dataclass(frozen=True)
class Diagnostic:
    """One fault: its code, what holds and what came, the place, how to mend it, and places that belong to it."""

    code: str
    message: str
    place: Place | None = None
    help: str | None = None
    related: tuple[tuple[Place, str], ...] = ()
    edits: tuple[tuple[Place, str], ...] = ()  # what the help says, for programs: each place becomes the text

    @property
    def level(self) -> Level:
        """'error', 'warning' for a likely mistake, or 'note'; the last two are refused nowhere."""
        code = CODES.get(self.code)
        return code.level if code else "error"
