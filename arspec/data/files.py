"""A person's own files as sources: images, arrays, text and WAV, one file or a folder of them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from arspec.data.cache import read_npz
from arspec.data.examples import Array
from arspec.data.raw import SPLITS, Layout, Raw, split_indices, split_of
from arspec.data.wav import read_wav
from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from arspec.data.load import Condition
    from arspec.spec.sections import Data

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
TEXTS = (".txt", ".md", ".text")


def read_path(path: Path, data: Data, condition: Condition, split: str) -> Raw:
    """One split of a file or a folder; what a file is, its suffix says.

    A file that holds a single example (an image) is the same in every split.
    """
    if path.is_dir():
        return _folder(path, data, split)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return _npz(path, condition, split)
    if suffix == ".npy":
        return _npy(path, data, split)
    if suffix == ".wav":
        samples, rate = read_wav(path)
        return Raw("audio", _cut(samples, split, "samples"), rate=rate, notes=_in_order(split))
    if suffix in IMAGES:
        return Raw("images", _images([path], data), levels=256)
    if suffix in TEXTS or (data.kind == "sequence" and data.content == "text"):
        return Raw("text", _cut(_bytes(path), split, "characters"), levels=256, notes=_in_order(split))
    known = ", ".join((".npy", ".npz", ".wav", ".txt", *IMAGES[:3]))
    raise InputError("AR803", f"{path}: a file that ends in '{suffix}' is no data that is known", f"known: {known} ...")


def _in_order(split: str) -> list[str]:
    return [] if split == "all" else ["the last tenth is the test split, the tenth before it the validation split"]


def _shuffled(split: str) -> list[str]:
    return [] if split == "all" else ["split 80/10/10 by a fixed shuffle"]


def _cut(stream: Array, split: str, what: str) -> Array:
    chosen = split_indices(len(stream), split, shuffle=False, what=what)
    return stream[chosen[0] : chosen[-1] + 1] if len(chosen) else stream[:0]


def _bytes(path: Path) -> Array:
    try:
        return np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise InputError("AR803", f"cannot read {path}: {error.strerror}") from error


def _folder(folder: Path, data: Data, split: str) -> Raw:
    """A folder of images (sub-folders are classes), WAV files or texts, by what the spec models."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    if data.kind == "sequence":
        wanted, layout = ((".wav",), "audio") if data.content == "audio" else (TEXTS, "text")
    else:
        wanted, layout = IMAGES, "images"
    found = [path for path in files if path.suffix.lower() in wanted]
    if not found:
        raise InputError("AR803", f"the folder {folder} holds no file that ends in {', '.join(wanted)}")
    if layout == "images":
        return _image_folder(folder, found, data, split)
    chosen = split_of(found, split, shuffle=False, what="files")
    notes = [] if split == "all" else ["split by file"]
    if layout == "text":
        return Raw("text", np.concatenate([_bytes(path) for path in chosen]), levels=256, notes=notes)
    waves = [read_wav(path) for path in chosen]
    rates = {rate for _, rate in waves}
    if len(rates) > 1:
        raise InputError("AR804", f"the WAV files of {folder} have different rates: {sorted(rates)} Hz")
    return Raw("audio", np.concatenate([samples for samples, _ in waves]), rate=rates.pop(), notes=notes)


def _image_folder(folder: Path, found: list[Path], data: Data, split: str) -> Raw:
    classes = sorted({path.relative_to(folder).parts[0] for path in found if path.parent != folder})
    chosen = split_of(found, split, shuffle=True, what="images")
    notes = _shuffled(split)
    labels = None
    if classes and all(path.parent != folder for path in found):
        labels = np.array([classes.index(path.relative_to(folder).parts[0]) for path in chosen], np.int64)
        notes.append(f"classes by sub-folder: {', '.join(classes[:10])}{' ...' if len(classes) > 10 else ''}")
    return Raw("images", _images(chosen, data), levels=256, labels=labels, notes=notes)


def _images(paths: list[Path], data: Data) -> Array:
    """[N, C, H, W], in the channels that the spec has: grey for one, RGB for three, RGBA for four."""
    from PIL import Image, UnidentifiedImageError

    mode = {1: "L", 3: "RGB", 4: "RGBA"}.get(data.channels if data.kind == "image" else 1)
    if mode is None:
        raise InputError("AR804", f"image files have 1, 3 or 4 channels, the spec has {data.channels}", "use an .npy")
    arrays: list[Array] = []
    for path in paths:
        try:
            with Image.open(path) as file:
                array = np.asarray(file.convert(mode), dtype=np.uint8)
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
            raise InputError("AR803", f"cannot read {path} as an image: {error}") from error
        arrays.append(array.reshape(*array.shape[:2], -1).transpose(2, 0, 1))
        if arrays[-1].shape != arrays[0].shape:
            sizes = [f"{image.shape[1]}x{image.shape[2]}" for image in (arrays[0], arrays[-1])]
            message = f"the images have different sizes: {sizes[0]} ({paths[0]}) and {sizes[1]} ({path})"
            raise InputError("AR804", message)
    return np.stack(arrays)


def _npy(path: Path, data: Data, split: str) -> Raw:
    try:
        loaded: object = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError("AR803", f"cannot read {path} as an array: {error}") from error
    if not isinstance(loaded, np.ndarray):
        raise InputError("AR803", f"{path} holds several arrays", "name it .npz")
    array = cast(Array, loaded)
    if array.ndim == 1 and data.kind == "sequence":
        layout: Layout = "audio" if array.dtype.kind == "f" else "array"
        return Raw(layout, _cut(array, split, "values"), notes=_in_order(split))
    chosen = split_indices(len(array) if array.ndim else 0, split, shuffle=True)
    return Raw("array", array[chosen], notes=_shuffled(split))


def _npz(path: Path, condition: Condition, split: str) -> Raw:
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
        notes = _shuffled(split)
    else:
        raise InputError("AR803", f"{path} has no array 'x' and no 'x_train'", f"it has: {', '.join(sorted(arrays))}")
    labels = next((arrays[name] for name in ("y", "label", "labels") if name in arrays and name not in condition), None)
    given = {name: arrays[name] for name in condition if name in arrays}
    return Raw("array", arrays["x"], labels=labels, condition=given, notes=notes)
