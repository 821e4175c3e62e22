"""Picture files as sources: pixels, one example for each file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arspec.data.examples import Array
from arspec.data.options import Options
from arspec.data.raw import Raw, split_of
from arspec.data.readers.classes import class_labels
from arspec.data.readers.files import Files, shuffled
from arspec.diagnostics import InputError

if TYPE_CHECKING:
    from arspec.spec.sections import Data

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")


def read_pictures(source: Files, data: Data, split: str, options: Options) -> Raw:
    """One split of several pictures; a single one is the same in every split."""
    if source.folder is None:
        return Raw("images", _images(list(source.paths), data), levels=256)
    found = source.of_kind(SUFFIXES)
    chosen = split_of(found, split, shuffle=True, what="images")
    notes = shuffled(split)
    labels = class_labels(source, found, chosen, notes)
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
