"""A request to end (SIGTERM) unwinds a command, so that it leaves nothing half-written behind."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class Ended(BaseException):
    """SIGTERM came."""


@contextmanager
def ending() -> Generator[None]:
    """Within the block SIGTERM raises `Ended`, where nobody else handles it."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    try:
        signal.signal(signal.SIGTERM, _end)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> None:
    raise Ended
