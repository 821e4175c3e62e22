"""Arrays in an .npz file as a source: examples, their labels and conditions, in splits or shuffled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arspec.data.arrays import read_npz
from arspec.data.examples import Array
from arspec.data.labels import listed, natural
from arspec.data.options import Options
from arspec.data.raw import SPLITS, Raw, held_out, split_indices
from arspec.data.readers.arrays import highest
from arspec.data.readers.files import shuffled
from arspec.data.readers.splits import CALLED, held_out_note
from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from arspec.data.load import Condition

_BASES = {"X": "x", "Y": "y"}  # as some programs call them


def read_npz_file(path: Path, condition: Condition, split: str, options: Options) -> Raw:
    """Arrays `x` and one for each condition: `x_train`, `x_valid`, `x_test` and so on, or `x` alone, then shuffled.

    `y`, `label` or `labels` are classes for a spec with one class condition; where they are texts, these are the names.
    A validation split that is missing is cut out of the training arrays.
    """
    arrays = {_BASES.get(name, name): array for name, array in read_npz(path).items()}
    tops = [highest(array) for name, array in arrays.items() if name.lower().partition("_")[0] == "x"]
    parts: dict[str, dict[str, Array]] = {}
    for name, array in arrays.items():
        base, _, end = name.rpartition("_")
        if base and end.lower() in CALLED:
            _add(parts.setdefault(CALLED[end.lower()], {}), _BASES.get(base, base), array, path)
    if any("x" in part for part in parts.values()):
        arrays, notes = _of_split(parts, split, path)
    elif "x" in arrays:
        _check_lengths(arrays, path)
        chosen = split_indices(len(arrays["x"]), split, shuffle=True)
        arrays, notes = {name: array[chosen] for name, array in arrays.items()}, shuffled(split)
    else:
        raise InputError("AR803", f"{path} has no array 'x' and no 'x_train'", f"it has: {', '.join(sorted(arrays))}")
    labels = next((arrays[name] for name in ("y", "label", "labels") if name in arrays and name not in condition), None)
    given = {name: arrays[name] for name in condition if name in arrays}
    classes = None
    only = [name for name, section in condition.items() if section.kind == "class"]
    if labels is None and len(only) == 1:
        labels = given.pop(only[0], None)
    if labels is not None:
        labels, classes = _labels(labels, notes)
    top = max((each for each in tops if each is not None), default=None)
    return Raw("array", arrays["x"], highest=top, labels=labels, classes=classes, condition=given, notes=notes)


def _add(part: dict[str, Array], base: str, array: Array, path: Path) -> None:
    if base in part:
        raise InputError("AR803", f"{path} has two arrays '{base}' of one split", "leave one of them out")
    part[base] = array


def _check_lengths(arrays: dict[str, Array], path: Path) -> None:
    """InputError where an array has not as many examples as the one named x."""
    count = len(arrays["x"]) if arrays["x"].ndim else 0
    if wrong := [name for name, array in arrays.items() if array.ndim == 0 or len(array) != count]:
        raise InputError("AR804", f"{path}: '{wrong[0]}' has not as many examples as 'x', which has {count}")


def _of_split(parts: dict[str, dict[str, Array]], split: str, path: Path) -> tuple[dict[str, Array], list[str]]:
    """The arrays of one split, or of all joined, and what is said of it."""
    notes: list[str] = []
    there = [part for part in SPLITS if "x" in parts.get(part, {})]
    for part in there:
        _check_lengths(parts[part], path)
    if split == "all":
        common = set.intersection(*(set(parts[part]) for part in there))
        try:
            return {base: np.concatenate([parts[part][base] for part in there]) for base in common}, notes
        except ValueError as error:
            raise InputError("AR803", f"the arrays of {path} do not form splits: {error}") from error
    if "valid" not in there and "train" in there and split in ("train", "valid"):
        own = dict(zip(("train", "valid"), held_out(len(parts["train"]["x"]), True, "examples"), strict=True))
        notes.append(held_out_note("x_train", True))
        return {base: array[own[split]] for base, array in parts["train"].items()}, notes
    if split not in there:
        hint = f"it has the splits {', '.join(there)}"
        raise InputError("AR803", f"{path} has no array 'x_{split}'", hint)
    return parts[split], notes


def _labels(labels: Array, notes: list[str]) -> tuple[Array, tuple[str, ...] | None]:
    """Labels [N] or [N, 1] as class numbers, and the names of the classes where labels are texts."""
    flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if flat.ndim != 1 or flat.dtype.kind != "U":
        return flat, None
    texts = flat.tolist()
    classes = tuple(sorted(set(texts), key=natural))
    notes.append(f"{len(classes)} classes by label: {listed(classes)}")
    number = {name: k for k, name in enumerate(classes)}
    return np.array([number[text] for text in texts], np.int64), classes
