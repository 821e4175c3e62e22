"""Picture files as sources: pixels, one example for each file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arspec.data.examples import Array
from arspec.data.levels import change, with_levels
from arspec.data.options import Options
from arspec.data.raw import Raw
from arspec.data.readers.classes import class_labels
from arspec.data.readers.files import Files
from arspec.data.readers.splits import files_of_split
from arspec.data.tally import Tally
from arspec.diagnostics import InputError
from arspec.files.foreign import content
from arspec.files.kinds import PICTURES

if TYPE_CHECKING:
    from arspec.language.sections import Data


def read_pictures(source: Files, data: Data, split: str, options: Options) -> Raw:
    """One split of several pictures; a single one is the same in every split."""
    if source.folder is None:
        x, levels, notes = _images(list(source.paths), data, options)
        return Raw("images", x, levels=levels, notes=notes)
    found = source.of_kind(PICTURES)
    chosen, notes = files_of_split(source, found, split, shuffle=True, what="images")
    labels, classes = class_labels(source, found, chosen, notes)
    x, levels, more = _images(chosen, data, options)
    return Raw("images", x, levels=levels, labels=labels, classes=classes, notes=notes + more)


def _images(paths: list[Path], data: Data, options: Options) -> tuple[Array, int, list[str]]:
    """[N, C, H, W] in the channels and, but for binarization, the levels of the spec; their levels; notes."""
    from arspec.data.picture.fit import fitted
    from arspec.data.picture.read import decode

    channels = data.channels if data.kind == "image" else 1
    if channels > 4:
        raise InputError("AR804", f"image files have 1 to 4 channels, the spec has {channels}", "use an .npy")
    arrays: list[Array] = []
    spans: list[int] = []
    told = Tally()
    for path in paths:
        told.begin()
        picture = decode(content(path, "AR803"), str(path))
        if picture.frames > 1:
            told.add("the first of several pictures in the file")
        try:
            array = fitted(picture, channels, options, told)
        except InputError as error:
            raise InputError(error.code, f"{path}: {error.message}", error.help) from error
        wanted = options.levels or data.levels
        if wanted > 2 or options.levels is not None:  # two levels are drawn later, with the seed
            if picture.span != wanted:
                told.add(change(picture.span, wanted))
            array = with_levels(array, picture.span, wanted)
        arrays.append(array)
        spans.append(picture.span if wanted == 2 and options.levels is None else wanted)
        if array.shape != arrays[0].shape:
            sizes = [f"{image.shape[1]}x{image.shape[2]}" for image in (arrays[0], array)]
            message = f"the images have different sizes: {sizes[0]} ({paths[0]}) and {sizes[1]} ({path})"
            raise InputError("AR804", message, size_help(data))
    most = max(spans)
    return np.stack([with_levels(x, span, most) for x, span in zip(arrays, spans, strict=True)]), most, told.notes()


def size_help(data: Data) -> str:
    """The options that bring images to the size of a spec."""
    size = f"{data.height}x{data.width}" if data.kind == "image" else "ROWSxCOLUMNS"
    return (
        f"NAME@size={size} scales each image until it covers this size and cuts the middle; "
        "@resize= stretches, @crop= only cuts"
    )
