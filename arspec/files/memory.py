"""Memory that is asked of the system itself, which gives it page by page, as it is written."""

from __future__ import annotations

import mmap
from contextlib import suppress


def zeros(size: int) -> mmap.mmap:
    """So many bytes of zeros, of this process alone where the system tells these apart. MemoryError where it gives
    none."""
    try:
        with suppress(AttributeError):
            return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        return mmap.mmap(-1, size)
    except OSError as error:
        raise MemoryError(f"the system gives no {size:,} bytes: {error}") from error
