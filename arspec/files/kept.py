"""Machine code that is kept in the user's cache folder, and loaded only where it is what was kept, and nobody else's.

A kept file is the library and behind it 32 bytes, the hash of what stands before. (A loader looks at what the header of
a library names, and not at what follows.) Loading a file that was cut short would end the process.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from arspec.diagnostics import InputError
from arspec.files.atomic import replacing
from arspec.files.foreign import content

HASH = 32  # bytes
MOST = 1 << 26  # of a library
OTHERS = stat.S_IWGRP | stat.S_IWOTH


def is_whole(path: Path) -> bool:
    """Whether a kept file is as it was written, and neither it nor its folders can have been written by others."""
    try:
        if not private(path.parent) or not _own(path.lstat(), stat.S_ISREG):
            return False
        data = content(path, "AR803", MOST)
    except (OSError, InputError):
        return False
    return len(data) > HASH and blake2b(data[:-HASH], digest_size=HASH).digest() == data[-HASH:]


def keep(made: Path, path: Path) -> None:
    """Keeps a library, where the folder is this user's own and may be written to."""
    with suppress(OSError, InputError):
        data = made.read_bytes()
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.lstat()
            if _own(status, stat.S_ISDIR, 0) and status.st_mode & OTHERS:
                folder.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)  # made by a program that lets its group write
        if private(path.parent):
            with replacing(path) as place:
                place.write_bytes(data + blake2b(data, digest_size=HASH).digest())
                place.chmod(0o600)


def private(folder: Path) -> bool:
    """Whether a folder of the cache, and the one that it lies in, are this user's own, and the cache is not one in
    which others could put another folder in their place."""
    cache = folder.parent.parent.stat()
    safe = not cache.st_mode & OTHERS or bool(cache.st_mode & stat.S_ISVTX)
    own = all(_own(each.lstat(), stat.S_ISDIR) for each in (folder, folder.parent))
    return own and safe and cache.st_uid in (0, os.geteuid())


def _own(status: os.stat_result, kind: object, others: int = OTHERS) -> bool:
    """Whether it is of this kind, this user's, and nobody else may write to it."""
    assert callable(kind)
    return bool(kind(status.st_mode)) and status.st_uid == os.geteuid() and not status.st_mode & others
