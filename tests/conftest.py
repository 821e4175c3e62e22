"""What holds for every test. Without torch: the process that hands tests out to others imports this and runs none."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

from arspec import progress

os.environ.pop("FORCE_COLOR", None)  # else what commands print would have colour where tests read it


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is imported by now stays: the garbage collector need not go through it again and again,
    a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums do not depend on how many threads a machine gives, and small ones are faster on one."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command prints does not depend on how long a machine takes."""
    for name in ("FIRST", "EVERY", "APPEARS"):
        monkeypatch.setattr(progress, name, 1e6)
