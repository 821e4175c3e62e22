"""Files that are mapped into memory: as long as nothing is written there, the bytes are those of the file.

The system tells of each page whose it is (`man 5 proc`, pagemap). What was written has a page of this process alone."""

from __future__ import annotations

import ctypes
import mmap
import os
from bisect import bisect_right
from contextlib import suppress
from typing import NamedTuple
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

THERE, OF_A_FILE = np.uint64(3 << 62), np.uint64(1 << 61)  # of what is said of a page
DONTNEED = 4  # of madvise, on Linux


class _Mapping(NamedTuple):
    begin: int
    end: int
    offset: int
    file: tuple[int, ...]  # device, number, times of the last change and size


class Mapped:
    """The files that this process has mapped for itself, to read and write, as it is now; none where the system does
    not tell."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, int, str]] = []
        self._known: dict[int, _Mapping | None] = {}
        with suppress(OSError):
            self._pages = os.open("/proc/self/pagemap", os.O_RDONLY)
            finalize(self, os.close, self._pages)
            if not self._tells():
                return
            with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as lines:
                self._lines = [(*_span(line), line) for line in lines if " rw-p " in line and "/" in line]

    def unwritten(self, at: int, size: int) -> tuple[int, ...] | None:
        """What tells so many bytes from an address on from those of any other file or place in it; None where they are
        not all of one file, or were written."""
        mapping = self._mapping(at)
        if mapping is None or at + size > mapping.end or not size:
            return None
        pages = self._told(at, size)
        if pages is None or _written(pages).any():
            return None
        return *mapping.file, mapping.offset + at - mapping.begin

    def present(self, at: int, size: int) -> int:
        """How many of the pages that hold so many bytes are in this process's memory."""
        pages = self._told(at, size) if self._lines else None
        return 0 if pages is None else int((pages & THERE != 0).sum())

    def release(self, at: int, size: int) -> None:
        """Takes so many bytes out of this process's memory, where they are a file's: whoever reads them gets them from
        there again."""
        if self.unwritten(at, size) is None:
            return
        begin, end = -(-at // mmap.PAGESIZE) * mmap.PAGESIZE, (at + size) // mmap.PAGESIZE * mmap.PAGESIZE
        if begin < end:
            ctypes.CDLL(None).madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), DONTNEED)

    def _tells(self) -> bool:
        """Whether what was just written counts as written: an emulated processor's addresses are not the system's."""
        own = np.ones(1)
        pages = self._told(own.ctypes.data, own.nbytes)
        return pages is not None and bool(_written(pages).all())

    def _told(self, at: int, size: int) -> NDArray[np.uint64] | None:
        """What the system tells of the pages that hold so many bytes."""
        first = at // mmap.PAGESIZE
        count = -(-(at + size) // mmap.PAGESIZE) - first
        pages = np.frombuffer(os.pread(self._pages, 8 * count, 8 * first), np.uint64)
        return pages if len(pages) == count else None

    def _mapping(self, at: int) -> _Mapping | None:
        """What an address is part of, if that file is still there under its name."""
        k = bisect_right(self._lines, at, key=lambda found: found[0]) - 1
        if k < 0 or at >= self._lines[k][1]:
            return None
        if k not in self._known:
            self._known[k] = _mapping(self._lines[k][2])
        return self._known[k]


def _written(pages: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of them are this process's own."""
    return (pages & THERE != 0) & (pages & OF_A_FILE == 0)


def _span(line: str) -> tuple[int, int]:
    begin, end = line.split(" ", 1)[0].split("-")
    return int(begin, 16), int(end, 16)


def _mapping(line: str) -> _Mapping | None:
    """What a line of /proc/self/maps says."""
    _, _, offset, _, number, name = line.rstrip("\n").split(maxsplit=5)
    with suppress(OSError):
        stat = os.stat(name)
        if stat.st_ino == int(number) != 0:
            return _Mapping(
                *_span(line),
                int(offset, 16),
                (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size),
            )
    return None
