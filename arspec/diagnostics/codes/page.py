"""What a code is, and how its page is laid out."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Literal, get_args

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class Code:
    """A diagnostic's code, its title, and the page that `arspec explain` prints.

    `level` is 'error' for what is refused, 'warning' for what is most likely a mistake and refused nowhere, 'note' for
    what is told. `wrong` and `right` are the examples of the page: commands,
    Python, or parts of a spec that is given in the tests.
    """

    code: str
    title: str
    page: str
    level: Level = "error"
    wrong: str = ""
    right: str = ""


def code(name: str, title: str, holds: str, wrong: str, right: str, mend: str, level: Level = "error") -> Code:
    """A code whose page says what holds and why, shows it wrong and right, and says how to mend it."""
    parts = [f"{name}: {title}", _paragraph(holds), "Wrong:", _snippet(wrong), "Right:", _snippet(right)]
    page = "\n\n".join([*parts, _paragraph("To mend it: " + mend)]) + "\n"
    return Code(name, title, page, level, textwrap.dedent(wrong).strip("\n"), textwrap.dedent(right).strip("\n"))


def _paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 96)


def _snippet(text: str) -> str:
    return textwrap.indent(textwrap.dedent(text).strip("\n").rstrip(), "    ")
