"""Random numbers: every call of a module starts from the same state of all generators that it can draw from.

Torch's own generators, Python's `random`, numpy's, and those that parts of the module hold.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

_OWN = (torch.Generator, random.Random, np.random.Generator, np.random.RandomState)
_LARGEST = 2**32  # of the seeds that numpy takes, and one more


@dataclass(frozen=True)
class Drawn:
    """A generator that a part of a module holds, and its state."""

    generator: Any
    state: Any

    def put(self) -> None:
        """Puts the generator back to that state."""
        _put(self.generator, self.state)

    def other(self) -> Drawn:
        """The same generator in another state."""
        return Drawn(self.generator, _state(_begun(self.generator)))


def held(module: nn.Module, states: list[Drawn] | None = None) -> list[Drawn]:
    """The generators that parts of a module hold, each once, with the states that they have, or that are given."""
    found = {
        id(value): value for part in module.modules() for value in vars(part).values() if isinstance(value, _OWN)
    }.values()
    if states is not None:
        return [Drawn(each, drawn.state) for each, drawn in zip(found, states, strict=True)]
    return [Drawn(each, _state(each)) for each in found]


@contextmanager
def seeded(seed: int) -> Generator[None]:
    """Inside, Python's and numpy's shared generators begin at the seed; afterwards they are as they were."""
    python, shared = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % _LARGEST)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(shared)


def _begun(like: Any) -> Any:
    """A generator of the same kind at a seed of its own."""
    if isinstance(like, torch.Generator):
        return torch.Generator(like.device).manual_seed(1)
    if isinstance(like, random.Random):
        return random.Random(1)
    if isinstance(like, np.random.RandomState):
        return np.random.RandomState(1)
    return np.random.Generator(type(like.bit_generator)(1))


def _state(generator: Any) -> Any:
    if isinstance(generator, torch.Generator):
        return generator.get_state()
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return generator.get_state()
    return deepcopy(generator.bit_generator.state)


def _put(generator: Any, state: Any) -> None:
    if isinstance(generator, (torch.Generator, np.random.RandomState)):
        generator.set_state(state)
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.bit_generator.state = state
