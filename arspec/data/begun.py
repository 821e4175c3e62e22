"""Examples to be completed, of which a sequence may be there in part: `load_begun`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from arspec.data.adapt import adapt, codes_of
from arspec.data.examples import Examples
from arspec.data.labels import Names
from arspec.data.load import read
from arspec.data.options import candidates
from arspec.data.readers.files import found
from arspec.data.sets import SETS

if TYPE_CHECKING:
    from arspec.language.sections import Conditions, Data


def load_begun(
    source: str, data: Data, condition: Conditions, split: str, seed: int = 0, *, names: Names | None = None,
    settable: Mapping[str, str] | None = None,
) -> tuple[Examples, int | None]:  # fmt: skip
    """Examples of `source`, and how many steps of each are there where they are sequences shorter than the spec's;
    these are filled up with zeros. `names` and `settable`: as for `load`. Raises InputError as it does."""
    raw, _ = read(source, data, condition, split)
    name = f"{source}, {split}"
    there = None
    if data.kind == "sequence" and raw.x.ndim in (1, 2):
        steps = len(codes_of(raw, data, name, [])) if raw.x.ndim == 1 else raw.x.shape[1]
        if 0 < steps < data.length:
            there = steps
    section = data if there is None else data.model_copy(update={"length": there})
    examples = adapt(raw, section, condition, name=name, split=split, seed=seed, names=names,
                     settable=settable)  # fmt: skip
    if there is None:
        return examples, None
    return replace(examples, x=np.pad(examples.x, ((0, 0), (0, data.shape[0] - there)))), there


def usual_split(source: str) -> str:
    """The split that is completed unasked: a single file is taken whole, of all else the test split."""
    for place, _ in candidates(source):
        if place in SETS:
            return "test"
        if (files := found(place)) is not None:
            single = files.folder is None and files.paths[0].suffix.lower() != ".npz"
            return "all" if single else "test"
    return "test"
