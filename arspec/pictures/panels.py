"""Single panels of a field picture: the order, a mask, the context and the blind spot,
each drawn into matplotlib axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from arspec.diagnostics import InputError, did_you_mean
from arspec.layers.base import Node
from arspec.pictures.states import COLOURS, Field, State
from arspec.pictures.style import TINY, colour_bar, lines_between, seen_colours, titled, whole_ticks, width_of
from arspec.reads import Ranked, Reads, Window
from arspec.runs import Listed
from arspec.types import Bools, Cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID_LINES = 40  # cells a side, up to which they are told apart by lines
NUMBERS = 10  # cells a side, up to which they hold numbers
LINE = 64  # cells a side, up to which the order is drawn as a line
LEAST = 3.5  # points of letters that are read
TICKS = 5  # numbers on a side
MATRIX = 1 << 26  # entries of a mask that is drawn as a matrix
BAR_BELOW, BAR = 0.28, 0.09  # inches from a panel down to its scale, and of the scale
NOTHING, PART, ALL, OUTSIDE = "#f2f2f0", "#6fa3c7", "#2b6c99", "#fafafa"


def shape_of(field: Field) -> tuple[int, int]:
    """Rows and columns by which a variable's positions are shown: the image's, a vector's `display`, else one row."""
    data, grid = field.spec.data, field.spec.members[field.member].order.grid
    if len(grid) == 2:
        return grid[0], grid[1]
    display = getattr(data, "display", None)
    if display is not None and display[0] * display[1] == grid[0]:
        return display[0], display[1]
    return 1, grid[0]


def order(axes: Axes, field: Field) -> None:
    """Ranks as a heat map, and where most steps go to a neighbour the line through them, from the dot (first) to the
    square (last)."""
    from matplotlib.collections import LineCollection

    of = field.spec.members[field.member].order
    rank = of.position_rank.reshape(shape_of(field))
    height, width = rank.shape
    shown = axes.imshow(rank, cmap="cividis", interpolation="nearest", aspect="auto" if height == 1 else "equal")
    alone = len(np.unique(of.position_rank)) == of.positions
    row, column = np.divmod(np.argsort(of.position_rank, kind="stable"), width)
    near = np.maximum(abs(np.diff(row)), abs(np.diff(column))) <= 1
    if alone and height > 1 and max(height, width) <= LINE and near.mean() > 0.5:
        thick = 1.0 if max(height, width) <= 16 else 0.6
        ends = np.stack([np.stack([column[:-1], row[:-1]], 1), np.stack([column[1:], row[1:]], 1)], 1)
        for which, part, alpha in ((near, 1, 0.9), (~near, 1 / 3, 0.45)):
            axes.add_collection(LineCollection(list(ends[which]), colors="white", linewidths=thick * part, alpha=alpha))
        axes.plot(column[0], row[0], "o", color="white", markersize=2.6)
        axes.plot(column[-1], row[-1], "s", color="white", markeredgecolor="#333333", markersize=2.8)
    elif not alone and max(height, width) <= NUMBERS:
        for r, c in np.ndindex(height, width):
            axes.text(c, r, str(rank[r, c]), ha="center", va="center", fontsize=TINY, color="white", in_layout=False)
    cells(axes, height, width, "#ffffff40")
    steps = (
        f"{len(np.unique(of.position_rank)):,} steps of {of.groups} channels"
        if of.groups > 1
        else f"{of.steps:,} steps"
    )
    titled(axes, f"order: {of.name}, {steps}")
    scale(axes, shown, height, "place in the order")


def context(axes: Axes, field: Field) -> None:
    """The variables that it depends on, the darker the more paths lead from them (all channels of a pixel together)."""
    groups = field.spec.members[field.member].order.groups
    counts = field.paths.reshape(groups, *shape_of(field)).sum(0)
    height, width = counts.shape
    found = counts > 0
    weight = np.log10(np.where(found, counts, 1))
    low, high = (float(weight[found].min()), float(weight[found].max())) if found.any() else (0.0, 1.0)
    blues = seen_colours().with_extremes(bad=NOTHING)
    shown = axes.imshow(np.ma.masked_where(~found, weight), cmap=blues, vmin=low, vmax=max(high, low + 1e-9),
                interpolation="nearest", aspect="auto" if height == 1 else "equal")  # fmt: skip
    cells(axes, height, width, "white")
    mark(axes, field)
    titled(axes, f"context of ({field.name}): {int(field.seen.sum()):,} variables")
    scale(axes, shown, height, "paths to the head, log10")


def blind_spot(axes: Axes, field: Field) -> None:
    """Every cell's state: seen, unseen (blind, out of reach), not generated before it, leaks."""
    from matplotlib.colors import ListedColormap

    states = field.by_position.reshape(shape_of(field))
    height, width = states.shape
    colours = ListedColormap([COLOURS[s] for s in State])
    axes.imshow(states, cmap=colours, vmin=-0.5, vmax=len(State) - 0.5, interpolation="nearest",
                aspect="auto" if height == 1 else "equal")  # fmt: skip
    cells(axes, height, width, "white")
    mark(axes, field)
    titled(axes, f"({field.name}) {field.summary()}")


def mask(axes: Axes, field: Field, name: str | None) -> bool:
    """What a node's site at the chosen variable reads of its first input; a dense mask as a matrix. False where the
    spec has no node that could be shown. Raises InputError for a name that no node has."""
    node = _node(field, name)
    if node is None:
        return False
    reads = field.relations.reads(node)[0]
    kind = f"{node.layer.layer} {node.layer.style(node).text}".strip()
    if isinstance(reads, Listed) and len(node.out.grid) == 1:
        return _matrix(axes, reads, node, kind)
    if not isinstance(node.inputs[0].out.frame, Cells) or not 1 <= len(node.out.grid) <= 2:
        return False
    _window(axes, field, node, reads, kind)
    return True


def _node(field: Field, name: str | None) -> Node | None:
    live = [n for n in field.spec.graph().live if n.inputs]
    if name is not None:
        names = [n.name for n in live]
        if name not in names:
            raise InputError(
                "AR808",
                f"{field.spec.name}: there is no node '{name}' on the way to the head",
                did_you_mean(name, names, "nodes"),
            )
        return live[names.index(name)]
    several = [n for n in live if isinstance(r := field.relations.reads(n)[0], Window) and len(r.taps) > 1]
    return next((n for n in live if n.mask is not None), several[0] if several else None)


def _matrix(axes: Axes, reads: Listed, node: Node, kind: str) -> bool:
    if node.out.sites * node.inputs[0].out.sites > MATRIX:
        return False
    from matplotlib.colors import ListedColormap

    table: Bools = reads.matrix()
    by = ""
    if isinstance(reads, Ranked):
        table, by = table[np.argsort(reads.out_rank, kind="stable")][:, reads.by_rank], ", by rank"
    axes.imshow(table, cmap=ListedColormap([NOTHING, ALL]), vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.set(xlabel=f"sites of {node.inputs[0].name}{by}", ylabel=f"sites of {node.name}{by}")
    axes.set_box_aspect(1)
    titled(axes, f"{node.name} ({kind}) keeps {table.mean():.0%}")
    return True


def _window(axes: Axes, field: Field, node: Node, reads: Reads, kind: str) -> None:
    """The input's cells around the site: dark where some channel group is read, hatched where a mask hides them all."""
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import Rectangle

    into = node.inputs[0].out
    site = _site(field, node)
    grid = into.grid if len(into.grid) == 2 else (1, *into.grid)
    read = reads.table(np.array([site]))[0]
    counts: dict[int, list[int]] = {}
    for s in read[read >= 0]:
        counts.setdefault(int(s) % into.positions, []).append(int(s) // into.positions)
    position = site % node.out.positions
    window = (
        {int(t.source[position]) for t in reads.taps if t.source[position] >= 0} if isinstance(reads, Window) else set()
    )
    here = _nearest(into.frame, into.grid, field)
    places = np.array([divmod(p, grid[1]) for p in {*window, *counts, here}])
    low, high = places.min(0) - 1, places.max(0) + 1
    widest = int((high - low).max())
    size = min(
        TINY, (width_of(axes) - 0.4) * 72 / (widest + 1) / (0.62 * min(3, into.groups))
    )  # of the letters in a cell
    small = size >= LEAST
    axes.set_facecolor(OUTSIDE)
    plain: list[tuple[int, int]] = []
    colours: list[str] = []
    hidden: list[tuple[int, int]] = []
    for r in range(max(low[0], 0), min(high[0], grid[0] - 1) + 1):
        for c in range(max(low[1], 0), min(high[1], grid[1] - 1) + 1):
            p = r * grid[1] + c
            if p in window and p not in counts:
                hidden.append((r, c))
            else:
                plain.append((r, c))
                colours.append(NOTHING if p not in counts else ALL if len(set(counts[p])) == into.groups else PART)
            if small and (p in counts or p in window):
                axes.text(c, r, _groups(counts.get(p, []), into.groups), ha="center", va="center", fontsize=size,
                          color="white" if p in counts else "#777777", in_layout=False)  # fmt: skip
    squares = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    for where, face, edge, hatch in ((plain, colours, "#ffffff", None), (hidden, NOTHING, "#b9b9b9", "///")):
        corners = np.array(where, dtype=np.int64).reshape(-1, 1, 2)[:, :, ::-1] + squares
        axes.add_collection(PolyCollection(list(corners), facecolors=face, edgecolors=edge, hatch=hatch,
                                           linewidths=0.5),
                            autolim=False)  # fmt: skip
    r, c = divmod(here, grid[1])
    axes.add_patch(Rectangle((c - 0.5, r - 0.5), 1, 1, fill=False, edgecolor="black", linewidth=1.3, zorder=3))
    axes.set_xlim(low[1] - 0.5, high[1] + 0.5)
    axes.set_ylim(high[0] + 0.5, low[0] - 0.5)
    if grid[0] == 1:
        axes.set_ylim(0.6, -0.6)
    axes.set_aspect("equal")
    axes.set_xticks(np.arange(max(low[1], 0), min(high[1], grid[1] - 1) + 1, max(1, (high[1] - low[1]) // TICKS)))
    axes.set_yticks(
        []
        if grid[0] == 1
        else np.arange(max(low[0], 0), min(high[0], grid[0] - 1) + 1, max(1, (high[0] - low[0]) // TICKS))
    )
    group = f", channel {_letter(site // node.out.positions, node.out.groups)}" if node.out.groups > 1 else ""
    titled(axes, f"what {node.name} reads ({kind}{group})")


def _site(field: Field, node: Node) -> int:
    group = field.group if node.out.groups == field.spec.members[field.member].order.groups else 0
    return group * node.out.positions + _nearest(node.out.frame, node.out.grid, field)


def _nearest(frame: Any, grid: tuple[int, ...], field: Field) -> int:
    """The position of a grid whose cell is the chosen variable's, or stands nearest before it."""
    if not isinstance(frame, Cells):
        return 0
    cell = np.unravel_index(field.position, field.spec.members[field.member].order.grid)
    at = [
        int(np.clip((int(x) - o) // s, 0, n - 1))
        for x, o, s, n in zip(cell, frame.origin, frame.stride, grid, strict=True)
    ]
    return int(np.ravel_multi_index(at, grid))


def _groups(read: list[int], groups: int) -> str:
    """What is read at a cell: 1 or 0 of one group, the letters of three, the number of others."""
    if groups == 1:
        return "1" if read else "0"
    if groups == 3:
        return "".join("rgb"[g] for g in sorted(set(read))) or "0"
    return str(len(set(read)))


def _letter(group: int, groups: int) -> str:
    return "rgb"[group] if groups == 3 else str(group)


def mark(axes: Axes, field: Field) -> None:
    """The variable itself: a black square."""
    height, width = shape_of(field)
    row, column = divmod(field.position, width)
    if height == 1:
        top = axes.get_xaxis_transform()
        axes.plot(column, 1.14, "v", color="black", markersize=3.5, clip_on=False, transform=top)
        return
    if max(height, width) > 2 * GRID_LINES:
        axes.plot(column, row, "s", fillstyle="none", color="black", markersize=4.5, markeredgewidth=1.0)
        return
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="black", linewidth=1.2, zorder=3))


def cells(axes: Axes, height: int, width: int, colour: str) -> None:
    """Draws axes as the cells of a grid, with lines between the cells where these are few."""
    whole_ticks(axes, TICKS if height > 1 else 2 * TICKS, TICKS)
    if height == 1:
        axes.set_yticks([])
    if max(height, width) <= GRID_LINES and height > 1:
        lines_between(axes, height, width, colour)


def scale(axes: Axes, shown: Any, height: int, label: str) -> None:
    """The colours of a panel that has rows, with what they mean: below its numbers, wherever the panel comes to lie."""
    if height > 1:
        from matplotlib.transforms import ScaledTranslation, blended_transform_factory

        corner: Any = axes.transAxes
        inches = axes.figure.dpi_scale_trans + ScaledTranslation(0, 0, corner)  # from the panel's lower edge
        place = axes.inset_axes((0, -BAR_BELOW, 1, BAR), transform=blended_transform_factory(axes.transAxes, inches))
        colour_bar(axes.figure, shown, None, label, cax=place)
