"""Files that others wrote: regular ones alone, of a stated size at the most, and text of theirs made visible.

A device or a pipe may never end, and a file may claim more than memory holds. Every file that a person, a spec or a
folder names is opened here.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from arspec.diagnostics import InputError

MOST_DATA = 1 << 34  # bytes of one file of data or weights
MOST_SETTINGS = 1 << 24  # bytes of a file of settings in JSON
PIECE = 1 << 16  # bytes that are read together

_KINDS = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}  # and devices


@contextmanager
def opened(path: str | os.PathLike[str], code: str, most: int = MOST_DATA,
           help: str | None = None) -> Generator[BinaryIO]:  # fmt: skip
    """A regular file of `most` bytes at the most, open for reading. InputError with `code` where it is no such file,
    and where what the block makes of it does not fit in memory."""
    name = os.fspath(path)
    try:
        # a pipe without a writer would block the opening itself
        handle = os.open(name, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        raise InputError(code, f"cannot read {name!r}: {_reason(error)}", help) from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "device")
        raise InputError(code, f"cannot read {name!r}: it is a {kind}, and only regular files are read", help)
    with open(handle, "rb") as file:
        if status.st_size > most:
            found = f"cannot read {name!r}: it has {status.st_size:,} bytes, and {most:,} are the most"
            raise InputError(code, found, help)
        try:
            yield file
        except OSError as error:
            if error.errno is None:  # not of the system, but of a library that reads the file
                raise
            raise InputError(code, f"cannot read {name!r}: {_reason(error)}", help) from None
        except MemoryError:
            raise InputError(code, f"cannot read {name!r}: it holds more than fits in memory", help) from None


def content(path: str | os.PathLike[str], code: str, most: int = MOST_DATA, help: str | None = None) -> bytes:
    """The bytes of a regular file. InputError as from `opened`."""
    with opened(path, code, most, help) as file:
        data = file.read(os.fstat(file.fileno()).st_size)
        while piece := file.read(PIECE):  # of files whose size the system does not tell, such as those below /proc
            data += piece
            if len(data) > most:
                raise InputError(code, f"cannot read {os.fspath(path)!r}: it has more than {most:,} bytes", help)
        return data


def settings(path: Path, code: str, help: str | None = None, most: int = MOST_SETTINGS) -> dict[str, Any]:
    """The object that a JSON file holds. InputError where it can't be read or holds anything else."""
    data = content(path, code, most, help)
    try:
        found: object = json.loads(data)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise InputError(code, f"{path} is damaged: {error}", help) from None
    if not isinstance(found, dict):
        raise InputError(code, f"{path} is damaged: it holds no JSON object", help)
    return found  # pyright: ignore[reportUnknownVariableType]


def _reason(error: OSError | ValueError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
