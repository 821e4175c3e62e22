"""Samples drawn while a model is trained, and the conditions to draw them under."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arspec.data import Examples, write
from arspec.data.write import suffix_for
from arspec.extras import has

HEATED = 4  # examples whose surprise is drawn


def sample_condition(model: Any, examples: Examples | None, count: int) -> dict[str, NDArray[Any]]:
    """Conditions for `count` samples: classes in turn, anything else as the first examples have it."""
    condition: dict[str, NDArray[Any]] = {}
    for name, section in model.spec.condition.items():
        if section.named and section.whole is not None:
            condition[name] = np.arange(count, dtype=np.int64) % section.whole
        elif examples is not None:
            values = examples.condition[name]
            condition[name] = values[np.arange(count) % len(values)]
    return condition


def sample_prefix(model: Any, examples: Examples | None, count: int) -> Tensor | None:
    """What sequences begin with whose first steps are given, where the spec states no start: as the first examples do.
    None where there is nothing to give."""
    data = model.spec.data
    if not data.given or data.start is not None or examples is None:
        return None
    return torch.from_numpy(examples.take(np.arange(count) % len(examples))[0][:, : data.given])


def draw(model: Any, path: Path, count: int, seed: int, examples: Examples | None, device: torch.device) -> list[Path]:
    """Draws `count` samples and writes them to `path`, whose ending follows from the data; gives the files."""
    condition: dict[str, Tensor] = {
        name: torch.from_numpy(np.ascontiguousarray(values)).to(device)
        for name, values in sample_condition(model, examples, count).items()
    }
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            prefix = sample_prefix(model, examples, count)
            x = model.sample(count, seed=seed, prefix=None if prefix is None else prefix.to(device), **condition)
    finally:
        model.train(training)
    return write(x.cpu().numpy(), model.spec.data, path.with_suffix(suffix_for(model.spec.data)))


def heat_map(model: Any, path: Path, examples: Examples, device: torch.device) -> list[Path]:
    """Draws the first examples with the bits of each variable at its place, beside the samples of `path`; the file, or
    none where matplotlib is not installed."""
    if not has("matplotlib"):
        return []
    from arspec.pictures.heat import draw_heat
    from arspec.scoring.likelihood import likelihood

    numbers = np.arange(min(HEATED, len(examples)))
    array, given = examples.take(numbers)
    x = torch.from_numpy(np.ascontiguousarray(array)).to(device)
    condition = {name: torch.from_numpy(np.ascontiguousarray(v)).to(device) for name, v in given.items()}
    bits = likelihood(model, x, condition).places.sum(1)
    target = path.with_name(f"{path.name}-surprise.png")
    return [draw_heat(target, {"held out": (array, bits)}, model.spec.data)]
