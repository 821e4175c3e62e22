"""What all readers share: the files of a source, their bytes, and the words for the way they are split."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arspec.data.examples import Array
from arspec.data.raw import split_indices
from arspec.diagnostics import InputError
from arspec.files.foreign import content

_WILD = frozenset("*?[")


@dataclass(frozen=True)
class Files:
    """The files of a source.

    place: the source as its user wrote it. paths: regular files, in order.
    folder: the folder whose sub-folders are classes; None where the source is one file.
    """

    place: str
    paths: tuple[Path, ...]
    folder: Path | None

    def of_kind(self, suffixes: Iterable[str]) -> list[Path]:
        """The files that end in one of `suffixes`. InputError where there is none."""
        wanted = tuple(suffixes)
        found = [path for path in self.paths if path.suffix.lower() in wanted]
        if not found:
            raise InputError("AR803", f"{self} holds no file that ends in {', '.join(wanted)}")
        return found

    def __str__(self) -> str:
        return f"the folder {self.place}" if self.folder == Path(self.place) else self.place


def found(place: str, most: int | None = None) -> Files | None:
    """The files that `place` names: a file, a folder with all that is below it, or a pattern such as `photos/*.png`.

    InputError (AR952) for the root of the disk, and for a folder with more than `most` files and folders below it."""
    try:
        return _found(place, Path(place), most)
    except OSError as error:
        raise InputError("AR803", f"cannot read {place[:200]}: {error.strerror}") from error


def _found(place: str, path: Path, most: int | None) -> Files | None:
    if path.is_dir():
        if os.path.realpath(path) == os.path.realpath(os.sep):
            raise InputError("AR952", f"{place} is the whole disk", "give a folder of it")
        inside = sorted(each for each in _below(path, most) if _is_file(each))
        return Files(place, tuple(inside), path)
    if _is_file(path):
        return Files(place, (path,), None)
    if path.exists():
        raise InputError("AR803", f"{place} is no regular file", "give a file or a folder")
    if not _WILD & set(place):
        return None
    matches = sorted(each for each in map(Path, glob.iglob(place, recursive=True)) if _is_file(each))
    return Files(place, tuple(matches), _root(path)) if matches else None


def _below(folder: Path, most: int | None) -> Iterator[Path]:
    """What lies below a folder, through links to folders too; a folder that holds itself by a link is entered once."""
    inside = {str(folder): {os.path.realpath(folder)}}  # folder -> those in which it lies, and itself
    seen = 0
    for place, folders, names in os.walk(folder, followlinks=True):
        seen += len(folders) + len(names)
        if most is not None and seen > most:
            message = f"more than {most:,} files and folders are below {folder}"
            raise InputError("AR952", message, "give a folder of it, or a pattern such as 'photos/*.png'")
        above = inside.pop(place)
        folders[:] = [name for name in folders if not _hidden(name)]
        real = {name: os.path.realpath(os.path.join(place, name)) for name in folders}
        folders[:] = [name for name in folders if real[name] not in above]
        inside |= {os.path.join(place, name): above | {real[name]} for name in folders}
        yield from (Path(place, name) for name in names if not _hidden(name))


def _hidden(name: str) -> bool:
    """Whether a file or a folder is one that programs keep for themselves."""
    return name.startswith(".") or name == "__MACOSX"


def _is_file(path: Path) -> bool:
    """Whether there is a regular file. InputError for a link that leads nowhere."""
    if path.is_symlink() and not path.exists():
        raise InputError("AR803", f"{path} is a link to a place where there is nothing", "mend or remove the link")
    return path.is_file()


def _root(pattern: Path) -> Path:
    """The part of a pattern before its first part with a wildcard."""
    plain: list[str] = []
    for part in pattern.parts[:-1]:
        if _WILD & set(part):
            break
        plain.append(part)
    return Path(*plain)


def file_bytes(path: Path) -> Array:
    """The bytes of a file, uint8 [n]."""
    return np.frombuffer(content(path, "AR803"), np.uint8)


def cut(stream: Array, split: str, what: str) -> Array:
    """The part of one long sequence [T] that belongs to a split."""
    chosen = split_indices(len(stream), split, shuffle=False, what=what)
    return stream[chosen[0] : chosen[-1] + 1] if len(chosen) else stream[:0]


def in_order(split: str) -> list[str]:
    """The note for a sequence that `cut` has split."""
    return [] if split == "all" else ["the last tenth is the test split, the tenth before it the validation split"]


def shuffled(split: str) -> list[str]:
    """The note for examples that were split by a fixed shuffle."""
    return [] if split == "all" else ["split 80/10/10 by a fixed shuffle"]


def by_file(split: str) -> list[str]:
    """The note for files that were split, each whole."""
    return [] if split == "all" else ["split by file"]
