"""`load`: any source, brought to the shape and the alphabet of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from arspec.data.adapt import adapt
from arspec.data.examples import Examples
from arspec.data.files import read_path
from arspec.data.sets import SETS
from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from arspec.spec.sections import Condition as ConditionSection
    from arspec.spec.sections import Data

Condition = Mapping[str, "ConditionSection"]


def load(source: str, data: Data, condition: Condition | None = None, split: str = "train", seed: int = 0) -> Examples:
    """Examples of `source` for a spec's `data` and `condition` sections.

    source: a named set (digits, mnist, fashion_mnist, photos32, speech, shakespeare), a folder of images, texts or WAV
        files, or one file: .npy, .npz (arrays `x` and one for each condition), .txt, .wav, an image. `@levels=4` after
        it reduces the levels: `mnist@levels=4`.
    split: train, valid, test, or all. Where a source has no splits they are made, the same ones every time.
    seed: of the Bernoulli draw by which grey values are binarized for a spec with two levels.

    Raises InputError where the source cannot be had or does not fit the spec; what was adapted is told in `note`.
    """
    condition = condition or {}
    place, levels = _parse(source)
    if place in SETS:
        if split not in ("train", "valid", "test", "all"):
            raise InputError("AR803", f"there is no split '{split}'", "the splits are train, valid, test and all")
        raw = SETS[place].read(split)
    elif Path(place).exists():
        raw = read_path(Path(place), data, condition, split)
    else:
        sets = ", ".join(SETS)
        raise InputError("AR803", f"'{place}' is no data set, file or folder", f"the data sets are: {sets}")
    return adapt(raw, data, condition, name=f"{source}, {split}", levels=levels, split=split, seed=seed)


def _parse(source: str) -> tuple[str, int | None]:
    place, mark, option = source.rpartition("@")
    if not mark:
        return source, None
    if not option.startswith("levels="):
        return source, None  # a path may hold an @ of its own
    try:
        levels = int(option.removeprefix("levels="))
    except ValueError:
        levels = 0
    if levels < 2:
        raise InputError("AR803", f"'{source}': levels is a whole number from 2", "for example mnist@levels=4")
    return place, levels
