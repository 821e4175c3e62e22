"""The standard streams of a command: closed ones, those whose encoding lacks characters,
and those that nobody reads."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress


def hush() -> None:
    """Standard output goes nowhere, so that what it still holds raises nothing when the interpreter ends."""
    with suppress(OSError, ValueError):  # under test it is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_streams() -> None:
    """Standard streams that were closed (`>&-`) lead nowhere,
    so that no file that is opened later takes their place."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            with suppress(OSError):
                os.fstat(number)  # another file has taken its number already
                setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
                continue
            handle = os.open(os.devnull, os.O_RDWR)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def say_any_text() -> None:
    """Characters that the encoding of a stream lacks are written as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
