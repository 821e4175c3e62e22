"""Arrays in .npy and .npz files as sources."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from arspec.data.cache import read_npz
from arspec.data.examples import Array
from arspec.data.options import Options
from arspec.data.raw import SPLITS, Layout, Raw, split_indices
from arspec.data.readers.files import cut, in_order, shuffled
from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from arspec.data.load import Condition
    from arspec.spec.sections import Data


def read_npy(path: Path, data: Data, split: str, options: Options) -> Raw:
    """One array: examples by its first axis, or one long sequence."""
    try:
        loaded: object = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError("AR803", f"cannot read {path} as an array: {error}") from error
    if not isinstance(loaded, np.ndarray):
        raise InputError("AR803", f"{path} holds several arrays", "name it .npz")
    array = cast(Array, loaded)
    if array.ndim == 1 and data.kind == "sequence":
        layout: Layout = "audio" if array.dtype.kind == "f" else "array"
        return Raw(layout, cut(array, split, "values"), notes=in_order(split))
    chosen = split_indices(len(array) if array.ndim else 0, split, shuffle=True)
    return Raw("array", array[chosen], notes=shuffled(split))


def read_npz_file(path: Path, condition: Condition, split: str, options: Options) -> Raw:
    """Arrays `x` and one for each condition: `x_train`, `x_valid`, `x_test` and so on, or `x` alone, then shuffled.

    `y`, `label` or `labels` are classes for a spec with one class condition.
    """
    arrays = read_npz(path)
    if any(f"x_{part}" in arrays for part in SPLITS):
        parts = [part for part in SPLITS if f"x_{part}" in arrays] if split == "all" else [split]
        if missing := [part for part in parts if f"x_{part}" not in arrays]:
            raise InputError("AR803", f"{path} has no array 'x_{missing[0]}'", f"it has: {', '.join(sorted(arrays))}")
        ends = tuple(f"_{part}" for part in SPLITS)
        bases = dict.fromkeys(name.rpartition("_")[0] for name in arrays if name.endswith(ends))
        try:
            arrays = {base: np.concatenate([arrays[f"{base}_{part}"] for part in parts]) for base in bases}
        except (KeyError, ValueError) as error:
            raise InputError("AR803", f"the arrays of {path} do not form splits: {error}") from error
        notes: list[str] = []
    elif "x" in arrays:
        count = len(arrays["x"]) if arrays["x"].ndim else 0
        if wrong := [name for name, array in arrays.items() if array.ndim == 0 or len(array) != count]:
            raise InputError("AR804", f"{path}: '{wrong[0]}' has not as many examples as 'x', which has {count}")
        chosen = split_indices(count, split, shuffle=True)
        arrays = {name: array[chosen] for name, array in arrays.items()}
        notes = shuffled(split)
    else:
        raise InputError("AR803", f"{path} has no array 'x' and no 'x_train'", f"it has: {', '.join(sorted(arrays))}")
    labels = next((arrays[name] for name in ("y", "label", "labels") if name in arrays and name not in condition), None)
    given = {name: arrays[name] for name in condition if name in arrays}
    return Raw("array", arrays["x"], labels=labels, condition=given, notes=notes)
