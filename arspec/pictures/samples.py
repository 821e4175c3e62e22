"""Samples as a figure: images in a grid with their labels and a bar of pixels, sounds as wave forms over time, texts as
text, numbers as rows of colours with their scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arspec.data.mu_law import to_wave
from arspec.data.symbols import pieces_of
from arspec.data.write import as_images
from arspec.diagnostics import InputError
from arspec.pictures.heat import write_blocks
from arspec.pictures.letters import Line, columns_in, lines_of
from arspec.pictures.mosaic import GAP, bare, cells, label, pixel_bar, pixels, place, shortened
from arspec.pictures.style import (
    BODY,
    CYCLE,
    PAGE,
    TINY,
    check_figure,
    colour_bar,
    inches,
    sheet,
    styled,
    whole_ticks,
    write,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arspec.language.sections import Data

Array = npt.NDArray[Any]
SIDE = 0.8  # inches of the shorter side of an image at most
LABEL = 0.13  # inches of a line of labels
WAVE = 0.5  # inches of a wave form
MOST = {"images": 4096, "sounds": 24, "texts": 24, "numbers": 256}
LETTERS = 4000  # levels of a text
SCALE = 0.55  # inches of the scale of grey images


def render_samples(
    x: Array, data: Data, path: Path, *, labels: Sequence[str] = (), titles: Sequence[str] = (),
    columns: int | None = None, caption: str = "", width: str | float | None = None,
) -> list[Path]:  # fmt: skip
    """Draws integers x [N, *shape] as a figure that is printed; gives the path, as `arspec.data.write` does. -1 marks
    what is not given.

    labels: a word for each, below it. titles: a word for each column. columns: of a grid of images, by default so many
    that it is nearly a square. InputError for another suffix than .png, .svg and .pdf, and for more than can be
    shown."""
    check_figure(path, "figures of samples")
    wide = inches(width, PAGE)
    images = as_images(x, data) if len(x) else None
    text = data.is_text
    sound = data.kind == "sequence" and data.content == "audio"
    kind = "images" if images is not None else "sounds" if sound else "texts" if text else "numbers"
    if not 0 < len(x) <= MOST[kind]:
        raise InputError("AR808", f"a figure shows from 1 to {MOST[kind]:,} {kind}; {len(x):,} came", "take fewer")
    with styled():
        if images is not None:
            _images(images, data.levels, path, (labels, titles), columns, caption, wide)
        elif kind == "sounds":
            _sounds(x, data, path, labels, caption, wide)
        elif kind == "texts":
            _texts(x, data, path, labels, caption, wide)
        else:
            _numbers(x, data, path, labels, caption, wide)
    return [path]


def _images(
    images: Array, levels: int, path: Path, words: tuple[Sequence[str], Sequence[str]], most: int | None,
    caption: str, wide: float,
) -> None:  # fmt: skip
    labels, titles = words
    count, channels, height, width = images.shape
    columns = min(count, most or int(np.ceil(np.sqrt(count * height / width))))
    rows = -(-count // columns)
    grey = channels == 1
    room = wide - 0.08 - (SCALE if grey else 0)
    side = min(room / (columns * (1 + GAP)), SIDE * width / min(height, width) if columns < 8 else room)  # of an image
    pixel = side / width  # inches
    below = LABEL / pixel / height if labels else 0.0
    places = cells(count, columns, height, width, below)
    tall = rows * (height * (1 + GAP + below)) * pixel
    head = LABEL + 0.03 if titles else 0.0
    wide = min(wide, side * columns * (1 + GAP) + 0.08 + (SCALE if grey else 0))
    wide = max(wide, 1.2)
    whole = tall + head + 0.22
    figure = sheet(wide, whole)
    area = columns * width * (1 + GAP) * pixel
    axes = figure.add_axes((0.04 / wide, 0.2 / whole, area / wide, (tall + head) / whole))
    for k, (image, (left, top)) in enumerate(zip(pixels(images, levels), places, strict=True)):
        place(axes, image, left, top)
        if labels:
            label(axes, shortened([labels[k]], side)[0], left, top + height + 0.02 / pixel, width)
    for title, (left, _) in zip(shortened(titles, side), places, strict=False):
        label(axes, title, left, -0.03 / pixel, width, va="bottom")
    bare(axes, columns * width * (1 + GAP), tall / pixel, head / pixel)
    pixel_bar(axes, width, tall / pixel + 0.07 / pixel, 72 * pixel)
    if grey:
        _levels(figure, levels, (wide, whole), min(1.2, tall))
    write(figure, path, caption)


def _levels(figure: Any, levels: int, size: tuple[float, float], long: float) -> None:
    """The scale of grey images, on the right of a figure of this size."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    wide, whole = size
    axes = figure.add_axes((1 - (SCALE - 0.12) / wide, 1 - (long + 0.05) / whole, 0.08 / wide, long / whole))
    bar = figure.colorbar(ScalarMappable(Normalize(0, levels - 1), "gray"), cax=axes)
    bar.set_label("level")
    bar.set_ticks([0, levels - 1] if levels > 2 or long > 0.3 else [0, 1])
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(width=0.4, length=1.8)


def _sounds(x: Array, data: Any, path: Path, labels: Sequence[str], caption: str, wide: float) -> None:
    figure = sheet(wide, WAVE * len(x) + 0.35)
    rows: list[Axes] = figure.subplots(len(x), 1, sharex=True, squeeze=False).ravel().tolist()
    at = np.arange(x.shape[1]) / data.rate
    for k, (axes, row) in enumerate(zip(rows, x, strict=True)):
        axes.plot(at, to_wave(row, data.levels, data.companding), color=CYCLE[0], linewidth=0.4,
                  rasterized=len(at) > 20_000)  # fmt: skip
        axes.set_ylim(-1.05, 1.05)
        axes.set_yticks([-1, 0, 1])
        axes.margins(x=0.005)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylabel(labels[k] if labels else str(k), rotation=0, ha="right", va="center", parse_math=False)
    rows[-1].set_xlabel(f"time (s), {data.rate:,} samples a second")
    write(figure, path, caption)


def _texts(x: Array, data: Any, path: Path, labels: Sequence[str], caption: str, wide: float) -> None:
    blocks: list[tuple[str, list[Line]]] = []
    for k, row in enumerate(x):
        pieces = pieces_of(row[:LETTERS], data)
        rest = len(row) - LETTERS
        name = (labels[k] if labels else str(k)) + (f" (the first {LETTERS:,} levels)" if rest > 0 else "")
        blocks.append((name, lines_of(pieces, [0.0] * len(pieces), columns_in(wide - 0.1))))
    write_blocks(path, blocks, wide, None, caption)


def _numbers(x: Array, data: Data, path: Path, labels: Sequence[str], caption: str, wide: float) -> None:
    from matplotlib import colormaps

    flat = x.reshape(len(x), -1)
    figure = sheet(wide, max(0.9, min(6.0, 0.12 * len(x))) + 0.7)
    axes = figure.subplots()
    few = data.levels <= 12  # each with a colour of its own
    colours = colormaps["cividis"].resampled(data.levels) if few else "cividis"
    edge = 0.5 if few else 0.0
    shown = axes.imshow(np.ma.masked_less(flat, 0), cmap=colours, vmin=-edge, vmax=data.levels - 1 + edge,
                        aspect="auto", interpolation="none")  # fmt: skip
    axes.set_xlabel("step" if data.kind == "sequence" else "entry", fontsize=BODY)
    whole_ticks(axes, across=10)
    if labels and len(x) <= 40:
        axes.set_yticks(range(len(x)), labels, fontsize=TINY, parse_math=False)
    else:
        axes.set_ylabel("sample")
    colour_bar(figure, shown, axes, "level", below=False, ticks=range(data.levels) if few else None)
    write(figure, path, caption)
