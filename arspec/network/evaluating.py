"""A module as it is in evaluation, for a while."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Generator[None]:
    """Without dropout and with running statistics; afterwards in training again, where it was. Of a network, whose
    parts go by what the whole is in: these are many, and are not told again what they know."""
    if not module.training:
        yield
        return
    module.eval()
    try:
        yield
    finally:
        module.train()
