"""Calls of functions in machine code, which may be kept: made once more, a call computes the same of what lies there
then."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

KernelCall = tuple[Any, list[Any]]  # a function and its arguments


class _Kept(threading.local):
    calls: list[KernelCall] | None = None


_KEPT = _Kept()


def call(function: Any, *arguments: Any) -> None:
    """Calls a function, and keeps the call where that is wanted. Arguments are numbers, addresses and structures."""
    function(*arguments)
    if _KEPT.calls is not None:
        _KEPT.calls.append((function, [*arguments]))


@contextmanager
def kept_calls() -> Generator[list[KernelCall]]:
    """The calls of this thread meanwhile."""
    _KEPT.calls = found = []
    try:
        yield found
    finally:
        _KEPT.calls = None
