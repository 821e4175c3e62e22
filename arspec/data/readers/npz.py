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
    from arspec.language.sections import Conditions

_BASES = {"X": "x", "Y": "y"}  # as some programs call them


def read_npz_file(path: Path, condition: Conditions, split: str, options: Options) -> Raw:
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
    every = arrays  # by which classes are numbered, the same in all splits
    if any("x" in part for part in parts.values()):
        every = parts["train"] if "x" in parts.get("train", {}) else {}
        arrays, notes = _of_split(parts, split, path)
    elif "x" in arrays:
        _check_lengths(arrays, path)
        chosen = split_indices(len(arrays["x"]), split, shuffle=True)
        arrays, notes = {name: array[chosen] for name, array in arrays.items()}, shuffled(split)
    else:
        raise InputError("AR803", f"{path} has no array 'x' and no 'x_train'", f"it has: {', '.join(sorted(arrays))}")
    called = next((name for name in ("y", "label", "labels") if name in arrays and name not in condition), None)
    given = {name: arrays[name] for name in condition if name in arrays}
    labels = classes = None
    only = [name for name, section in condition.items() if section.kind == "class"]
    if called is None and len(only) == 1 and only[0] in given:
        called = only[0]
        del given[called]
    if called is not None:
        labels, classes = _labels(arrays[called], every.get(called, arrays[called]), path, notes)
    top = max((each for each in tops if each is not None), default=None)
    return Raw("array", arrays["x"], highest=top, labels=labels, classes=classes, condition=given, notes=notes)


def _add(part: dict[str, Array], base: str, array: Array, path: Path) -> None:
    if base in part:
        raise InputError("AR803", f"{path} has two arrays '{base}' of one split", "leave one of them out")
    part[base] = array


def _check_lengths(arrays: dict[str, Array], path: Path) -> None:
    """InputError where an array has not as many examples as the one named x."""
    if arrays["x"].ndim == 0:
        raise InputError("AR804", f"{path}: 'x' is a single number, and its first axis is to be that of the examples")
    count = len(arrays["x"])
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


def _labels(labels: Array, every: Array, path: Path, notes: list[str]) -> tuple[Array, tuple[str, ...] | None]:
    """Labels [N] or [N, 1] as class numbers, and the names of the classes where labels are texts: those of `every`, the
    labels that a model is trained with. InputError for a label that is none of them, and for bytes that are no text."""
    flat = _flat(labels, path)
    if flat.dtype.kind != "U" or flat.ndim != 1:
        return flat, None
    classes = tuple(sorted(set(_flat(every, path).astype(str).tolist()), key=natural))
    number = {name: k for k, name in enumerate(classes)}
    texts = flat.tolist()
    if strange := sorted(set(texts) - number.keys(), key=natural):
        message = f"{path} has classes that are not among its labels for training: {listed(strange)}"
        raise InputError("AR850", message, f"the classes there are: {listed(classes)}")
    notes.append(f"{len(classes)} class{'es' * (len(classes) > 1)} by label: {listed(classes)}")
    return np.array([number[text] for text in texts], np.int64), classes


def _flat(labels: Array, path: Path) -> Array:
    """Labels [N]: texts as such, and whole numbers that are stored as fractions or as true and false as whole
    numbers."""
    flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    kind = flat.dtype.kind
    if kind == "S":
        try:
            return np.char.decode(flat, "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                "AR807", f"{path} has labels of bytes that are not UTF-8", "write them as texts"
            ) from error
    if kind == "f":  # NaN and infinity are no whole numbers either
        wide = flat.astype(np.float64)
        return wide.astype(np.int64) if ((np.abs(wide) < 2**31) & (wide == np.rint(wide))).all() else flat
    return flat.astype(np.int64) if kind == "b" else flat
