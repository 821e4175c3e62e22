"""Field pictures: order, mask, dependency tree, context and blind spot of one variable, several specs side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arspec.diagnostics import InputError, did_you_mean, visible
from arspec.extras import need
from arspec.language.load import Spec
from arspec.pictures import panels
from arspec.pictures.states import COLOURS, MEANINGS, Field, State, field_of
from arspec.pictures.style import STYLE, legend, sheet, write
from arspec.pictures.tree import DOTS, Tree, tree, tree_of
from arspec.shown import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".svg", ".png", ".pdf")
PANELS = ("order", "mask", "tree", "context", "blind_spot")
MAX_SPECS = 8  # columns that stay legible


def render_fields(
    specs: Sequence[Spec], path: str | os.PathLike[str], *, variable: Sequence[int] | None = None,
    node: str | None = None,
    member: int = 0, only: Sequence[str] | None = None,
) -> Path:  # fmt: skip
    """A column for each spec, a row for each kind of panel that any of them has. Returns the path.

    variable: (row, column[, channel]), (step,) or (entry,), see `field_of`. node: whose mask is shown; the first masked
    one where left out, or without masks the first that reads a window. only: panels of PANELS. The suffix says how it
    is written: .svg, .png or .pdf, whole or not at all. Raises InputError for what does not exist."""
    target = field_target(path, len(specs), "specs")
    for name in only or ():
        if name not in PANELS:
            raise InputError("AR808", f"there is no panel '{name}'", did_you_mean(name, PANELS, "panels"))
    _check_node(specs, node)
    _draw([field_of(spec, variable, member if member < len(spec.members) or len(specs) == 1 else 0) for spec in specs],
          target, node, [p for p in PANELS if only is None or p in only])  # fmt: skip
    return target


def field_picture(
    specs: Sequence[Spec], *, variable: Sequence[int] | None = None, node: str | None = None, member: int = 0,
    only: Sequence[str] | None = None,
) -> Picture:  # fmt: skip
    """The same picture for notebooks, which also saves it. What does not exist is refused here already."""

    def write(path: Path) -> Path:
        return render_fields(specs, path, variable=variable, node=node, member=member, only=only)

    need("matplotlib")
    fields = [
        field_of(spec, variable, member if member < len(spec.members) or len(specs) == 1 else 0) for spec in specs
    ]
    return Picture(write, field_caption(fields))


def field_caption(fields: Sequence[Field]) -> str:
    """What a field picture shows, in a sentence for each spec."""
    return " ".join(f"{visible(f.spec.name)}: ({f.name}) {f.summary()}." for f in fields)


def field_target(path: str | os.PathLike[str], count: int, what: str) -> Path:
    """Where a picture of so many specs or models side by side is written. Raises InputError where it can't be."""
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise InputError(
            "AR809", f"{target}: field pictures are written as {', '.join(FORMATS)}", "end the name with one of these"
        )
    if not 1 <= count <= MAX_SPECS:
        raise InputError("AR808", f"from 1 to {MAX_SPECS} {what} stand side by side, not {count}", None)
    need("matplotlib")
    return target


def figure_reads(specs: Sequence[Spec], path: str | os.PathLike[str], variable: Sequence[int] | None = None) -> Path:
    """The classical figure of what a pixel sees, for any specs side by side: PixelCNN's blind spot against Gated
    PixelCNN (van den Oord et al. 2016b, figure 1), or plain against dilated causal convolutions (WaveNet,
    figures 2, 3)."""
    return render_fields(specs, path, variable=variable, only=("tree", "blind_spot"))


def _check_node(specs: Sequence[Spec], node: str | None) -> None:
    if node is None:
        return
    names = [n.name for spec in specs for n in spec.graph().live]
    if node not in names:
        raise InputError(
            "AR808", f"there is no node '{node}' on the way to the head", did_you_mean(node, names, "nodes")
        )


def _has(field: Field, panel: str) -> bool:
    kind, name = field.spec.data.kind, field.spec.members[field.member].order.name
    match panel:
        case "order":
            return kind != "sequence" or name != "natural"
        case "tree":
            return kind == "sequence"
        case "context":
            return kind != "sequence"
        case _:
            return True


def _draw(fields: list[Field], target: Path, node: str | None, wanted: list[str]) -> None:
    matplotlib = need("matplotlib")

    rows = [p for p in wanted if any(_has(f, p) for f in fields)]
    if not rows:
        raise InputError(
            "AR808", f"none of the specs has a panel {', '.join(wanted)}", f"the panels are {', '.join(PANELS)}"
        )
    heights = [max(_height(f, p) for f in fields if _has(f, p)) for p in rows]
    width = max(_width(f) for f in fields)
    style: dict[Any, Any] = {**STYLE, "hatch.linewidth": 0.6, "hatch.color": "#9a9a9a"}
    trees = {f: tree_of(f) for f in fields if "tree" in rows and _has(f, "tree")}
    since = min((t.first for t in trees.values()), default=0)  # short ones side by side begin at one step
    common = since if all(f.position - since <= DOTS for f in trees) else None
    with matplotlib.rc_context(style):
        figure = sheet((width * len(fields), sum(heights) + 1.5), dpi=130)
        grid: list[list[Axes]] = figure.subplots(len(rows), len(fields), squeeze=False, height_ratios=heights).tolist()
        for r, panel in enumerate(rows):
            for c, field in enumerate(fields):
                if not (_has(field, panel) and _panel(panel, grid[r][c], field, node, trees.get(field), common)):
                    grid[r][c].set_axis_off()
        for c, field in enumerate(fields):
            size = "×".join(map(str, field.spec.data.shape))
            grid[0][c].annotate(f"{visible(field.spec.name)} ({size})", (0.5, 1.0), (0, 31), "axes fraction",
                                "offset points",
                                ha="center", fontsize=11, fontweight="bold", parse_math=False)  # fmt: skip
        if {"context", "blind_spot"} & set(rows):
            present = {State(s) for f in fields for s in f.by_position}
            looks = [(COLOURS[s], MEANINGS[s]) for s in State if s in present]
            legend(figure, looks, max(1, int(width * len(fields) / 1.7)), itself=True)
        write(figure, target, cut=True)


def _panel(name: str, axes: Axes, field: Field, node: str | None, drawn: Tree | None, since: int | None) -> bool:
    match name:
        case "order":
            panels.order(axes, field)
        case "mask":
            known = node if node in [n.name for n in field.spec.graph().live] else None
            return panels.mask(axes, field, known)
        case "tree":
            assert drawn is not None
            tree(axes, drawn, field, since)
        case "context":
            panels.context(axes, field)
        case _:
            panels.blind_spot(axes, field)
    return True


def _height(field: Field, panel: str) -> float:
    height, width = panels.shape_of(field)
    if panel == "tree":
        return 4.2
    if panel == "mask":
        return 1.5 if field.spec.data.kind == "sequence" else 3.4
    return 0.9 if height == 1 else min(4.2, max(2.4, 4.2 * height / width))


def _width(field: Field) -> float:
    return 7.2 if field.spec.data.kind == "sequence" else 4.6
