"""Handwritten digits of 8x8 pixels, in a file beside this one: what tests and demonstrations use,
for it needs no fetch.

The file holds the numbers of scikit-learn's `load_digits`, in its order. `NOTICE` beside it states where they
come from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arspec.data.arrays import read_npz
from arspec.data.examples import Array
from arspec.data.raw import Raw, split_indices
from arspec.data.sets.base import DataSet

FILE = Path(__file__).with_name("digits.npz")


def _read(split: str) -> Raw:
    kept = read_npz(FILE, ("images", "labels"))
    chosen = split_indices(len(kept["images"]), split, shuffle=True, what="digits")
    return Raw(
        "images",
        kept["images"][chosen, None],
        levels=17,
        labels=kept["labels"][chosen].astype(np.int64),
        notes=["split 80/10/10 by a fixed shuffle"],
    )


def _convert(_: Path) -> dict[str, Array]:
    return {}


DIGITS = DataSet(
    name="digits",
    about="1,797 handwritten digits of 8x8 pixels, values 0 to 16, 10 classes",
    licence="CC BY 4.0 (E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, doi:10.24432/C50P49)",
    client="none",
    package="arspec",
    version=None,
    convert=_convert,
    read=_read,
)
