"""Diagnostics as a command tells them: in colour on a terminal, plain elsewhere, or as GitHub annotations."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TextIO

from arspec.diagnostics import Diagnostic, github, text
from arspec.progress import spoken


def tell(diagnostics: Iterable[Diagnostic], stream: TextIO, format: str = "text") -> None:
    """Prints diagnostics to a stream; `format` is 'text' or 'github'."""
    spoken()
    print(github(diagnostics) if format == "github" else text(diagnostics, coloured(stream)), file=stream)


def coloured(stream: TextIO) -> bool:
    """Whether text for this stream has colour: `NO_COLOR` forbids it, `FORCE_COLOR` forces it (as in
    https://no-color.org and https://force-color.org, a variable that is set to nothing counts as unset); else a
    terminal that is not dumb."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()
