"""Handwritten digits of 8x8 pixels, inside scikit-learn: what tests and demonstrations use, for it needs no fetch."""

from __future__ import annotations

from functools import lru_cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from arspec.data.examples import Array
from arspec.data.raw import Raw, split_indices
from arspec.data.sets.base import DataSet
from arspec.diagnostics import InputError


def _package() -> ModuleSpec:
    found = find_spec("sklearn")
    if found is None:
        raise InputError("AR811", "the data set 'digits' is part of scikit-learn, which is not installed")
    return found


@lru_cache(1)
def _table() -> NDArray[np.uint8]:
    """[examples, 65]: the pixels of each digit and its label, from scikit-learn's file, which is read without the imports of
    scikit-learn, as they take a second; where it lies elsewhere, by scikit-learn itself."""
    for folder in _package().submodule_search_locations or ():
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            return np.loadtxt(path, np.uint8, delimiter=",")
    from sklearn.datasets import load_digits

    digits = cast(Any, load_digits())
    return np.column_stack([digits.data, digits.target]).astype(np.uint8)


def _read(split: str) -> Raw:
    _package()
    table = _table()
    chosen = split_indices(len(table), split, shuffle=True, what="digits")
    return Raw(
        "images",
        table[chosen, :-1].reshape(-1, 1, 8, 8),
        levels=17,
        labels=table[chosen, -1].astype(np.int64),
        notes=["split 80/10/10 by a fixed shuffle"],
    )


def _convert(_: Path) -> dict[str, Array]:
    return {}


DIGITS = DataSet(
    name="digits",
    about="1,797 handwritten digits of 8x8 pixels, values 0 to 16, 10 classes",
    licence="BSD-3-Clause",
    client="none",
    package="scikit-learn",
    version=None,
    convert=_convert,
    read=_read,
)
