"""Files of a folder that belong together: those of an earlier writing are all replaced, or none of them is.

They are written into a folder inside that folder. Renaming it to `WHOLE` is the one step by which they count: whoever
reads looks there first (`standing`). Then each is put into its place, and `WHOLE` goes. Where a process ends in
between, the next that writes goes on with that (`settle`).
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from arspec.diagnostics import InputError
from arspec.files.atomic import HOST, check_folder, replacing, sweep, telling, to_disk

WHOLE = ".arspec-whole"
# Called with the names of the files that were written: those of files of earlier writings, which go.
Gone = Callable[[set[str]], set[str]]


def standing(folder: Path) -> Path:
    """Where the files of a folder stand that count: in the folder, or in `WHOLE` of it."""
    whole = folder / WHOLE
    return whole if os.path.isdir(whole) else folder


@contextmanager
def together(folder: Path, gone: Gone) -> Generator[Path]:
    """Gives an empty folder, whose files take their places in `folder` together when the block ends without an error.

    The folder is made where it is missing. InputError where something can't be written; `folder` is then as it was."""
    check_folder(folder)
    with telling(folder):
        there = folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        settle(folder, gone)
        sweep(folder)
        new = _beside(folder)
        new.mkdir()
    try:
        try:
            with telling(folder):
                yield new
        except InputError as error:  # the place that a person knows is the folder
            raise InputError(error.code, error.message.replace(str(new), str(folder)), error.help) from error
        with telling(folder):
            to_disk(new)
            os.rename(new, folder / WHOLE)
            to_disk(folder)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        if not there:
            with suppress(OSError):
                folder.rmdir()
        raise
    settle(folder, gone)


def settle(folder: Path, gone: Gone) -> None:
    """Puts the files of `WHOLE` into their places, where there are any. InputError where that can't be done."""
    whole = folder / WHOLE
    if not os.path.isdir(whole):
        return
    with telling(folder):
        names = {entry.name for entry in os.scandir(whole)}
        for name in sorted(names):
            _put(whole / name, folder / name)
        for name in gone(names):
            (folder / name).unlink(missing_ok=True)
        done = _beside(folder)
        os.rename(whole, done)
    shutil.rmtree(done, ignore_errors=True)


def _put(source: Path, place: Path) -> None:
    """The same file in another place, where it has the rights of the one that it replaces."""
    with replacing(place) as temporary:
        mode = temporary.stat().st_mode
        temporary.unlink()
        try:
            os.link(source, temporary)
        except OSError:  # not every file system has links, and the place may be a link to another one
            shutil.copyfile(source, temporary)
        temporary.chmod(mode)


def _beside(folder: Path) -> Path:
    """A name for a folder inside, by which `sweep` finds it where this process is killed."""
    return folder / f".arspec-{HOST}-{os.getpid()}-{secrets.token_hex(4)}"
