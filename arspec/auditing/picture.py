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
from arspec.pictures.states import COLOURS as FIELD_COLOURS
from arspec.pictures.states import State
from arspec.pictures.style import (
    BODY,
    COLUMN,
    HAIR,
    INK,
    PAGE,
    TINY,
    check_figure,
    inches,
    legend,
    lines_between,
    sheet,
    styled,
    titled,
    whole_ticks,
    wrapped,
    write,
)

if TYPE_CHECKING:
    from arspec.auditing.report import AuditReport

BOXES, WIDE = 12, 54  # of the way of a value: boxes, and characters of a line
SIDE, BOX = 2.1, 0.34  # inches of a panel of cells at most, and of a box
FORBIDDEN, UNSEEN, SEEN, LEAK = 0, 1, 2, 3
OF = (State.LATER, State.UNSEEN, State.SEEN, State.LEAK)  # the same as a spec's field picture has them
COLOURS = tuple(FIELD_COLOURS[state] for state in OF)
LABELS = ("may not be read", "unseen", "seen", "leak")


def draw(report: AuditReport, path: str | os.PathLike[str], *, width: str | float | None = None) -> Path:
    """Writes the picture as its suffix says, .png, .svg or .pdf, whole or not at all. Gives the path. width: column,
    page or inches. InputError for another suffix, and where there are too many variables."""
    target = check_figure(Path(path), "pictures of an audit")
    state = _states(report)
    by_rank = np.argsort(report.rank, kind="stable")
    image = len(report.layout.grid) == 2
    witness = next((each for each in report.places if each.output), None)
    wide = inches(width, PAGE if image or witness is not None else COLUMN)
    boxes = 0 if witness is None else min(BOXES, len(grouped(witness.chain)))
    panels = 1 + image + (witness is not None)
    with styled():
        from matplotlib.colors import ListedColormap

        colours = ListedColormap(list(COLOURS))
        figure = sheet(wide, max(min(wide / panels, SIDE if panels > 1 else wide) + 0.5, BOX * boxes + 0.4) + 0.6)
        ratios = [1.0] * (1 + image) + [1.3] * (witness is not None)
        axes = figure.subplots(1, panels, squeeze=False, width_ratios=ratios)[0]
        if witness is not None:
            _way(axes[-1], witness)
        axes[0].imshow(state[np.ix_(by_rank, by_rank)], cmap=colours, vmin=0, vmax=3, interpolation="nearest")
        axes[0].set(xlabel="variable that is read, by rank", ylabel="variable that is spoken of, by rank")
        titled(axes[0], f"{report.variables:,} variables, order {report.order}")
        if image:
            variable = _telling(report, state)
            field = _field(report, state[variable])
            axes[1].imshow(field, cmap=colours, vmin=0, vmax=3, interpolation="nearest")
            height, across = field.shape
            lines_between(axes[1], height, across, "white")
            row, column = divmod(variable % (height * across), across)
            axes[1].plot(column, row, marker="s", markersize=4.5, color="black", fillstyle="none", markeredgewidth=1.1)
            axes[1].set(xlabel="column", ylabel="row")
            titled(axes[1], f"what ({report.layout.name(variable)}) reads")
        for number, one in enumerate(axes):
            one.set_anchor("N")
            if number <= image:
                whole_ticks(one)
        verdict = f"{report.leaks:,} leaks" if report.leaks else str(report.verdict)
        coverage = "" if not report.paired else f", coverage {100 * report.coverage:.2f} %"
        title = visible(f"{report.name}: {verdict}{coverage}")
        figure.suptitle(wrapped(title, wide - 0.2, BODY + 1), fontsize=BODY + 1, fontweight="bold", parse_math=False)
        legend(figure, zip(COLOURS, LABELS, strict=True))
        return write(figure, target, title)


def _way(axes: Any, witness: Witness) -> None:
    """The way of a value, from above: a box for each line of the author's code, that which breaks the order in red."""
    groups = grouped(witness.chain)
    at = next((k for k, (_, learns) in enumerate(groups) if learns), 0)
    if len(groups) > BOXES:
        first = max(0, min(at - BOXES // 2, len(groups) - BOXES))
        groups = groups[first : first + BOXES]
    axes.set(xlim=(0, 1), ylim=(len(groups) + 0.5, -0.5))
    axes.axis("off")
    titled(axes, visible(f"({witness.input}) to the output for ({witness.output})"))
    for k, (steps, learns) in enumerate(groups):
        place = steps[0].place
        where = f"{place.module or 'the module'}  {shown_path(place.file)}:{place.line}"
        names = ", ".join(dict.fromkeys(step.operator for step in steps))
        told = "\n".join(visible(_short(line)) for line in (where, names))
        colour = COLOURS[LEAK] if learns else COLOURS[SEEN]
        frame: dict[str, Any] = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": colour}
        frame["linewidth"] = 1.2 if learns else 0.6
        style = {"ha": "center", "va": "center", "fontsize": TINY - 1, "parse_math": False}
        axes.text(0.5, k, told, color=COLOURS[LEAK] if learns else INK, bbox=frame, **style)
        if k:
            arrow = {"arrowstyle": "->", "color": HAIR, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (0.5, k - 0.33), (0.5, k - 0.67), arrowprops=arrow)


def _short(line: str) -> str:
    """A line that fits a box; of a long path the end is what tells."""
    return line if len(line) <= WIDE else f"…{line[1 - WIDE :]}"


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
