"""What a code is, and how its page is laid out."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class Code:
    """A diagnostic's code, its title, and the page that `arspec explain` prints.

    `level` is 'error' for what is refused, 'warning' for what is most likely a mistake and refused nowhere, 'note' for
    what is told. `wrong` and `right` are the examples of the page: commands,
    Python, or parts of a spec that is given in the tests. `holds` says what holds and why, `mend` how to mend it.
    """

    code: str
    title: str
    holds: str
    wrong: str
    right: str
    mend: str
    level: Level

    @cached_property
    def page(self) -> str:
        """The page as text. It is laid out when it is asked for, since every command imports every code."""
        parts = [f"{self.code}: {self.title}", _paragraph(self.holds)]
        parts += ["Wrong:", _snippet(self.wrong), "Right:", _snippet(self.right)]
        return "\n\n".join([*parts, _paragraph("To mend it: " + self.mend)]) + "\n"


def code(name: str, title: str, holds: str, wrong: str, right: str, mend: str, level: Level = "error") -> Code:
    """A code whose page says what holds and why, shows it wrong and right, and says how to mend it."""
    return Code(name, title, holds, _flush(wrong), _flush(right), mend, level)


def _paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 96)


def _snippet(text: str) -> str:
    return textwrap.indent(text.rstrip(), "    ")


def _flush(text: str) -> str:
    """An example without the indentation of the code that it stands in."""
    return textwrap.dedent(text).strip("\n")
