"""Figures of matplotlib: set out once and written whole or not at all, and the lines between cells as one artist."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arspec.extras import need
from arspec.files.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE: dict[str, Any] = {
    "font.size": 8.5, "font.family": "sans-serif", "svg.fonttype": "none", "svg.hashsalt": "arspec",
    "axes.titlesize": 9, "axes.titley": 1.0,  # else titles look for what stands on top of the axes, at every turn
}  # fmt: skip
MARGIN = 0.1  # inches around what is drawn, where the rest is cut off


def sheet(size: tuple[float, float], dpi: int) -> Figure:
    """An empty figure of a size in inches, to be written by `write`.
    Its axes stand where `subplots` puts them till then.

    It has no layout engine of its own: with one, matplotlib goes through all that is drawn once more before it
    writes."""
    figure: Figure = need("matplotlib", "matplotlib.figure").Figure(figsize=size, dpi=dpi)
    need("matplotlib", "matplotlib.backends.backend_agg").FigureCanvasAgg(figure)  # keeps what measures texts
    return figure


def write(figure: Figure, target: Path, *, form: str | None = None, cut: bool = False) -> None:
    """Sets a figure's axes out so that nothing overlaps, and writes it at its own dpi.

    form: of the file, as matplotlib names it; what the suffix of `target` says where left out, of none a .png. cut:
    what is empty around the axes is left out. An .svg holds no date, so that equal figures are equal files."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if not axis.get_label_text():
            axis.set_label_coords(0.5, 0)  # else its place is worked out from all ticks' labels, at every turn
    ConstrainedLayoutEngine().execute(figure)
    box = figure.get_tightbbox().padded(MARGIN) if cut else None
    form = form or target.suffix.lower()[1:] or "png"
    with replacing(target) as temporary:
        metadata = {"Date": None} if form == "svg" else None  # the time is no part of it
        figure.savefig(temporary, format=form, dpi="figure", metadata=metadata, bbox_inches=box)


def lines_between(axes: Axes, height: int, width: int, colour: str, thick: float = 0.6) -> None:
    """Lines between the cells of a grid whose cell (r, c) is drawn around (x=c, y=r). Ticks would cost far more."""
    from matplotlib.collections import LineCollection

    (left, right), (top, bottom) = (-0.5, width - 0.5), (-0.5, height - 0.5)
    upright = [((x, top), (x, bottom)) for x in np.arange(-0.5, width)]
    level = [((left, y), (right, y)) for y in np.arange(-0.5, height)]
    axes.add_collection(LineCollection(upright + level, colors=colour, linewidths=thick, zorder=1.5), autolim=False)


def legend(figure: Figure, looks: Iterable[tuple[str, str]], columns: int | None = None, itself: bool = False) -> None:
    """Colours with what they mean, below a figure. itself: so is the frame around the variable that it is about."""
    from matplotlib.patches import Patch

    patches = [Patch(facecolor=colour, edgecolor="#808080", label=meaning) for colour, meaning in looks]
    if itself:
        patches.append(Patch(facecolor="none", edgecolor="black", linewidth=2, label="the variable itself"))
    figure.legend(handles=patches, loc="outside lower center", ncols=columns or len(patches), frameon=False)
