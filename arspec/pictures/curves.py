"""Histograms and ROC curves of scores, and the reliability of predicted probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arspec.pictures.style import COLUMN, HAIR, PAGE, check_figure, inches, sheet, styled, titled, write
from arspec.scoring.auroc import auroc, curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from arspec.scoring.calibration import Calibration
    from arspec.scoring.scores import Scores

HIGH = 1.5  # inches of a panel


def draw_histograms(path: Path, sets: dict[str, Scores], *, width: str | float | None = None) -> Path:
    """A histogram of each score, the sets over one another. Gives the path."""
    check_figure(path, "histograms")
    names = list(next(iter(sets.values())).of)
    across = 2 if len(names) in (2, 4) else min(3, len(names))
    rows = -(-len(names) // across)
    with styled():
        figure = sheet(inches(width, PAGE), rows * (HIGH + 0.45) + 0.2)
        grid: list[Axes] = figure.subplots(rows, across, squeeze=False).ravel().tolist()
        for axes, name in zip(grid, names, strict=False):
            every = np.concatenate([scores.of[name] for scores in sets.values()])
            low, high = np.quantile(every, [0.002, 0.998])
            bins = np.linspace(low, high if high > low else low + 1, 50)
            for label, scores in sets.items():
                axes.hist(scores.of[name].clip(bins[0], bins[-1]), bins, density=True, alpha=0.55, label=label,
                          histtype="stepfilled", linewidth=0.8)  # fmt: skip
            titled(axes, name)
            axes.set_xlabel("bits")
            axes.set_yticks([])
            axes.spines[["left", "top", "right"]].set_visible(False)
        for axes in grid[len(names) :]:
            axes.set_axis_off()
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(4, len(sets)))
        return write(figure, path, f"Histograms of the scores of {', '.join(sets)}.")


def draw_curves(
    path: Path, inside: Scores, outside: dict[str, Scores], *, width: str | float | None = None
) -> Path:  # fmt: skip
    """The ROC curve of each score, one panel for each of the other sets. Gives the path."""
    check_figure(path, "ROC curves")
    across = min(2, len(outside))
    rows = -(-len(outside) // across)
    with styled():
        wide = inches(width, COLUMN if across == 1 else PAGE)
        figure = sheet(wide, rows * (wide / across + 0.5))
        grid: list[Axes] = figure.subplots(rows, across, squeeze=False).ravel().tolist()
        for axes, (label, other) in zip(grid, outside.items(), strict=False):
            for name, values in inside.of.items():
                area = auroc(values, other.of[name])
                axes.plot(*curve(values, other.of[name]), label=f"{name} {area:.3f}")
            axes.plot([0, 1], [0, 1], color=HAIR, linewidth=0.5, linestyle=":")
            titled(axes, label)
            axes.set(xlabel="share of its own kind taken for strange", ylabel="share of the others found")
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, title="area under the curve (AUROC)")
        for axes in grid[len(outside) :]:
            axes.set_axis_off()
        return write(figure, path, f"ROC curves of the scores, against {', '.join(outside)}.")


def draw_calibration(path: Path, found: Calibration, *, width: str | float | None = None) -> Path:
    """Reliability of the likeliest level and of all levels, and the probability integral transform. Gives the path."""
    check_figure(path, "calibrations")
    with styled():
        wide = inches(width, PAGE)
        figure = sheet(wide, min(3.0, wide / 2) + 0.1)
        left, right = figure.subplots(1, 2)
        left.plot([0, 1], [0, 1], color=HAIR, linewidth=0.5, linestyle=":")
        for name, table in (("likeliest level", found.likeliest), ("all levels", found.levels)):
            full = table.count > 0
            left.plot(table.predicted[full], table.observed[full], marker="o", markersize=2,
                      label=f"{name}: error {table.error:.4f}")  # fmt: skip
        left.set(xlabel="predicted probability", ylabel="share that came true", aspect="equal")
        titled(left, "reliability")
        left.legend(loc="upper left")
        edges = np.linspace(0, 1, len(found.pit) + 1)
        right.stairs(found.pit, edges, fill=True, alpha=0.7)
        right.axhline(1, color=HAIR, linewidth=0.5, linestyle=":")
        right.set(xlabel="probability integral transform", ylabel="density", xlim=(0, 1))
        titled(right, f"{found.pit_distance:.4f} from uniform")
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
        return write(figure, path, "Reliability of the predicted probabilities, and their integral transform.")
