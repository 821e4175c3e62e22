"""Processes that are killed at any call of the system, of which nothing cleans up."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

CALLS = ("mkdir", "open", "replace", "rename", "link", "unlink", "rmdir", "chmod")


class Killed(BaseException):
    """The end of the process."""


def killed_after(calls: int, act: Callable[[], object]) -> bool:
    """Does something until the process is killed, as it would make more than so many of these calls of the system.
    Whether it came to its end."""
    made = 0

    def counted(call: Any) -> Any:
        def before(*args: Any, **options: Any) -> Any:
            nonlocal made
            made += 1
            if made > calls:
                raise Killed
            return call(*args, **options)

        return before

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, counted(getattr(os, name)))
        try:
            act()
        except Killed:
            return False
    return True
