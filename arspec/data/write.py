"""Writing what a model draws: PNG grids, text, WAV and plain arrays, each whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arspec.data.arrays import write_npy
from arspec.data.examples import Array
from arspec.data.mu_law import to_wave
from arspec.data.picture.png import png_file
from arspec.data.symbols import text_of
from arspec.data.wav import write_wav
from arspec.diagnostics import InputError
from arspec.files.atomic import check_place, replacing, write_text

if TYPE_CHECKING:
    from arspec.language.sections import Data, SequenceData

GAP = 2  # pixels between the images of a grid
GAP_GREY = 96
SMALLEST = 56  # images with a shorter side are shown larger, every pixel as a square


def suffix_for(data: Data) -> str:
    """The ending of the file that shows such data best: .png, .txt, .wav or .npy."""
    if data.kind == "sequence":
        return ".txt" if data.is_text else {"audio": ".wav"}.get(data.content, ".npy")
    return ".png" if as_images(np.zeros((1, *data.shape), np.int64), data) is not None else ".npy"


def write(x: Array, data: Data, path: Path, columns: int | None = None) -> list[Path]:
    """Writes integers x [N, *shape] as the ending of `path` asks; gives the paths written.

    .npy: the integers. .png: a grid of `columns` (a square one by default), without auxiliary images. .txt: text, one
    example after another. .wav: one file for each example. InputError where the ending does not fit the data.
    """
    suffix = path.suffix.lower()
    if suffix == ".npy":
        with replacing(path) as temporary:
            write_npy(temporary, x)
        return [path]
    if suffix == ".txt" and data.kind == "sequence" and data.content != "audio":
        write_text(path, as_text(x, data))
        return [path]
    if suffix == ".wav" and data.kind == "sequence" and data.content == "audio":
        return _write_waves(x, data, path)
    if suffix == ".png":
        images = as_images(x, data)
        if images is not None:
            write_png(path, images, data.levels, columns)
            return [path]
    fitting = " or ".join(dict.fromkeys((suffix_for(data), ".npy")))
    raise InputError("AR809", f"{path}: {_article(data)} is not written as '{suffix or path.name}'", f"use {fitting}")


def check_suffix(path: Path, data: Data) -> None:
    """Refuses a place or an ending that `write` would refuse, before anything is computed."""
    check_place(path)
    check_form(path, data)


def check_form(path: Path, data: Data) -> None:
    """Refuses an ending that `write` would refuse."""
    written: list[str] = [".txt"] if data.kind == "sequence" and data.content != "audio" else []
    fit = list(dict.fromkeys([suffix_for(data), *written, ".npy"]))
    if path.suffix.lower() not in fit:
        fitting = " or ".join(fit)
        raise InputError("AR809", f"{path}: {_article(data)} is not written as '{path.suffix}'", f"use {fitting}")


def _article(data: Data) -> str:
    return "an image" if data.kind == "image" else f"a {data.kind}"


def as_text(x: Array, data: SequenceData) -> str:
    """Examples [N, T] as text, a line of dashes between two; tokens without characters as numbers. A single text is
    written as it is."""
    if data.is_text:
        texts = [text_of(row, data) for row in x]
        if len(texts) == 1:
            return texts[0]
    else:
        texts = [" ".join(str(value) for value in row) for row in x]
    return f"\n{'-' * 72}\n".join(texts) + "\n"


def as_images(x: Array, data: Data) -> Array | None:
    """Examples [N, *shape] as images [N, C, H, W] without auxiliary ones; None where the data can't be shown so."""
    if data.kind == "image":
        return x[:, len(data.auxiliary) :] if data.channels in (1, 3, 4) else None
    if data.kind == "vector":
        side = int(np.sqrt(data.size))
        display = data.display or ((side, side) if side * side == data.size else None)
        return None if display is None else x.reshape(len(x), 1, display[0], display[1])
    return None


def write_png(path: Path, x: Array, levels: int, columns: int | None = None) -> None:
    """A grid of images x [N, C, H, W] with C of 1, 3 or 4 and values 0 .. levels - 1; -1 marks a pixel as not given.

    The levels are spread over 8 bits, or over 16 where there are more than 256 of them;
    reading the file gives them again.
    """
    from PIL import Image

    bits = 8 if levels <= 256 else 16
    top, kind = (1 << bits) - 1, np.uint8 if bits == 8 else np.uint16
    count, channels, height, width = x.shape
    across = min(count, columns or int(np.ceil(np.sqrt(count))))
    down = -(-count // across)
    unknown = (x < 0).any(1, keepdims=True)
    values = np.rint(np.clip(x, 0, levels - 1).astype(np.float64) * top / (levels - 1)).astype(kind)
    values = values if channels > 1 else values.repeat(3, 1)
    # what is not given is shown in a colour that grey data cannot have
    blank = (np.array([64, 96, 160, 255][: values.shape[1]]) * (top // 255)).astype(kind)[:, None, None]
    values = np.where(unknown, blank, values)
    larger = max(1, -(-SMALLEST // min(height, width)))
    values = values.repeat(larger, 2).repeat(larger, 3)
    height, width = height * larger, width * larger
    size = (values.shape[1], down * (height + GAP) + GAP, across * (width + GAP) + GAP)
    grid = np.full(size, GAP_GREY * (top // 255), kind)
    for i, image in enumerate(values):
        above, left = GAP + i // across * (height + GAP), GAP + i % across * (width + GAP)
        grid[:, above : above + height, left : left + width] = image
    with replacing(path) as temporary:
        if bits == 16:  # which pillow does not write in colours
            temporary.write_bytes(png_file(grid, bits))
        else:
            Image.fromarray(grid.transpose(1, 2, 0)).save(temporary)


def numbered(path: Path, count: int) -> list[Path]:
    """The names of so many files: `path` itself for one, else x-0.wav, x-1.wav and so on for x.wav."""
    digits = len(str(count - 1))
    return [path] if count == 1 else [path.with_stem(f"{path.stem}-{i:0{digits}}") for i in range(count)]


def _write_waves(x: Array, data: SequenceData, path: Path) -> list[Path]:
    paths = numbered(path, len(x))
    for row, each in zip(x, paths, strict=True):
        write_wav(each, to_wave(row, data.levels, data.companding), data.rate)
    return paths
