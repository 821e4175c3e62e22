"""A spec of a few weights, for tests of what goes wrong around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import arspec
from arspec.data import Examples, load
from arspec.model import Model
from arspec.training.options import Options

SPEC = """arspec: 1
name: little
data: {kind: image, height: 4, width: 4, levels: 4}
order: {scan: raster}
graph:
  hidden: {layer: conv, from: x, kernel: 3, mask: earlier, out: 4}
  logits: {layer: conv, kernel: 1, out: $head}
head: {kind: categorical, from: logits}
"""
QUICK = Options(steps=4, batch=4, samples=0, save_every=2, log_every=1)


def write_spec(folder: Path, text: str = SPEC) -> Path:
    """The spec as a file."""
    path = folder / "little.yaml"
    path.write_text(text)
    return path


def model_of(folder: Path, seed: int = 0) -> Model:
    """The spec's model."""
    return arspec.compile(arspec.load(write_spec(folder)), seed=seed)


def data_of(folder: Path, count: int = 16) -> tuple[Path, Examples]:
    """Pictures for the spec, as a file and as examples."""
    path = folder / "little.npy"
    np.save(path, np.random.default_rng(0).integers(0, 4, (count, 1, 4, 4)))
    spec = arspec.load(write_spec(folder))
    return path, load(str(path), spec.data, split="all")
