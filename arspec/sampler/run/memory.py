"""Memory for caches, of which a run may need little or much, and for packed weights."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from arspec.files.memory import zeros as bytes_of_zeros

MUCH = 1 << 20  # bytes of zeros that are asked of the system, which gives memory as it is written, page by page,
LARGE = 1 << 26  # and up to which these are large pages
PAGE = 1 << 21


def zeros(like: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Zeros of these shapes. On a CPU many of them take memory as they are written: a long cache costs what is put into
    it. As long as all of it is not too much, it is asked for in large pages: a step goes through rows that lie far
    apart, and the processor looks up each page."""
    sizes = [math.prod(shape) * like.element_size() for shape in shapes]
    if like.device.type != "cpu" or sum(sizes) < MUCH:
        return [like.new_zeros(shape) for shape in shapes]
    if sum(sizes) > LARGE:
        found = zip(shapes, sizes, strict=True)
        return [
            like.new_zeros(s) if n < MUCH else torch.frombuffer(bytes_of_zeros(n), dtype=like.dtype).view(s)
            for s, n in found
        ]
    return in_large_pages([(shape, like.dtype) for shape in shapes])


def in_large_pages(wanted: Sequence[tuple[tuple[int, ...], torch.dtype]]) -> list[Tensor]:
    """Zeros of these shapes and types, side by side."""
    sizes = [math.prod(shape) * dtype.itemsize for shape, dtype in wanted]
    lines = [-(-size // 64) * 64 for size in sizes]
    room = bytes_of_zeros(sum(lines) + PAGE)
    with suppress(AttributeError, OSError):  # of systems that have none
        room.madvise(mmap.MADV_HUGEPAGE)
    whole = torch.frombuffer(room, dtype=torch.uint8)
    parts = whole.narrow(0, -whole.data_ptr() % PAGE, sum(lines)).split(lines)
    each = zip(parts, sizes, wanted, strict=True)
    return [part.narrow(0, 0, size).view(dtype).view(shape) for part, size, (shape, dtype) in each]


def spare() -> int:
    """Bytes of memory that a copy may take: half of what the system has left, or of what it gives this process."""
    found = [0]
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().split("\n")
        found = [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable")]
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            if kinds in ("", "memory"):
                folder, name = ("memory", "memory.limit_in_bytes") if kinds else ("", "memory.max")
                for limit in (Path(f"/sys/fs/cgroup/{folder}{own}/{name}") for own in (path, "")):
                    if limit.exists() and (said := limit.read_text().strip()) != "max":
                        found.append(int(said))
    return min(found, default=0) // 2
