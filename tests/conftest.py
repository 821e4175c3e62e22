"""What holds for every test. Without torch: the process that hands tests out to others imports this and runs none.

It is no fixture: thousands of tests take a few milliseconds each, and to set one up for each would be a part of them.
"""

from __future__ import annotations

import gc
import os
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from arspec import progress

os.environ.pop("FORCE_COLOR", None)  # else what commands print would have colour where tests read it
# Most of what is imported or made for a test is no garbage. What is there when it is looked at, as the models that
# tests share, is not gone through again.
gc.set_threshold(3_000_000, 1000, 1000)
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # a slow machine fails no test
# else examples hang on what code is loaded, and on its numbers
setattr(providers, "is_local_module_file", lambda path: False)  # noqa: B010 - it is not exported
progress.FIRST = progress.EVERY = progress.APPEARS = 1e6  # what a command prints does not depend on how long it takes


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is imported by now stays: the garbage collector need not go through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Sums do not depend on how many threads a machine gives, and small ones are faster on one."""
    import torch

    torch.set_num_threads(1)
    seed_what_is_there()


@cache
def seed_what_is_there() -> None:
    """`torch.manual_seed` writes down its whole stack for each kind of device that may be found later, which takes half
    a millisecond: without such devices it seeds the processor alone."""
    import torch

    for name in ("cuda", "xpu", "mtia"):
        kind: Any = getattr(torch, name, None)
        if kind is not None and not kind.is_available():
            kind.manual_seed_all = lambda seed: None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Behind this pytest searches for garbage five times over, and Python once more: here all that is left is found."""
    gc.collect()
    gc.freeze()
