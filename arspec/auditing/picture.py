"""The dependency picture of an audit: who reads whom, and for images the field of the worst variable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arspec.auditing.shown import Witness, grouped, shown_path
from arspec.auditing.values import MAX_VARIABLES
from arspec.diagnostics import InputError, visible
from arspec.extras import need
from arspec.pictures.style import lines_between, sheet, write

if TYPE_CHECKING:
    from arspec.auditing.report import AuditReport

BOXES, WIDE = 14, 64  # of the way of a value: boxes, and characters of a line
FORBIDDEN, UNSEEN, SEEN, LEAK = 0, 1, 2, 3
COLOURS = ("#f2f2f0", "#e9b44c", "#2b6c99", "#d7263d")
LABELS = ("may not be read", "unseen", "seen", "leak")


def draw(report: AuditReport, path: str | os.PathLike[str]) -> None:
    """Writes a PNG, whole or not at all."""
    need("matplotlib").use("Agg", force=False)
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    state = _states(report)
    by_rank = np.argsort(report.rank, kind="stable")
    image = len(report.layout.grid) == 2
    witness = next((each for each in report.places if each.output), None)
    panels = 1 + image + (witness is not None)
    figure = sheet((0.9 + 5.9 * panels, 6.9), dpi=120)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    if witness is not None:
        _way(axes[-1], witness)
    colours = ListedColormap(list(COLOURS))
    axes[0].imshow(state[np.ix_(by_rank, by_rank)], cmap=colours, vmin=0, vmax=3, interpolation="nearest")
    axes[0].set(xlabel="variable that is read, by rank", ylabel="variable that is spoken of, by rank")
    axes[0].set_title(f"{report.variables:,} variables, order {report.order}")
    if image:
        variable = _telling(report, state)
        field = _field(report, state[variable])
        axes[1].imshow(field, cmap=colours, vmin=0, vmax=3, interpolation="nearest")
        height, width = field.shape
        lines_between(axes[1], height, width, "white", 0.8)
        row, column = divmod(variable % (height * width), width)
        axes[1].plot(column, row, marker="s", markersize=9, color="black", fillstyle="none", markeredgewidth=2)
        axes[1].set(xlabel="column", ylabel="row")
        axes[1].set_title(f"what ({report.layout.name(variable)}) reads")
    verdict = f"{report.leaks:,} leaks" if report.leaks else str(report.verdict)
    coverage = "" if not report.paired else f", coverage {100 * report.coverage:.2f} %"
    figure.suptitle(visible(f"{report.name}: {verdict}{coverage}"), parse_math=False)
    patches = [Patch(facecolor=c, edgecolor="#808080", label=text) for c, text in zip(COLOURS, LABELS, strict=True)]
    figure.legend(handles=patches, loc="outside lower center", ncols=4, frameon=False)

    write(figure, Path(path), form="png")


def _way(axes: Any, witness: Witness) -> None:
    """The way of a value, from above: a box for each line of the author's code, that which breaks the order in red."""
    groups = grouped(witness.chain)
    at = next((k for k, (_, learns) in enumerate(groups) if learns), 0)
    if len(groups) > BOXES:
        first = max(0, min(at - BOXES // 2, len(groups) - BOXES))
        groups = groups[first : first + BOXES]
    axes.set(xlim=(0, 1), ylim=(len(groups) + 0.5, -0.5))
    axes.axis("off")
    axes.set_title(visible(f"({witness.input}) to the output for ({witness.output})"), parse_math=False)
    for k, (steps, learns) in enumerate(groups):
        place = steps[0].place
        where = f"{place.module or 'the module'}  {shown_path(place.file)}:{place.line}"
        names = ", ".join(dict.fromkeys(step.operator for step in steps))
        told = "\n".join(visible(line if len(line) <= WIDE else line[: WIDE - 3] + "...") for line in (where, names))
        colour = COLOURS[LEAK] if learns else COLOURS[SEEN]
        frame = {"boxstyle": "round", "facecolor": "white", "edgecolor": colour, "linewidth": 2.0 if learns else 1.0}
        style = {"ha": "center", "va": "center", "fontsize": 7, "parse_math": False}
        axes.text(0.5, k, told, color=COLOURS[LEAK] if learns else "black", bbox=frame, **style)
        if k:
            arrow = {"arrowstyle": "->", "color": "#808080"}
            axes.annotate("", (0.5, k - 0.32), (0.5, k - 0.68), arrowprops=arrow)


def _states(report: AuditReport) -> NDArray[np.int64]:
    if not report.paired:
        raise InputError("AR813", f"a picture shows pairs of up to {MAX_VARIABLES:,} variables")
    state = np.full(report.seen.shape, FORBIDDEN)
    state[report.legal] = UNSEEN
    state[report.legal & report.seen] = SEEN
    state[report.leaked] = LEAK
    return state


def _telling(report: AuditReport, state: NDArray[np.int64]) -> int:
    """The variable with most leaks; else with most unseen; else the one in the middle of the grid."""
    for kind in (LEAK, UNSEEN):
        counts = (state == kind).sum(1)
        if counts.any():
            return int(counts.argmax())
    height, width = report.layout.grid_shape
    return (height // 2) * width + width // 2


def _field(report: AuditReport, row: NDArray[np.int64]) -> NDArray[np.int64]:
    """States [V] on the grid; of several channels at one position, the one that asks for most attention."""
    urgency = np.array([0, 2, 1, 3])  # forbidden, unseen, seen, leak
    height, width = report.layout.grid_shape
    stacked = row.reshape(-1, height, width)
    strongest = np.argmax(urgency[stacked], axis=0)
    return np.take_along_axis(stacked, strongest[None], axis=0)[0]
