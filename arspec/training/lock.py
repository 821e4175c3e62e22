"""One process at a time trains into a folder: a lock that says who holds it, and that ends with its process."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from arspec.diagnostics import InputError
from arspec.files.atomic import sweep, telling

LOCK = ".lock"
MOST = 4096  # bytes that are read of it
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)  # file systems of some networks


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Holds the folder, which is made where it is missing, and clears it of what killed runs have left behind.
    InputError that names the other process where one holds it already."""
    path = folder / LOCK
    with telling(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = _held(path)
    try:
        for place in (folder, folder / "samples"):
            sweep(place)
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while it is held, so that nobody else can hold this file
        os.close(handle)


def _held(path: Path) -> int:
    """A handle on the lock, which is held until it is closed."""
    import fcntl

    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _taken(path.parent, os.pread(handle, MOST, 0)) from None
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
            if _same(handle, path):  # and not one that its holder has removed meanwhile
                who = {"process": os.getpid(), "host": socket.gethostname(), "since": _now()}
                os.ftruncate(handle, 0)
                os.pwrite(handle, json.dumps(who).encode() + b"\n", 0)
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _taken(folder: Path, held: bytes) -> InputError:
    who: dict[str, Any] = {}
    with suppress(ValueError, RecursionError):
        read: Any = json.loads(held)
        who = read if isinstance(read, dict) else {}
    process, host, since = (who.get(key, "unknown") for key in ("process", "host", "since"))
    message = f"another process trains into {folder}: process {process} on {host}, since {since}"
    return InputError("AR871", message, "choose another --out, or wait until it has ended")


def _now() -> str:
    return datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
