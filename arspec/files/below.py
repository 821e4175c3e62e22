"""Files that are put below a folder, and nowhere else, whatever stands there.

Names come from a container that anybody may have made, and the folder may hold links that anybody may have laid. Every
step of a path is therefore opened from the folder before it, and none that is a link.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from arspec.diagnostics import InputError
from arspec.files.atomic import HOST, sweep, telling

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)  # hard ones, which some file systems lack


class Below:
    """A folder that files are put into: first beside one another in a hidden folder, then all into their places."""

    def __init__(self, path: Path, handle: int, force: bool) -> None:
        self.path, self.force = path, force
        self._root, self._staging = handle, -1
        self._staged: list[tuple[str, str]] = []  # hidden name, name
        self._hidden = ""

    def check(self, names: Sequence[str]) -> None:
        """InputError where a name can't be given: something stands there, or a link on the way to it."""
        folders = {name[:k] for name in names for k, char in enumerate(name) if char == "/"}
        if both := folders.intersection(names):
            raise InputError("AR830", f"the container holds '{min(both)}' as a file and as a folder")
        for name in names:
            with self._parent(name, make=False) as parent:
                if parent is not None:
                    self._check_place(name, parent)

    def stage(self, name: str, data: bytes) -> None:
        """Writes a file, to the disk, under a name that nobody looks for."""
        with telling(self.path / name):
            if self._staging < 0:
                self._hidden = f".arspec-{HOST}-{os.getpid()}-{secrets.token_hex(4)}"
                os.mkdir(self._hidden, 0o700, dir_fd=self._root)
                self._staging = os.open(self._hidden, _FOLDER | os.O_NOFOLLOW, dir_fd=self._root)
            number = str(len(self._staged))
            self._staged.append((number, name))
            handle = os.open(
                number, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=self._staging
            )
            with open(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(handle)

    def place(self) -> None:
        """Puts all files into their places. InputError, before the first is moved,
        where one can't be given its name."""
        self.check([name for _, name in self._staged])
        for hidden, name in self._staged:
            with telling(self.path / name), self._parent(name, make=True) as parent:
                assert parent is not None
                self._check_place(name, parent)
                self._move(hidden, name.rpartition("/")[2], parent)

    def close(self) -> None:
        """Removes what has not been placed."""
        if self._staging >= 0:
            for hidden, _ in self._staged:
                with suppress(OSError):
                    os.unlink(hidden, dir_fd=self._staging)
            os.close(self._staging)
            with suppress(OSError):
                os.rmdir(self._hidden, dir_fd=self._root)

    def _move(self, hidden: str, last: str, parent: int) -> None:
        if not self.force:
            try:  # a hard link replaces nothing, not even what has come meanwhile
                os.link(hidden, last, src_dir_fd=self._staging, dst_dir_fd=parent, follow_symlinks=False)
                os.unlink(hidden, dir_fd=self._staging)
                return
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
        os.rename(hidden, last, src_dir_fd=self._staging, dst_dir_fd=parent)

    def _check_place(self, name: str, parent: int) -> None:
        try:
            mode = os.stat(name.rpartition("/")[2], dir_fd=parent, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError("AR810", f"cannot write {self.path / name}: {error.strerror}") from error
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a link" if stat.S_ISLNK(mode) else "a device or a pipe"
            raise InputError("AR810", f"cannot write {self.path / name}: {kind} of this name is there",
                             "choose another folder")  # fmt: skip
        if not self.force:
            raise InputError("AR810", f"{self.path / name} exists", "choose another folder, or --force")

    @contextmanager
    def _parent(self, name: str, make: bool) -> Generator[int | None]:
        """A handle on the folder of a name; None where it is not there and is not to be made."""
        current = os.dup(self._root)
        try:
            for k, step in enumerate(steps := name.split("/")[:-1]):
                below = self._step(current, step, "/".join(steps[: k + 1]), make)
                os.close(current)
                current = -1
                if below is None:
                    yield None
                    return
                current = below
            yield current
        finally:
            if current >= 0:
                os.close(current)

    def _step(self, folder: int, step: str, so_far: str, make: bool) -> int | None:
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(step, dir_fd=folder)
            return os.open(step, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            kind = "is a link or a file" if error.errno in (errno.ELOOP, errno.ENOTDIR) else str(error.strerror)
            message = f"cannot write below {self.path / so_far}: it {kind}"
            raise InputError("AR810", message, "choose another folder") from error


@contextmanager
def below(path: Path, force: bool) -> Generator[Below]:
    """The folder, made where it is missing, and removed again where nothing was put into it. force:
    files are replaced."""
    if os.path.lexists(path) and not os.path.isdir(path):
        raise InputError("AR810", f"cannot write below {path}: it is no folder", "choose the name of a folder")
    made = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    with telling(path):
        path.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, _FOLDER)
    sweep(path)
    into = Below(path, handle, force)
    try:
        yield into
    finally:
        into.close()
        os.close(handle)
        for folder in made:
            with suppress(OSError):  # it holds something now
                folder.rmdir()
