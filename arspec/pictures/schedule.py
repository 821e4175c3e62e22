"""The schedule's picture: what the sampler has cached, computes at one step, and has still to compute. Of sequences the
classical figure of cached generation (Ramachandran et al. 2017, figure 2),
of images and vectors a small grid a node."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arspec.analysis.witness import site_name
from arspec.diagnostics import visible
from arspec.language.load import Spec
from arspec.pictures.progress import COLOURS, MEANINGS, Progress, Row, Stage, alike, progress_of
from arspec.pictures.style import (
    BODY,
    PAGE,
    SMALL,
    TINY,
    check_figure,
    inches,
    legend,
    lines_between,
    sheet,
    styled,
    wrapped,
    write,
)
from arspec.pictures.tree import clear
from arspec.types import Cells, Ints, coordinates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = 52  # columns of a sequence that are shown, around the step
AHEAD = 8  # of them, behind the step
MAX_GRIDS = 120  # grids that stay legible
CELLS = 40  # cells a side, up to which they are told apart by lines
SIZE = 1.1  # inches of a grid
ROW = 0.21  # inches of a row of steps


def render_schedule(
    spec: Spec, path: str | os.PathLike[str], step: int, member: int = 0, width: str | float | None = None
) -> Path:
    """Draws the state of the sampler at a step, counted from 0. Returns the path; its suffix says how it is written:
    .svg, .png or .pdf, whole or not at all. width: column, page or inches.

    A node that works in place on what another has just computed has no picture of its own: it is at the same stage.
    Repetitions that are at the same stage everywhere are drawn once. Raises InputError for a step or a member that
    there is not, and for a spec that leaks, which has no sampler."""
    target = check_figure(Path(path), "schedules")
    _write(progress_of(spec, step, member), target, inches(width, PAGE))
    return target


def _write(progress: Progress, target: Path, wide: float) -> None:
    sequence = progress.spec.data.kind == "sequence"
    rows = progress.rows if sequence else alike(progress.rows, kept=1)
    every = len(rows)
    if every > MAX_GRIDS and not sequence:
        rows = [*rows[: MAX_GRIDS - 1], rows[-1]]
    with styled():
        if sequence:
            figure = sheet(wide, ROW * len(rows) + 1.3)
            _steps(figure.subplots(), progress)
        else:
            columns = min(max(2, int(wide / SIZE)), len(rows))
            lines = -(-len(rows) // columns)
            figure = sheet(wide, (wide / max(columns, 4) + 0.6) * lines + 0.9)
            axes: list[Axes] = figure.subplots(lines, columns, squeeze=False).ravel().tolist()
            for one, row in zip(axes, rows, strict=False):
                _grid(one, row, progress, wide / columns)
            for one in axes[len(rows) :]:
                one.set_axis_off()
        some = f" The head and the first {len(rows) - 1} of {every - 1} nodes are shown." if len(rows) < every else ""
        title = _title(progress) + some
        figure.suptitle(
            "\n".join(wrapped(line, wide - 0.2) for line in title.split("\n")), fontsize=BODY, parse_math=False
        )
        present = {Stage(s) for row in rows for s in np.unique(row.stage)}
        legend(figure, [(COLOURS[s], MEANINGS[s]) for s in reversed(Stage) if s in present])
        write(figure, target, title.replace("\n", ". "))


def _title(progress: Progress) -> str:
    spec, life, member = progress.spec, progress.life, progress.member
    drawn, data = progress.drawn, spec.graph().data.out
    name = site_name(data, int(drawn[0])) if len(drawn) == 1 else f"{len(drawn):,} variables at once"
    name = name.replace("step", "entry") if spec.data.kind == "vector" else name
    share = f"{progress.computed:,} of the {progress.total:,} sites of all nodes are computed at this step"
    free = f"; {len(life.free)} nodes that depend on no data, before the first" if life.free else ""
    order = f" (member {member.index}: {member.order.name})" if len(spec.members) > 1 else ""
    return (
        f"{visible(spec.name)}, step {progress.step:,}, of 0 to {life.steps - 1:,}{order}: to draw {name}\n"
        f"{share}{free}"
    )


# -- sequences: a row a node, a column a step --------------------------------------------------------------------------


def _steps(axes: Axes, progress: Progress) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.ticker import MaxNLocator

    length = progress.spec.data.variables
    middle = int(coordinates(progress.rows[0].node.out)[0][progress.drawn[0] % length])
    first = max(0, min(middle + AHEAD + 1, length) - STEPS)
    last = min(length, first + STEPS) - 1
    places = [_columns(row) for row in progress.rows]
    lines: dict[bool, dict[tuple[float, float, float, float], int]] = {False: {}, True: {}}
    for link in progress.links:
        above, below = places[link.row][link.site], places[link.below][link.read]
        lines[link.now][(above, link.row, below, link.below)] = link.row - link.below
    kept = set(clear({**lines[False], **lines[True]}))
    for now, of in lines.items():
        shown = [((a, r), (b, s)) for a, r, b, s in of if (a, r, b, s) in kept]
        axes.add_collection(LineCollection(shown, colors=COLOURS[Stage.NOW if now else Stage.READ],
                                           linewidths=1.1 if now else 0.7, zorder=2 if now else 1))  # fmt: skip
    size = 16.0 if last - first < 32 else 7.0
    for k, row in enumerate(progress.rows):
        x = places[k]
        shown = np.flatnonzero((x >= first) & (x <= last))
        stages = row.stage[shown]
        edges = np.where(stages == Stage.LATER, "#b5b5b5", "#5c5c5c").astype(str)
        plain = stages != Stage.NEVER
        axes.scatter(x[shown][plain], np.full(plain.sum(), k), s=size, c=[COLOURS[Stage(s)] for s in stages[plain]],
                     edgecolors=edges[plain].tolist(), linewidths=0.4, zorder=3)  # fmt: skip
        axes.scatter(
            x[shown][~plain], np.full((~plain).sum(), k), s=size * 0.6, c=COLOURS[Stage.NEVER], marker="x", zorder=3
        )
    axes.set_yticks(range(len(progress.rows)), [_name(row, progress) for row in progress.rows], fontsize=TINY)
    right = axes.secondary_yaxis("right")
    right.set_yticks(
        range(len(progress.rows)), ["; ".join(row.summary()) for row in progress.rows], fontsize=TINY - 0.5
    )
    right.tick_params(axis="y", length=0)
    right.spines["right"].set_visible(False)
    axes.set_xlim(first - 1, last + 1)
    axes.set_ylim(-0.6, len(progress.rows) - 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("step" if last - first + 1 == length else f"step ({first:,} to {last:,} of {length:,} are shown)")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _columns(row: Row) -> Ints:
    """[S]: the step of the data that every site stands for."""
    return coordinates(row.node.out)[0][np.arange(row.node.out.sites) % row.node.out.positions]


# -- images and vectors: a small grid a node ---------------------------------------------------------------------------


def _grid(axes: Axes, row: Row, progress: Progress, wide: float) -> None:
    """A node's positions as cells, each in as many upright stripes as there are channel groups."""
    from matplotlib.colors import ListedColormap

    groups = row.node.out.groups
    stages, height, width = _shaped(row, progress)
    striped = np.moveaxis(stages, 0, -1).reshape(height, width * groups)
    colours = ListedColormap([COLOURS[s] for s in Stage]).with_extremes(bad="white")
    axes.imshow(np.ma.masked_less(striped, 0), cmap=colours, vmin=-0.5, vmax=len(Stage) - 0.5, interpolation="nearest",
                extent=(-0.5, width - 0.5, height - 0.5, -0.5), aspect="equal")  # fmt: skip
    if max(height, width) <= CELLS:
        lines_between(axes, height, width, "white", 0.4)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_edgecolor("#808080")
    name = "\n".join(wrapped(line, wide - 0.1, SMALL) for line in _name(row, progress, "\n").split("\n"))
    axes.set_title(name, fontsize=SMALL, parse_math=False)
    axes.set_xlabel("\n".join(wrapped(line, wide - 0.05, TINY) for line in row.summary()), fontsize=TINY)


def _shaped(row: Row, progress: Progress) -> tuple[Ints, int, int]:
    """[G, H, W] of Stage, -1 where a vector's last line is not full; H and W."""
    out = row.node.out
    stages = row.stage.reshape(out.groups, out.positions)
    if len(out.grid) == 2:
        return stages.reshape(out.groups, *out.grid), *out.grid
    display = getattr(progress.spec.data, "display", None)
    width = int(np.ceil(np.sqrt(out.positions)))
    if display is not None and isinstance(out.frame, Cells) and display[0] * display[1] == out.positions:
        width = display[1]
    height = -(-out.positions // width)
    filled = np.full((out.groups, height * width), -1)
    filled[:, : out.positions] = stages
    return filled.reshape(out.groups, height, width), height, width


def _name(row: Row, progress: Progress, between: str = " ") -> str:
    if row.node is progress.rows[0].node:
        return f"{row.node.name}{between}(data)"
    name = row.node.name + (f" ×{row.alike}" if row.alike > 1 else "")
    kind = f"{row.node.layer.layer} {row.node.layer.style(row.node).text}".strip()
    if row is progress.rows[-1]:
        return f"{name}{between}(head)"
    return f"{name}{between}({kind})"
