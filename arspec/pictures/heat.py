"""Heat maps: the bits of each variable at its place, below images, behind the characters of texts, else as curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arspec.data.mu_law import to_wave
from arspec.data.symbols import pieces_of
from arspec.data.write import as_images
from arspec.pictures.letters import ADVANCE, SIZE, Line, columns_in, height_of, lines_of, write_letters
from arspec.pictures.mosaic import GAP, bare, place
from arspec.pictures.mosaic import pixels as pixels_of
from arspec.pictures.style import (
    BODY,
    PAGE,
    QUIET,
    SMALL,
    check_figure,
    colour_bar,
    inches,
    sheet,
    styled,
    write,
)  # fmt: skip
from arspec.pictures.surprise import colour_map, scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arspec.language.sections import Data

Sets = Mapping[str, tuple[npt.NDArray[Any], npt.NDArray[np.float32]]]
MOST, TEXTS, CURVES = 12, 3, 3  # examples of a set that are shown: images, texts, curves
LETTERS = 640  # levels of a text
BAR = 0.62  # inches of the scale on the right
TITLE = 0.24  # inches of a set's name
ROW = 0.55  # inches of a curve
SUM = 0.15  # inches of the bits of an image, below it


def draw_heat(path: Path, sets: Sets, data: Data, *, width: str | float | None = None) -> Path:
    """For each set by its name, examples x [N, *shape] and their bits [N, *grid], the first of each, with one scale for
    all: images with their bits below, texts whose characters stand on the colour of their bits, other sequences and
    vectors as curves. Gives the path. InputError for a path that no figure is written to."""
    check_figure(path, "heat maps")
    wide = inches(width, PAGE)
    first = next(iter(sets.values()))[0]
    if as_images(first[:1], data) is not None:
        return _images(path, sets, data, wide)
    if data.is_text:
        return _texts(path, sets, data, wide)
    return _curves(path, sets, data, wide)


def heat_caption(sets: Sets) -> str:
    """What a heat map shows."""
    told = ", ".join(f"{name} ({float(bits.reshape(len(bits), -1).sum(1).mean()):,.1f} bits an example)"
                     for name, (_, bits) in sets.items())  # fmt: skip
    return f"Bits of each variable at its place, the darker the more surprising: {told}."


def _images(path: Path, sets: Sets, data: Data, wide: float) -> Path:
    columns = min(MOST, max(len(x) for x, _ in sets.values()))
    most = max(scale_of(bits[:columns]) for _, bits in sets.values())
    with styled():
        shape = as_images(next(iter(sets.values()))[0][:1], data)
        assert shape is not None
        height, across = shape.shape[2:]
        side = (wide - BAR - 0.1) / (columns * (1 + GAP))
        tall = side * height / across * (2 + 2 * GAP) + SUM
        figure = sheet(wide, len(sets) * (tall + TITLE) + 0.1)
        grid: list[Axes] = figure.subplots(len(sets), 1, squeeze=False).ravel().tolist()
        shown: Any = None
        for axes, (name, (x, bits)) in zip(grid, sets.items(), strict=True):
            images = as_images(x[:columns], data)
            assert images is not None
            below = height * (2 + GAP / 2)
            for k, image in enumerate(pixels_of(images, data.levels)):
                left = k * across * (1 + GAP)
                place(axes, image, left, 0)
                heat = bits[k].reshape(height, across)
                shown = place(axes, heat, left, height * (1 + GAP / 2), cmap=colour_map(), vmin=0, vmax=most)
                said, at = f"{float(bits[k].sum()):,.0f}", (left + across / 2, below + GAP / 4 * height)
                axes.text(*at, said, ha="center", va="top", fontsize=SMALL, color=QUIET)
            bare(axes, columns * across * (1 + GAP), below + SUM * across / side)
            axes.set_anchor("W")
            axes.set_title(f"{name}; below each its bits", loc="left", parse_math=False)
        colour_bar(figure, shown, grid, "bits a pixel", below=False, extend="max", shrink=0.9, fraction=BAR / wide / 2)
        return write(figure, path, heat_caption(sets))


def _texts(path: Path, sets: Sets, data: Any, wide: float) -> Path:
    columns = columns_in(wide - BAR)
    most = max(scale_of(bits[:TEXTS]) for _, bits in sets.values())
    blocks: list[tuple[str, list[Line]]] = []
    for name, (x, bits) in sets.items():
        for k in range(min(TEXTS, len(x))):
            pieces = pieces_of(x[k][:LETTERS], data)
            lines = lines_of(pieces, bits[k].ravel()[:LETTERS].tolist(), columns)
            rest = len(x[k]) - LETTERS
            more = f", the first {LETTERS:,} of {len(x[k]):,} levels" if rest > 0 else ""
            blocks.append((f"{name}, example {k}: {float(bits[k].sum()):,.1f} bits{more}", lines))
    return write_blocks(path, blocks, wide, most, heat_caption(sets))


def write_blocks(
    path: Path, blocks: list[tuple[str, list[Line]]], wide: float, most: float | None, caption: str
) -> Path:
    """Blocks of text with their names above each, on the colours of their bits where `most` says the last of them."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    heights = [height_of(len(lines)) for _, lines in blocks]
    tall = sum(heights) + TITLE * len(blocks) + 0.08
    with styled():
        figure = sheet(wide, tall)
        top = tall - 0.04
        room = wide - (BAR if most is not None else 0.1)
        columns = columns_in(room)
        for (name, lines), height in zip(blocks, heights, strict=True):
            if name:
                figure.text(0.04 / wide, (top - TITLE * 0.45) / tall, name, va="center", fontsize=BODY, color=QUIET,
                            parse_math=False)  # fmt: skip
            top -= TITLE + height
            axes = figure.add_axes((0.04 / wide, top / tall, columns * ADVANCE * SIZE / 72 / wide, height / tall))
            write_letters(axes, lines, most, columns)
        if most is not None:
            long = min(tall - 0.3, 1.4)
            scale = ScalarMappable(Normalize(0, most), colour_map(readable=True))
            place = figure.add_axes((1 - (BAR - 0.16) / wide, 1 - (long + 0.14) / tall, 0.09 / wide, long / tall))
            bar = figure.colorbar(scale, cax=place, extend="max")
            bar.set_label("bits")
            bar.outline.set_linewidth(0.4)
        return write(figure, path, caption)


def _curves(path: Path, sets: Sets, data: Any, wide: float) -> Path:
    sound = data.kind == "sequence" and data.content == "audio"
    shown = [(name, k, x[k], bits[k].ravel()) for name, (x, bits) in sets.items() for k in range(min(CURVES, len(x)))]
    per = 2 if sound else 1
    with styled():
        figure = sheet(wide, ROW * per * len(shown) + TITLE * len(shown) + 0.35)
        rows: list[Axes] = figure.subplots(per * len(shown), 1, sharex=True, squeeze=False).ravel().tolist()
        for number, (name, k, x, bits) in enumerate(shown):
            own = rows[per * number : per * (number + 1)]
            at = np.arange(len(bits)) / (data.rate if sound else 1)
            if sound:
                own[0].plot(at, to_wave(x, data.levels, data.companding), color=QUIET, linewidth=0.4,
                            rasterized=len(at) > 20_000)  # fmt: skip
                own[0].set_ylabel("wave")
                own[0].set_ylim(-1.05, 1.05)
            own[-1].plot(at, bits, color="#c04702", linewidth=0.6, rasterized=len(at) > 20_000)
            own[-1].set_ylabel("bits")
            own[-1].set_ylim(bottom=min(0.0, float(bits.min())))
            own[0].set_title(f"{name}, example {k}: {float(bits.sum()):,.1f} bits", loc="left", parse_math=False)
        for axes in rows:
            axes.spines[["top", "right"]].set_visible(False)
            axes.margins(x=0.005)
        unit = "s" if sound else "step" if data.kind == "sequence" else "entry"
        rows[-1].set_xlabel(f"time ({unit})" if sound else unit)
        return write(figure, path, heat_caption(sets))
