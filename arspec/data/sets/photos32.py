"""Colour patches of 32x32 pixels from fifteen photographs of Debian's lomiri-wallpapers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arspec.data import cache
from arspec.data.examples import Array
from arspec.data.raw import SPLITS, Raw
from arspec.data.sets.base import DataSet, part

SIDE = 32
REDUCED_BY = 4
# counts of photographs, in the order of their names
VALID, TEST = 2, 2


def _convert(folder: Path) -> dict[str, Array]:
    photos = part(folder, "backgrounds/*.jpg")
    ends = (len(photos) - VALID - TEST, len(photos) - TEST)
    split_of = ["train" if i < ends[0] else "valid" if i < ends[1] else "test" for i in range(len(photos))]
    patches: dict[str, list[Array]] = {split: [] for split in SPLITS}
    for split, photo in zip(split_of, photos, strict=True):
        patches[split].append(_patches(photo))
    return {f"{split}_x": np.concatenate(arrays) for split, arrays in patches.items()}


def _patches(photo: Path) -> Array:
    from PIL import Image

    # the sources are JPEG: the mean over 4x4 pixels leaves little of its blocks
    with Image.open(photo) as file:
        image = np.asarray(file.convert("RGB").reduce(REDUCED_BY))
    rows, columns = image.shape[0] // SIDE, image.shape[1] // SIDE
    grid = image[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE, 3)
    return grid.transpose(0, 2, 4, 1, 3).reshape(-1, 3, SIDE, SIDE)


def _read(split: str) -> Raw:
    parts = SPLITS if split == "all" else (split,)
    arrays = cache.read("photos32", tuple(f"{part}_x" for part in parts))
    x = np.concatenate([arrays[f"{part}_x"] for part in parts])
    return Raw("images", x, levels=256, notes=["split by photograph"])


PHOTOS32 = DataSet(
    name="photos32",
    about="7,210 colour patches of 32x32 pixels from 15 photographs, reduced by 4 and cut, split by photograph",
    licence="CC-BY-4.0, CC-BY-SA-4.0 or CC0-1.0, each photograph its own (see the package's copyright file)",
    client="apt",
    package="lomiri-wallpapers-16.04",
    version=None,
    convert=_convert,
    read=_read,
)
