"""One fault: what is wrong, where, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass

from arspec.codes import CODES
from arspec.diagnostics.place import Place


@dataclass(frozen=True)
class Diagnostic:
    """One fault: its code, what holds and what came, the place, how to mend it, and places that belong to it."""

    code: str
    message: str
    place: Place | None = None
    help: str | None = None
    related: tuple[tuple[Place, str], ...] = ()

    @property
    def level(self) -> str:
        """'error', or 'note' for what is told but refused nowhere, such as a blind spot."""
        code = CODES.get(self.code)
        return code.level if code else "error"
