"""What commands print, apart from diagnostics: text that may hold names from files, folders and specs of others."""

from __future__ import annotations

import sys
from typing import TextIO

from arspec.diagnostics import visible
from arspec.progress import spoken


def say(what: object = "", file: TextIO | None = None, end: str = "\n") -> None:
    """Prints to standard output, or to `file`; what would steer a terminal is shown as an escape."""
    spoken()
    stream = sys.stdout if file is None else file
    stream.write(visible(str(what), keep="\n\t") + end)
