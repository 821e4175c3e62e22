"""Heat maps: under each example, the bits of its variables at their places."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arspec.pictures.style import sheet, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arspec.language.sections import Data

MOST = 12  # examples of a set that are shown
INCH = 1.1  # side of a picture
DPI = 110


def draw_heat(path: Path, sets: dict[str, tuple[npt.NDArray[Any], npt.NDArray[np.float32]]], data: Data) -> None:
    """For each set by its name, examples x [N, *shape] and their bits [N, *grid]: the first `MOST` of each, in two
    rows, with one scale for all. Sequences and vectors without a display are drawn as curves."""
    columns = min(MOST, max(len(x) for x, _ in sets.values()))
    size = _picture_size(data)
    highest = max(float(np.quantile(bits[:columns], 0.999)) for _, bits in sets.values()) or 1.0
    per_set = 2 if size is not None else 1
    across = columns if size is not None else 1
    figure = sheet((INCH * columns + 1.2, (INCH + 0.15) * per_set * len(sets) + 0.4), DPI)
    grid = figure.subplots(per_set * len(sets), across, squeeze=False)
    shown: Any = None
    for number, (name, (x, bits)) in enumerate(sets.items()):
        rows = grid[per_set * number : per_set * (number + 1)]
        if size is None:
            _curves(rows[0, 0], name, bits[: min(columns, 4)])
            continue
        for axes in rows.ravel():
            axes.set_axis_off()
        rows[0, 0].set_title(name, loc="left", fontsize=9).set_in_layout(False)
        for k in range(min(columns, len(x))):
            _example(rows[0, k], x[k].reshape(-1, *size)[len(data.auxiliary) :], data.levels)
            shown = rows[1, k].imshow(bits[k].reshape(size), cmap="magma", vmin=0, vmax=highest)
    if shown is not None:
        figure.colorbar(shown, ax=grid, label="bits", fraction=0.02)
    write(figure, path)


def _picture_size(data: Data) -> tuple[int, int] | None:
    if data.kind == "image":
        return data.height, data.width
    return data.display if data.kind == "vector" else None


def _example(axes: Axes, x: npt.NDArray[Any], levels: int) -> None:
    """[C, H, W] as a picture; of two channels, or more than three, the first alone."""
    plain = x / (levels - 1)
    if len(x) == 3:
        axes.imshow(plain.transpose(1, 2, 0))
    else:
        axes.imshow(plain[0], cmap="gray", vmin=0, vmax=1)


def _curves(axes: Axes, name: str, bits: npt.NDArray[np.float32]) -> None:
    axes.set_title(name, loc="left", fontsize=9)
    axes.plot(bits.reshape(len(bits), -1).T, linewidth=0.7)
    axes.set_xlabel("place")
    axes.set_ylabel("bits")
