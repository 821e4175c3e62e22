"""Work that is counted, not timed: calls of Python functions and of built-in ones, and bytes that are held at once."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Work:
    calls: int = 0
    bytes: int = 0


@contextmanager
def counted() -> Generator[Work]:
    """The work of what is done inside, known when it is over."""
    work, before = Work(), sys.getprofile()

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        work.calls += event in ("call", "c_call")

    tracemalloc.start()
    sys.setprofile(count)
    try:
        yield work
    finally:
        sys.setprofile(before)
        work.bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
