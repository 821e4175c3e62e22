"""Field pictures: order, mask, dependency tree, context and blind spot of one variable, of several specs together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arspec.choices import PANELS
from arspec.diagnostics import InputError, did_you_mean
from arspec.extras import need
from arspec.language.load import Spec
from arspec.pictures import panels
from arspec.pictures.states import COLOURS, MEANINGS, Field, State, field_of, told_apart
from arspec.pictures.style import BODY, COLUMN, PAGE, check_figure, inches, legend, sheet, styled, write
from arspec.pictures.tree import DOTS, Tree, tree, tree_of
from arspec.shown import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_SPECS = 8  # that stay legible
ACROSS = 4  # specs of one panel side by side
LEVEL, TREE, STRIP = 0.2, (1.0, 3.2), 0.3  # inches of a level of a dependency tree, of a tree, and of a row of cells
NAME, LEGEND = 0.25, 0.3  # inches of a spec's name, and of the colours' meanings


def render_fields(
    specs: Sequence[Spec], path: str | os.PathLike[str], *, variable: int | Sequence[int] | None = None,
    node: str | None = None, member: int = 0, only: Sequence[str] | None = None, width: str | float | None = None,
) -> Path:  # fmt: skip
    """A row of panels for each spec; specs of a single panel stand side by side, and so do two sequences. Returns the
    path.

    variable: (row, column[, channel]), (step,) or (entry,), see `field_of`. node: whose mask is shown; the first masked
    one where left out, or without masks the first that reads a window. only: panels of PANELS. width: column, page or
    inches. The suffix says how it is written: .svg, .png or .pdf, whole or not at all. Raises InputError for what does
    not exist."""
    target = field_target(path, len(specs), "specs")
    fields = fields_of(specs, variable, node, member, only)
    return _write(fields, node, only, width, target)


def field_picture(
    specs: Sequence[Spec], *, variable: int | Sequence[int] | None = None, node: str | None = None, member: int = 0,
    only: Sequence[str] | None = None, width: str | float | None = None,
) -> Picture:  # fmt: skip
    """The same picture for notebooks, which also saves it. What does not exist is refused here already."""
    need("matplotlib")
    inches(width, PAGE)
    fields = fields_of(specs, variable, node, member, only)

    def save(path: Path) -> Path:
        return _write(fields, node, only, width, field_target(path, len(specs), "specs"))

    return Picture(save, field_caption(fields))


def fields_of(
    specs: Sequence[Spec],
    variable: int | Sequence[int] | None,
    node: str | None,
    member: int,
    only: Sequence[str] | None,
) -> list[Field]:
    """The fields of a picture. InputError for a variable, a node, a member or a panel that there is not."""
    for name in only or ():
        if name not in PANELS:
            raise InputError("AR808", f"there is no panel '{name}'", did_you_mean(name, PANELS, "panels"))
    names = [n.name for spec in specs for n in spec.graph().live]
    if node is not None and node not in names:
        raise InputError(
            "AR808", f"there is no node '{node}' on the way to the head", did_you_mean(node, names, "nodes")
        )
    chosen = [member if member < len(spec.members) or len(specs) == 1 else 0 for spec in specs]
    return told_apart([field_of(spec, variable, one) for spec, one in zip(specs, chosen, strict=True)])


def field_caption(fields: Sequence[Field]) -> str:
    """What a field picture shows, in a sentence for each spec."""
    return " ".join(f"{f.called}: ({f.name}) {f.summary()}." for f in fields)


def field_target(path: str | os.PathLike[str], count: int, what: str) -> Path:
    """Where a picture of so many specs or models side by side is written. Raises InputError where it can't be."""
    target = check_figure(Path(path), "field pictures")
    if not 1 <= count <= MAX_SPECS:
        raise InputError("AR808", f"from 1 to {MAX_SPECS} {what} stand side by side, not {count}", None)
    return target


def figure_reads(
    specs: Sequence[Spec], path: str | os.PathLike[str], variable: int | Sequence[int] | None = None
) -> Path:
    """The classical figure of what a pixel sees, for any specs side by side: PixelCNN's blind spot against Gated
    PixelCNN (van den Oord et al. 2016b, figure 1), or plain against dilated causal convolutions (WaveNet,
    figures 2, 3)."""
    return render_fields(specs, path, variable=variable, only=("tree", "blind_spot"))


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


def _write(
    fields: list[Field], node: str | None, only: Sequence[str] | None, width: str | float | None, target: Path
) -> Path:
    wanted = [p for p in PANELS if only is None or p in only]
    shown = {f: [p for p in wanted if _has(f, p)] for f in fields}
    if not any(shown.values()):
        raise InputError(
            "AR808", f"none of the specs has a panel {', '.join(wanted)}", f"the panels are {', '.join(PANELS)}"
        )
    strips = [panels.shape_of(f)[0] == 1 for f in fields]
    most = max(len(names) for names in shown.values())
    across = min(2 if all(strips) else ACROSS if most == 1 else 1, len(fields))
    wide = inches(width, COLUMN if most == 1 and across <= 2 and not any(strips) else PAGE)
    trees = {f: tree_of(f) for f in fields if "tree" in shown[f]}
    since = min((t.first for t in trees.values()), default=0)  # short ones side by side begin at one step
    common = since if all(f.position - since <= DOTS for f in trees) else None
    inner = {f: [_height(f, p, wide / across / (1 if strip else most), trees.get(f)) for p in shown[f]]
             for f, strip in zip(fields, strips, strict=True)}  # fmt: skip
    whole = {f: NAME + (sum(h + _above(f, p) for h, p in zip(inner[f], shown[f], strict=True)) if strip
                        else max((h + _above(f, p) for h, p in zip(inner[f], shown[f], strict=True)), default=0))
             for f, strip in zip(fields, strips, strict=True)}  # fmt: skip
    lines = [max(whole[f] for f in fields[k : k + across]) for k in range(0, len(fields), across)]
    with styled():
        figure = sheet(wide, sum(lines) + LEGEND)
        parts = figure.subfigures(len(lines), 1, squeeze=False, height_ratios=lines).ravel().tolist()
        for k, part in enumerate(parts):
            own = fields[k * across : (k + 1) * across]
            axes = _axes(part, [(f, shown[f], inner[f]) for f in own], across, 1 if strips[k * across] else most)
            for field, panel in axes:
                drawn = _panel(panel, axes[field, panel], field, node, trees.get(field), common)
                axes[field, panel].set_anchor("N")
                if not drawn:
                    axes[field, panel].set_axis_off()
            _names(part, own, axes, across)
        present = {State(s) for f in fields for s in f.by_position}
        if any({"context", "blind_spot"} & {*names} for names in shown.values()):
            legend(figure, [(COLOURS[s], MEANINGS[s]) for s in State if s in present], itself=True)
        return write(figure, target, field_caption(fields))


def _axes(
    part: Any, own: list[tuple[Field, list[str], list[float]]], across: int, most: int
) -> dict[tuple[Field, str], Axes]:
    """Where the panels of a line of specs stand: those of one spec side by side in `most` columns, or below each other
    where that is 1; those of several specs below each other, the same of all in a row."""
    if across == 1 and most > 1:
        (field, names, _), grid = own[0], part.add_gridspec(1, most)
        return {(field, name): part.add_subplot(grid[0, k]) for k, name in enumerate(names)}
    rows = {name: height for _, names, heights in own for name, height in zip(names, heights, strict=True)}
    rows = {name: rows[name] for name in PANELS if name in rows}
    grid = part.add_gridspec(max(1, len(rows)), across, height_ratios=[*rows.values()] or [1])
    return {
        (field, name): part.add_subplot(grid[row, column])
        for column, (field, names, _) in enumerate(own) for row, name in enumerate(rows) if name in names
    }  # fmt: skip


def _names(part: Any, own: list[Field], axes: dict[tuple[Field, str], Axes], across: int) -> None:
    """The names of the specs: of one above its panels, of several each above its first panel."""
    firsts = {field: next((one for (of, _), one in axes.items() if of is field), None) for field in own}
    lines = max((one.get_title().count("\n") + 1 for one in firsts.values() if one is not None), default=1)
    for field, first in firsts.items():
        name = f"{field.called} ({'×'.join(map(str, field.spec.data.shape))})"
        if across == 1 or first is None:
            part.suptitle(name, x=0.01, ha="left", parse_math=False, fontsize=BODY + 1, fontweight="bold")
        else:
            first.annotate(name, (0.5, 1.0), (0, 6 + lines * 1.25 * BODY), "axes fraction", "offset points",
                           ha="center", fontsize=BODY + 1, fontweight="bold", parse_math=False)  # fmt: skip


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


def _height(field: Field, panel: str, width: float, drawn: Tree | None) -> float:
    """Inches of a panel of a width, without what stands around it."""
    height, across = panels.shape_of(field)
    if panel == "tree":
        return min(TREE[1], max(TREE[0], LEVEL * len(drawn.rows))) if drawn else TREE[0]
    return STRIP if height == 1 else (width - 0.4) * min(1.4, height / across)


def _above(field: Field, panel: str) -> float:
    """Inches that a panel's title of up to three lines, its numbers and its scale take."""
    if panel not in ("order", "context"):
        return 0.5
    return 1.2 if panels.shape_of(field)[0] > 1 else 0.9
