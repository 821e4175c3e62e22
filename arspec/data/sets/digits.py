"""Handwritten digits of 8x8 pixels, inside scikit-learn: what tests and demonstrations use, for it needs no fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np

from arspec.data.examples import Array
from arspec.data.raw import Raw, split_indices
from arspec.data.sets.base import DataSet
from arspec.diagnostics import InputError


def _read(split: str) -> Raw:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InputError("AR811", "the data set 'digits' is part of scikit-learn, which is not installed") from error
    digits = cast(Any, load_digits())
    chosen = split_indices(len(digits.images), split, shuffle=True, what="digits")
    return Raw(
        "images",
        digits.images[chosen, None].astype(np.uint8),
        levels=17,
        labels=digits.target[chosen].astype(np.int64),
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
