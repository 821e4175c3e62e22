"""Writing files whole or not at all: beside their place, to the disk, and only then into their place.

Whatever fails on the way (a full disk, a limit of this process, a folder that may not be written to) is one message,
and what stood in the place before stands there still.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import socket
import stat
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

from arspec.diagnostics import InputError

# temporary files say whose they are, so that those of processes that were killed can be told from those in use
HOST = blake2b(socket.gethostname().encode("utf-8", "replace"), digest_size=4).hexdigest()
_TEMPORARY = re.compile(rf"\.arspec-{HOST}-(\d+)-[0-9a-f]{{8}}(\.[^.]*)?")
_swept: set[Path] = set()


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Gives a temporary path beside `path`, which takes its place when the block ends without an error.

    The temporary file keeps the suffix, by which some writers choose the format. Folders are made where missing. A link
    is followed. InputError where the file can't be written.
    """
    with replacing_all([path]) as (temporary,):
        yield temporary


@contextmanager
def replacing_all(paths: Sequence[Path]) -> Generator[tuple[Path, ...]]:
    """The same for files that belong together: none takes its place before all are on the disk."""
    temporaries: list[Path] = []
    try:
        for path in paths:
            with telling(path):
                place = check_place(path)
                temporaries.append(_temporary(place))
                with suppress(FileNotFoundError):  # who may read a file does not change by what it holds
                    temporaries[-1].chmod(stat.S_IMODE(place.stat().st_mode))
        with telling(paths[0]):
            yield tuple(temporaries)
        for path, temporary in zip(paths, temporaries, strict=True):
            with telling(path):
                to_disk(temporary)
        for path, temporary in zip(paths, temporaries, strict=True):
            with telling(path):
                os.replace(temporary, os.path.realpath(path))
        for folder in {temporary.parent for temporary in temporaries}:
            with suppress(OSError):  # not every file system lets a folder be synchronised
                to_disk(folder)
    finally:
        for temporary in temporaries:
            with suppress(OSError):
                temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8, atomically; lone surrogates, which have no place in UTF-8, as escapes."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def append_text(path: Path, text: str) -> None:
    """Adds `text` to the end of a file; where that fails, the file is as it was before."""
    with telling(path), path.open("ab", buffering=0) as file:
        before = file.tell()
        data = memoryview(text.encode("utf-8"))
        try:
            while data:
                data = data[file.write(data) :]
        except OSError:
            with suppress(OSError):
                file.truncate(before)
            raise


@contextmanager
def telling(path: Path | str) -> Generator[None]:
    """An error of the system while `path` is written is an InputError that says the reason."""
    try:
        yield
    except BrokenPipeError:  # the reader of what is printed meanwhile has gone
        raise
    except OSError as error:
        raise InputError("AR810", f"cannot write {path}: {error.strerror or error}", _mend(error)) from error
    except ValueError as error:
        if "\0" not in str(path):
            raise
        raise InputError("AR810", f"cannot write {str(path)!r}: {error}") from error


def check_place(path: Path) -> Path:
    """The path that links lead to. InputError where no file can stand there, or its folder may not be written to."""
    try:
        place = Path(os.path.realpath(path))
        with suppress(FileNotFoundError, NotADirectoryError):
            mode = place.stat().st_mode
            if not stat.S_ISREG(mode):
                kind = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
                raise InputError("AR810", f"cannot write {path}: it is {kind}", "choose the name of a file")
            if not os.access(place, os.W_OK):
                raise InputError("AR810", f"cannot write {path}: it may only be read", "choose another name")
        folder = next(parent for parent in place.parents if parent.exists())
        if not folder.is_dir():
            raise InputError("AR810", f"cannot write {path}: {folder} is no folder", "choose another name")
        if not os.access(folder, os.W_OK | os.X_OK) or not _takes_files(folder):
            raise InputError("AR810", f"cannot write {path}: {folder} may not be written to", "choose another folder")
    except (OSError, ValueError) as error:  # a name with a zero in it
        raise InputError("AR810", f"cannot write {str(path)!r}: {error}") from error
    return place


def check_folder(folder: Path) -> None:
    """InputError where no files can be written into a folder, which is made where it is missing; and for the name of
    standard output, which takes one file."""
    if str(folder) == "-":
        raise InputError("AR810", "cannot write -: several files are written, into a folder", "name a folder")
    try:
        check_place(folder / "file")
    except InputError as error:  # the place that a person knows is the folder
        raise InputError(error.code, error.message.replace(str(folder / "file"), str(folder)), error.help) from error


def _takes_files(folder: Path) -> bool:
    """Whether a file can be made in a folder: a superuser may write to all, and some, such as /proc, take no files."""
    try:
        os.unlink(_new(folder, ""))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # which is told in its own words
            raise
        return False
    return True


def check_room(path: Path, size: int) -> None:
    """InputError where a file of so many bytes is larger than what is free on the disk of `path`."""
    place = Path(os.path.realpath(path))
    with suppress(OSError):  # not every file system says how much is free
        free = shutil.disk_usage(next(parent for parent in place.parents if parent.exists())).free
        if size > free:
            message = f"cannot write {path}: it has {size:,} bytes, and {free:,} are free on its disk"
            raise InputError("AR810", message, "ask for less, or choose a place on another disk")


def sweep(folder: Path) -> None:
    """Removes temporary files and folders that killed processes of this machine have left in a folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _TEMPORARY.fullmatch(entry.name)
            if found and not _alive(int(found[1])):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)


def _temporary(place: Path) -> Path:
    """A new empty file beside a place, with the rights that the system gives to new files."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.parent not in _swept:
        _swept.add(place.parent)
        sweep(place.parent)
    return _new(place.parent, place.suffix)


def _new(folder: Path, suffix: str) -> Path:
    while True:
        temporary = folder / f".arspec-{HOST}-{os.getpid()}-{secrets.token_hex(4)}{suffix}"
        try:
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666))
            return temporary
        except FileExistsError:
            continue


def to_disk(path: Path) -> None:
    """What was written of a file or a folder is on the disk. OSError where the system refuses."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _mend(error: OSError) -> str | None:
    return {
        "ENOSPC": "free some space, or choose a place on another disk; what stood there before is unchanged",
        "EDQUOT": "free some of your quota, or choose a place elsewhere; what stood there before is unchanged",
        "EFBIG": "raise the limit of a file's size (ulimit -f); what stood there before is unchanged",
    }.get(errno.errorcode.get(error.errno or 0, ""))
