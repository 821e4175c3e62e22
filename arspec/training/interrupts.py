"""Ctrl-C and a request to end (SIGTERM) between two steps, never within one."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

NOTED = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def noting_interrupts() -> Generator[list[int]]:
    """Notes the numbers of such signals in a list instead of raising, so that a step is never cut;
    the second one raises."""
    noted: list[int] = []

    def note(number: int, _: Any) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(number)

    with ExitStack() as after:
        for number in NOTED:
            try:
                before = signal.signal(number, note)
            except ValueError:  # not in the main thread
                break
            after.callback(signal.signal, number, before)
        yield noted
