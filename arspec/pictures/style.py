"""One style for all figures: sizes of a paper's column and page, fonts as text, colours that everyone tells apart.

Every figure of matplotlib is begun by `sheet`, inside `styled`, and written by `write`: whole or not at all, the same
bytes for the same figure. A test holds that no other file makes one.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arspec.diagnostics import InputError
from arspec.extras import need
from arspec.files.atomic import check_place, replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

COLUMN, PAGE, TALL = 3.3, 6.75, 9.0  # inches: a column and the text of a page of two columns, and the page's height
WIDTHS = {"column": COLUMN, "page": PAGE}
LEAST, WIDEST = 1.5, 40.0  # inches of a picture
FORMATS = (".svg", ".png", ".pdf")
DPI = 220
BODY, SMALL, TINY = 7.0, 6.5, 6.0  # points, as they are printed
FONTS = ("Arial", "Liberation Sans", "Nimbus Sans", "DejaVu Sans")  # the first three are equally wide
LETTERS = "the quick brown fox jumps over the lazy dog"
INK, QUIET, HAIR = "#1c1c1c", "#5c5c5c", "#9a9a9a"
CYCLE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe & Ito 2008
STYLE: dict[str, Any] = {
    "font.family": ["sans-serif", "DejaVu Sans"], "font.sans-serif": list(FONTS), "font.size": BODY,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": QUIET, "xtick.color": QUIET, "ytick.color": QUIET,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "axes.titlesize": BODY, "axes.titlepad": 4.0, "axes.labelsize": SMALL, "axes.labelpad": 2.0,
    "axes.titley": 1.0,  # else titles look for what stands on top of the axes, at every turn
    "xtick.labelsize": TINY, "ytick.labelsize": TINY, "legend.fontsize": SMALL, "legend.frameon": False,
    "legend.handlelength": 1.4, "legend.handleheight": 0.8, "legend.handletextpad": 0.5, "legend.columnspacing": 1.3,
    "legend.borderpad": 0.35, "legend.labelspacing": 0.35,
    "axes.linewidth": 0.6, "lines.linewidth": 1.0, "lines.markersize": 3.0, "patch.linewidth": 0.5,
    "hatch.linewidth": 0.5, "hatch.color": HAIR, "grid.linewidth": 0.4,
    "xtick.major.size": 2.2, "ytick.major.size": 2.2, "xtick.major.width": 0.5, "ytick.major.width": 0.5,
    "xtick.major.pad": 1.8, "ytick.major.pad": 1.8,
    "image.cmap": "cividis", "image.interpolation": "nearest",
    "svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "arspec",
}  # fmt: skip
MARGIN = 0.04  # inches around what is drawn, where the rest is cut off


def styled() -> AbstractContextManager[None]:
    """Inside it, figures have the style. InputError where matplotlib is missing."""
    from cycler import cycler

    context: AbstractContextManager[None] = need("matplotlib").rc_context(
        {**STYLE, "axes.prop_cycle": cycler(color=CYCLE)}
    )
    return context


def check_figure(path: Path, what: str) -> Path:
    """A path that a figure can be written to. InputError for another suffix than those of FORMATS, where no file can
    stand there, and without matplotlib. what: the pictures that are written, as a plural."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(
            "AR809", f"{path}: {what} are written as {', '.join(FORMATS)}", "end the name with one of these"
        )
    need("matplotlib")
    check_place(path)
    return path


def inches(width: str | float | None, usual: float) -> float:
    """A width in inches: column, page or a number of inches; the usual one where it is left out. InputError for what is
    none of these, and outside 1.5 to 40 inches."""
    if width is None:
        return usual
    found = WIDTHS.get(width) if isinstance(width, str) else float(width)
    if isinstance(width, str) and found is None:
        try:
            found = float(width.removesuffix("in"))
        except ValueError:
            found = None
    if found is None or not LEAST <= found <= WIDEST:
        raise InputError(
            "AR808", f"a width is column ({COLUMN} inches), page ({PAGE}), or from {LEAST} to {WIDEST:g} inches; "
            f"{width} came", "for example --width page"
        )  # fmt: skip
    return found


def sheet(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, to be written by `write`. Its axes are set out only then.

    It has no layout engine of its own: with one, matplotlib goes through all that is drawn once more before it
    writes."""
    figure: Figure = need("matplotlib", "matplotlib.figure").Figure(figsize=(width, height), dpi=DPI)
    need("matplotlib", "matplotlib.backends.backend_agg").FigureCanvasAgg(figure)  # keeps what measures texts
    return figure


def write(figure: Figure, target: Path, caption: str = "") -> Path:
    """Sets a figure's axes out so that nothing overlaps, and writes it in its own width. Gives the path.

    caption: what it shows, which the file says of itself to search and to those who do not see it. The suffix of the
    target says how it is written. What is empty above and below is cut off. No file holds a date, so that equal figures
    are equal files."""
    form = target.suffix.lower()[1:]
    with replacing(target) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a letter that no font here has is drawn as a box
        box = _set_out(figure)
        figure.savefig(temporary, format=form, dpi="figure", metadata=_metadata(form, caption), bbox_inches=box)
    return target


def _set_out(figure: Figure) -> Bbox:
    """Puts the axes where nothing overlaps; what is to be written of the figure, in inches."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.transforms import Bbox

    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if not axis.get_label_text():
            axis.set_label_coords(0.5, 0)  # else its place is worked out from all ticks' labels, at every turn
    if any(axes.get_subplotspec() is not None for axes in figure.axes):  # others stand where they were put
        ConstrainedLayoutEngine(w_pad=MARGIN, h_pad=MARGIN).execute(figure)
    drawn = figure.get_tightbbox()
    return Bbox.from_extents(
        min(0, drawn.x0), drawn.y0 - MARGIN, max(figure.get_figwidth(), drawn.x1), drawn.y1 + MARGIN
    )  # fmt: skip


def _metadata(form: str, caption: str) -> dict[str, str | None]:
    """What a file says of itself; the time is no part of it."""
    match form:
        case "svg":
            return {"Date": None, **({"Title": caption} if caption else {})}
        case "pdf":
            return {"CreationDate": None, **({"Title": caption} if caption else {})}
        case _:
            return {"Description": caption} if caption else {}


def wrapped(text: str, width: float, size: float = BODY) -> str:
    """A text in lines of so many inches, in letters of so many points."""
    return "\n".join(textwrap.wrap(text, max(12, int(width * 72 / (letter() * size))), break_long_words=False))


@cache
def letter() -> float:
    """How wide a letter of the style's font is on this machine, in the mean, as a share of its size: 0.47 in Arial."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    with styled():
        drawn = TextPath((0, 0), LETTERS, size=100, prop=FontProperties())
    return 1.04 * drawn.get_extents().width / 100 / len(LETTERS)


def width_of(axes: Axes) -> float:
    """Inches that a column of the grid takes in which axes stand, about."""
    place, part = axes.get_subplotspec(), axes.get_figure(root=False)
    assert part is not None
    share = 1.0 if place is None else len(place.colspan) / place.get_gridspec().ncols
    return share * part.bbox.width / part.dpi


def titled(axes: Axes, text: str, beside: float = 0.1) -> None:
    """A title in lines that fit the axes. beside: inches of what stands to their left."""
    axes.set_title(wrapped(text, width_of(axes) - 0.1 - beside), parse_math=False)


def whole_ticks(axes: Axes, across: int = 5, down: int = 5) -> None:
    """Numbers of cells on the sides of axes: whole ones, up to about so many."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(across, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(down, integer=True))


def lines_between(axes: Axes, height: int, width: int, colour: str, thick: float = 0.4) -> None:
    """Lines between the cells of a grid whose cell (r, c) is drawn around (x=c, y=r). Ticks would cost far more."""
    from matplotlib.collections import LineCollection

    (left, right), (top, bottom) = (-0.5, width - 0.5), (-0.5, height - 0.5)
    upright = [((x, top), (x, bottom)) for x in np.arange(-0.5, width)]
    level = [((left, y), (right, y)) for y in np.arange(-0.5, height)]
    axes.add_collection(LineCollection(upright + level, colors=colour, linewidths=thick, zorder=1.5), autolim=False)


def legend(figure: Figure, looks: Iterable[tuple[str, str]], columns: int | None = None, itself: bool = False) -> None:
    """Colours with what they mean, below a figure, in as many columns as fit. itself: so is the frame around the
    variable that it is about."""
    from matplotlib.patches import Patch

    patches = [Patch(facecolor=colour, edgecolor=HAIR, label=meaning) for colour, meaning in looks]
    if itself:
        patches.append(Patch(facecolor="none", edgecolor="black", linewidth=1.2, label="the variable itself"))
    widest = max((len(str(patch.get_label())) for patch in patches), default=1)
    fit = int(figure.get_figwidth() * 72 / ((1.06 * letter() * widest + 3.5) * SMALL))
    columns = columns or max(1, min(len(patches), fit))
    columns = -(-len(patches) // -(-len(patches) // columns))  # lines that are equally full
    figure.legend(handles=patches, loc="outside lower center", ncols=columns)


def seen_colours() -> Colormap:
    """From pale to dark blue: how strongly something is seen. Nothing at all has a colour of its own."""
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("seen", colormaps["Blues"](np.linspace(0.25, 1.0, 64)))


def colour_bar(figure: Any, shown: Any, axes: Any, label: str, *, below: bool = True, **options: Any) -> Any:
    """The scale of what is shown, with its unit; below the axes or to their right."""
    place: dict[str, Any] = {"aspect": 26, "pad": 0.015}
    if below:
        place = {"orientation": "horizontal", "aspect": 22, "pad": 0.02}
    bar = figure.colorbar(shown, ax=axes, use_gridspec=False, **{"fraction": 0.05, **place, **options})
    bar.set_label(label)
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(width=0.4, length=1.8)
    return bar
